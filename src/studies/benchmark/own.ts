/** Works on this program's own engine. */

import type { Gpu } from "../../gpu/device.ts";
import { Session } from "../../gpu/session.ts";
import { StateStore } from "../../gpu/store.ts";
import { tunedTarget } from "../../gpu/tune.ts";
import { plan } from "../../graph/plan.ts";
import { memoryOf, type Program } from "../../graph/program.ts";
import { type Engine, type ProgramSize, startClock, type Started } from "./engine.ts";
import type { PreparedWork } from "./works.ts";

/** Runs that are submitted before the result of the first of them is waited for, as in training. */
const IN_FLIGHT = 3;

/** A work that runs here, with what can be seen of it. */
export interface OwnWork extends Started {
  readonly program: Program;
  readonly size: ProgramSize;
  readonly session: Session;
}

/** This program as an engine among others. */
export function ownEngine(gpu: Gpu): Engine {
  return { name: "latent-views", takes: () => true, start: (work) => startOwn(gpu, work) };
}

/** Plans and compiles a work, and runs it once. */
export async function startOwn(gpu: Gpu, { graph, inputs, states, output, read }: PreparedWork): Promise<OwnWork> {
  const program = plan(graph, await tunedTarget(gpu, graph));
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, program, store);
  const close = () => {
    session.close();
    store.close();
    return Promise.resolve();
  };
  try {
    for (const [name, { data }] of inputs) session.write(name, data);
    for (const [name, { data }] of states) store.write(name, data);
    await session.run();
    const first = await session.read(output) as Float32Array;
    const loss = (result: Float32Array | null) => output === "loss" && result ? result[0]! : null;
    return {
      about: gpu.info.name,
      first,
      size: sizeOfProgram(program),
      program,
      session,
      close,
      run: async (count) => {
        const clock = startClock();
        const last = await runs(session, count, read ? output : null);
        return { ...clock(), loss: loss(last) };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function sizeOfProgram(program: Program): ProgramSize {
  const memory = memoryOf(program);
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    dispatches: program.steps.length,
    mib: mib(Object.values(memory).reduce((a, b) => a + b, 0)),
    mib_activations: mib((memory.work ?? 0) + (memory.texture ?? 0)),
  };
}

/** Runs back to back; the last value of the output, where one is read. */
async function runs(session: Session, count: number, output: string | null): Promise<Float32Array | null> {
  const { device } = session.gpu;
  if (output === null) {
    for (let i = 0; i < count; i++) session.run();
    await Promise.race([device.queue.onSubmittedWorkDone(), session.gpu.failed]);
    return null;
  }
  const pending: ReturnType<Session["run"]>[] = [];
  let last: Awaited<ReturnType<Session["run"]>> = {};
  for (let i = 0; i < count; i++) {
    pending.push(session.run([output]));
    if (pending.length === IN_FLIGHT) last = await pending.shift()!;
  }
  for (const result of pending) last = await result;
  return last[output] as Float32Array;
}
