/**
 * Adam (Kingma and Ba 2015, algorithm 1), torch.optim.Adam's rule without weight decay:
 *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *   p -= lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps),  t counted from 1.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, plain } from "../graph/op.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

/** Constants of a run. */
export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

/** PyTorch's defaults. */
export const ADAM: AdamAttrs = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

/** Inputs parameter and its two moments (overwritten), gradient, rates [2] as adamRates gives them, loss, health. */
export const Adam: Op<AdamAttrs> = {
  name: "Adam",
  infer: ([p, m, v, gradient, rates]) => {
    if (![m, v, gradient].every((t) => sameShape(t!.shape, p!.shape))) {
      throw new TypeError(
        `parameter ${specText(p!)} has gradient ${specText(gradient!)} and moments ${specText(m!)}, ${specText(v!)}`,
      );
    }
    if (sizeOf(rates!.shape) !== 2) throw new TypeError(`takes two rates, got ${specText(rates!)}`);
    return [];
  },
  mutates: [0, 1, 2],
  candidates: plain((node) => {
    const { beta1, beta2, eps } = node.attrs as AdamAttrs;
    const vectors = Math.ceil(sizeOf(node.inputs[0]!.shape) / 4);
    return {
      kernels: [{
        shader: "adam",
        // 1 - beta is taken here, where it has all its digits.
        params: { vectors, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps },
        bindings: [0, 1, 2, 3, 4, 5, 6].map(input),
        workgroups: cover(vectors, 256),
      }],
    };
  }),
};

/** Values of the input `rates` for update number t, from 1: lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t). */
export function adamRates(lr: number, t: number, { beta1, beta2 }: AdamAttrs = ADAM): Float32Array {
  return Float32Array.of(lr / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t));
}

/** Updates a parameter state; its moments are the states `exp_avg.<name>` and `exp_avg_sq.<name>`, zero at first. */
export function adamStep(
  g: Graph,
  p: Tensor,
  gradient: Tensor,
  rates: Tensor,
  { loss, health }: Guard,
  attrs: AdamAttrs = ADAM,
): void {
  const m = g.state(`exp_avg.${p.name}`, p.shape);
  const v = g.state(`exp_avg_sq.${p.name}`, p.shape);
  g.add(Adam, [p, m, v, gradient, rates, loss, health], attrs, p.name);
}
