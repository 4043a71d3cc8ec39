/** Running statistics of batch normalisation, as torch.nn.BatchNorm2d keeps them. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, plain } from "../graph/op.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

interface Attrs {
  readonly momentum: number;
  /** Values of a channel that the batch's variance was taken over. */
  readonly count: number;
}

/** Inputs running mean and variance (overwritten), the batch's mean and biased variance, loss, health. */
export const RunningStats: Op<Attrs> = {
  name: "RunningStats",
  infer: () => [],
  mutates: [0, 1],
  candidates: plain((node) => {
    const { momentum, count } = node.attrs as Attrs;
    const channels = sizeOf(node.inputs[0]!.shape);
    return {
      kernels: [{
        shader: "running_stats",
        params: { channels, momentum, unbiased: count / Math.max(1, count - 1) },
        bindings: [0, 1, 2, 3, 4, 5].map(input),
        workgroups: cover(channels, 64),
      }],
    };
  }),
};

/** Moves running statistics [c] towards a batch's by `momentum`, the variance unbiased. */
export function updateRunning(
  g: Graph,
  running: { mean: Tensor; variance: Tensor },
  batch: { mean: Tensor; variance: Tensor },
  { count, momentum = 0.1 }: { count: number; momentum?: number },
  { loss, health }: Guard,
): void {
  g.add(RunningStats, [running.mean, running.variance, batch.mean, batch.variance, loss, health], { momentum, count });
}
