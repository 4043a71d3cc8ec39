/** Exponential moving averages of parameters, as momentum encoders are (He et al. 2020, formula 2). */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, plain } from "../graph/op.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

/** Inputs average (overwritten), value (a state, as the step's update leaves it), rate [1], loss, health. */
export const Ema: Op = {
  name: "Ema",
  infer: ([average, value]) => {
    if (!sameShape(average!.shape, value!.shape)) {
      throw new TypeError(`the average ${specText(average!)} follows ${specText(value!)} of another shape`);
    }
    return [];
  },
  mutates: [0],
  readsUpdated: [1],
  candidates: plain((node) => {
    const vectors = Math.ceil(sizeOf(node.inputs[0]!.shape) / 4);
    return {
      kernels: [{
        shader: "ema",
        params: { vectors },
        bindings: [0, 1, 2, 3, 4].map(input),
        workgroups: cover(vectors, 256),
      }],
    };
  }),
};

/** Moves the state `average` to rate * average + (1 - rate) * value, after `value` was updated in the same step. */
export function ema(g: Graph, average: Tensor, value: Tensor, rate: Tensor, { loss, health }: Guard): void {
  g.add(Ema, [average, value, rate, loss, health], {}, average.name);
}
