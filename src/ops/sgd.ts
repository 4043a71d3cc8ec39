/** SGD with momentum and weight decay, torch.optim.SGD's rule: g += wd p; buf = momentum buf + g; p -= lr buf. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, plain } from "../graph/op.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

/** Constants of a run. */
export interface SgdAttrs {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** Inputs parameter and momentum (overwritten), gradient, lr [1], loss, health. */
export const Sgd: Op<SgdAttrs> = {
  name: "Sgd",
  infer: ([p, buf, gradient]) => {
    if (!sameShape(p!.shape, gradient!.shape) || !sameShape(p!.shape, buf!.shape)) {
      throw new TypeError(
        `parameter ${specText(p!)} has gradient ${specText(gradient!)} and momentum ${specText(buf!)}`,
      );
    }
    return [];
  },
  mutates: [0, 1],
  candidates: plain((node) => {
    const { momentum, weightDecay } = node.attrs as SgdAttrs;
    const vectors = Math.ceil(sizeOf(node.inputs[0]!.shape) / 4);
    return {
      kernels: [{
        shader: "sgd",
        params: { vectors, momentum, weight_decay: weightDecay },
        bindings: [0, 1, 2, 3, 4, 5].map(input),
        workgroups: cover(vectors, 256),
      }],
    };
  }),
};

/** Updates a parameter state; its momentum is the state `momentum.<name>`, zero at first. */
export function sgdStep(
  g: Graph,
  p: Tensor,
  gradient: Tensor,
  lr: Tensor,
  attrs: SgdAttrs,
  { loss, health }: Guard,
): void {
  const buf = g.state(`momentum.${p.name}`, p.shape);
  g.add(Sgd, [p, buf, gradient, lr, loss, health], attrs, p.name);
}
