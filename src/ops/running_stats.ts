/** Running statistics of batch normalisation, as torch.nn.BatchNorm2d keeps them. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op } from "../graph/op.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { fullGroups, groupCandidates, groupName, memberEnds } from "./groups.ts";
import type { Guard } from "./guard.ts";

interface Attrs {
  readonly momentum: number;
  /** Values of a channel that each batch's variance was taken over. */
  readonly counts: readonly number[];
}

/** Layers of running_stats_together.wgsl, and the storage buffers that it binds. */
const TOGETHER = 6;
const BUFFERS = 2 + 4 * TOGETHER;

/** Inputs loss, health; then of each of `count` layers running mean and variance (overwritten), the batch's. */
function runningStatsOp(count: number): Op<Attrs> {
  const members = Array.from({ length: count }, (_, i) => 2 + 4 * i);
  return {
    name: "RunningStats",
    infer: () => [],
    mutates: members.flatMap((at) => [at, at + 1]),
    candidates: groupCandidates({ full: count === TOGETHER, buffers: BUFFERS, members, together, alone }),
  };
}

const OPS = new Map([1, TOGETHER].map((count) => [count, runningStatsOp(count)]));

/** n / (n - 1), which makes a variance of n values unbiased. */
const unbiasedBy = (count: number) => count / Math.max(1, count - 1);

function alone({ inputs, attrs: { momentum, counts } }: Node, at: number, i: number): Kernel {
  const channels = sizeOf(inputs[at]!.shape);
  return {
    shader: "running_stats",
    params: { channels, momentum, unbiased: unbiasedBy(counts[i]) },
    bindings: [0, 1, at, at + 1, at + 2, at + 3].map(input),
    workgroups: cover(channels, 64),
  };
}

function together({ inputs, attrs: { momentum, counts } }: Node, members: readonly number[]): Kernel {
  const { ends, total: channels } = memberEnds(members.map((at) => sizeOf(inputs[at]!.shape)), 1);
  return {
    shader: "running_stats_together",
    params: { ends, unbiased: counts.map(unbiasedBy), channels, momentum },
    bindings: inputs.map((_, i) => input(i)),
    workgroups: cover(channels, 64),
  };
}

/** A batch normalisation of a training pass, whose running statistics are to be moved; all tensors are [c]. */
export interface NormRecord {
  readonly running: { readonly mean: Tensor; readonly variance: Tensor };
  readonly batch: { readonly mean: Tensor; readonly variance: Tensor };
  /** Values of a channel. */
  readonly count: number;
}

/** Moves running statistics towards the batch's by `momentum`, the variance unbiased. */
export function updateRunning(
  g: Graph,
  layers: readonly NormRecord[],
  { loss, health }: Guard,
  momentum = 0.1,
): void {
  for (const group of fullGroups(layers, ({ running }) => sizeOf(running.mean.shape), TOGETHER)) {
    const tensors = group.flatMap(({ running, batch }) => [running.mean, running.variance, batch.mean, batch.variance]);
    const attrs = { momentum, counts: group.map(({ count }) => count) };
    const name = groupName(group.map(({ running }) => running.mean.name));
    g.add(OPS.get(group.length)!, [loss, health, ...tensors], attrs, name);
  }
}
