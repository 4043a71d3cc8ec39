/** A ring of rows of which each step overwrites the oldest, as MoCo's queue of keys (He et al. 2020, algorithm 1). */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

/** Inputs queue [k, d] (overwritten), x [n, d] with k a multiple of n, rng, loss, health. */
export const Enqueue: Op = {
  name: "Enqueue",
  infer: ([queue, x]) => {
    const fits = queue!.shape.length === 2 && x!.shape.length === 2 && queue!.shape[1] === x!.shape[1] &&
      queue!.shape[0]! % x!.shape[0]! === 0;
    if (!fits) throw new TypeError(`rows ${specText(x!)} do not fill ${specText(queue!)} in a whole number of steps`);
    return [];
  },
  mutates: [0],
  candidates: plain((node) => {
    const [queue, x] = node.inputs as [Tensor, Tensor];
    const count = sizeOf(x.shape);
    return {
      kernels: [{
        shader: "enqueue",
        params: { count, slots: queue.shape[0]! / x.shape[0]! },
        bindings: [0, 1, 2, 3, 4].map(input),
        workgroups: cover(count, 256),
      }],
    };
  }),
};

/** Puts rows x in the place of the oldest of the state `queue`; `rng` is the input that holds the step's number. */
export function enqueue(g: Graph, queue: Tensor, x: Tensor, rng: Tensor, { loss, health }: Guard): void {
  g.add(Enqueue, [queue, x, rng, loss, health], {});
}
