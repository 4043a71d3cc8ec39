/**
 * Kernels chosen by measurement: each candidate of a node is run alone, on its shapes, on this adapter. What was found
 * is kept on disk for the adapter and the shaders' text (picks.ts), so that a run finds the same kernels again.
 */

import { fuse } from "../graph/fuse.ts";
import { Graph } from "../graph/graph.ts";
import type { Candidate, Node, Target } from "../graph/op.ts";
import { workKey } from "../graph/choose.ts";
import { plan } from "../graph/plan.ts";
import { hostArray, sizeOf } from "../graph/tensor.ts";
import type { Gpu } from "./device.ts";
import { targetOf } from "./execute.ts";
import { loadPicks, type Picks, savePicks } from "./picks.ts";
import { Session } from "./session.ts";
import { StateStore } from "./store.ts";

/** What the candidates of one kind of node take. */
export interface TunedWork {
  /** Operator, attributes and shapes; see workKey. */
  readonly key: string;
  readonly node: Node;
  /** Nodes of the graph that are this work. */
  readonly count: number;
  /** Milliseconds by candidate, least first; the first one is the pick. */
  readonly times: readonly { readonly candidate: string; readonly ms: number }[];
}

/** A round has so many runs that it takes this long (waiting for its end alone may take 10 ms), or the most runs. */
const ROUND_MS = 60;
const MOST_RUNS = 512;
/** The fastest of the rounds counts. */
const ROUNDS = 2;

/**
 * The target of a device with the kernels that are known to be fastest there. A hardware adapter is measured for works
 * that it has not met; for software ones the order of candidates was measured once (ARCHITECTURE.md), and only what
 * `deno task tune` found takes its place.
 */
export async function tunedTarget(gpu: Gpu, g: Graph, log: (line: string) => void = () => {}): Promise<Target> {
  const known = loadPicks(gpu.info);
  if (gpu.info.kind === "gpu") {
    const works = await tune(gpu, g, known);
    if (works.length > 0) {
      log(`measured the kernels of ${works.length} works on ${gpu.info.name}`);
      remember(gpu, known, works);
    }
  }
  return { ...targetOf(gpu.info), picks: known };
}

/** Adds what was measured to the picks, in memory and on disk. */
export function remember(gpu: Gpu, picks: Picks, works: readonly TunedWork[]): void {
  for (const { key, times } of works) picks.set(key, times[0]!.candidate);
  savePicks(gpu.info, picks);
}

/** Measures the works of a graph that have several candidates and are not in `known`, of some operators or of all. */
export async function tune(
  gpu: Gpu,
  g: Graph,
  known: ReadonlyMap<string, string>,
  operators?: readonly string[],
): Promise<TunedWork[]> {
  const target = targetOf(gpu.info);
  const wanted = fuse(g, target).nodes.filter(({ op }) => operators?.includes(op.name) ?? true);
  const works = Map.groupBy(wanted.filter((node) => choices(node, target).length > 1), workKey);
  const measured: TunedWork[] = [];
  for (const [key, nodes] of works) {
    if (known.has(key)) continue;
    const node = nodes[0]!;
    const times = [];
    for (const { name } of choices(node, target)) {
      times.push({ candidate: name, ms: await timeCandidate(gpu, node, target, name) });
    }
    times.sort((a, b) => a.ms - b.ms);
    measured.push({ key, node, count: nodes.length, times });
  }
  return measured;
}

/** The candidates that may be picked: plain ones are right and slow, and stay out where there is another. */
function choices(node: Node, target: Target): Candidate[] {
  if (node.op.mutates) return [];
  const able = node.op.candidates.filter((c) => c.accepts(node, target));
  const fast = able.filter((c) => c.name !== "plain");
  return fast.length > 0 ? fast : able;
}

/** Milliseconds of a run of the node alone; Infinity where the adapter cannot run it so. */
async function timeCandidate(gpu: Gpu, node: Node, target: Target, candidate: string): Promise<number> {
  const g = new Graph();
  const inputs = node.inputs.map((t, i) => g.input(`input ${i}`, t.shape, t.dtype));
  g.add(node.op, inputs, node.attrs).forEach((t, i) => g.output(`output ${i}`, t));
  let program;
  try {
    program = plan(g, { ...target, force: { [node.op.name]: candidate } });
  } catch (error) {
    if (error instanceof RangeError) return Infinity;
    throw error;
  }
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, program, store);
  try {
    for (const [name, { dtype, shape }] of program.inputs) {
      const values = hostArray(dtype, sizeOf(shape));
      if (dtype === "f32" || dtype === "f16") {
        for (let i = 0; i < values.length; i++) values[i] = Math.sin(i * 12.9898);
      }
      session.write(name, values);
    }
    return await leastTime(session);
  } finally {
    session.close();
    store.close();
  }
}

async function leastTime(session: Session): Promise<number> {
  const runs = async (count: number) => {
    const begun = performance.now();
    for (let i = 0; i < count; i++) await session.run();
    await Promise.race([session.gpu.device.queue.onSubmittedWorkDone(), session.gpu.failed]);
    return (performance.now() - begun) / count;
  };
  let count = 1;
  let least = await runs(1); // the first one also warms caches
  while (count < MOST_RUNS && least * count < ROUND_MS) least = await runs(count *= 4);
  for (let round = 1; round < ROUNDS; round++) least = Math.min(least, await runs(count));
  return least;
}
