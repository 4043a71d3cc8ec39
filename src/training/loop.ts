/** A loop of steps: submits them, reads their losses some steps late, and stops with a checkpoint when asked to. */

import type { Session } from "../gpu/session.ts";
import type { HostArray } from "../graph/tensor.ts";
import { divergence, type RateSetting } from "./divergence.ts";

/** Steps whose losses may be on their way while new ones are submitted. */
const STEPS_IN_FLIGHT = 3;

/** What a loop does. Its session has the outputs `loss` and `health` (see ops/guard.ts). */
export interface Loop {
  /** Updates done before, and at the end. */
  readonly start: number;
  readonly steps: number;
  /** Steps between two checkpoints. */
  readonly saveEvery: number;
  /** Stops the loop after the current step, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Values of the inputs of a step, counted from 0: the same whenever they are asked for. */
  inputs(step: number): Readonly<Record<string, HostArray>>;
  /** Hears of an update that is done, counted from 1. */
  onStep(done: number, loss: number): void;
  /** Writes a checkpoint after so many updates. */
  save(done: number): Promise<void>;
  /** For the message about a loss that is not finite. */
  readonly rate: RateSetting;
}

/** Runs the loop; the updates done. A loss that is not finite is a WorkError that names the first node to blame. */
export async function runSteps(session: Session, loop: Loop): Promise<number> {
  const pending: { step: number; result: Promise<Record<string, HostArray>> }[] = [];
  const write = (step: number) => {
    for (const [name, values] of Object.entries(loop.inputs(step))) session.write(name, values);
  };
  const settle = async () => {
    const { step, result } = pending.shift()!;
    const { loss, health } = await result;
    if (health![0] === 0 && Number.isFinite(loss![0])) return loop.onStep(step + 1, loss![0]!);
    await Promise.allSettled(pending.map((p) => p.result));
    write(step); // for its replay
    throw await divergence(session, step, loss![0]!, loop.rate);
  };
  let step = loop.start;
  let saved = -1;
  const save = async () => {
    while (pending.length) await settle();
    if (saved !== step) await loop.save(step);
    saved = step;
  };
  while (step < loop.steps && !loop.signal.aborted) {
    write(step);
    const result = session.run(["loss", "health"]);
    result.catch(() => {}); // reported when it is settled
    pending.push({ step: step++, result });
    if (pending.length >= STEPS_IN_FLIGHT) await settle();
    if (step % loop.saveEvery === 0) await save();
  }
  await save();
  return step;
}
