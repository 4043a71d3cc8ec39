/**
 * Operands of half precision: convolutions, products and batch norms read f16 and compute in f32, as in mixed-precision
 * training (Micikevicius et al. 2018). What they give is f32 until it is rounded for the next layer; parameters,
 * statistics, losses and updates stay f32. The f16 operands are what the backward pass keeps.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";

/** Rounds f32 to f16. A gradient passes as it is, in f32. */
export const Half: Op = {
  name: "Half",
  infer: ([x]) => {
    if (x!.dtype !== "f32") throw new TypeError(`takes f32, got ${specText(x!)}`);
    return [{ shape: x!.shape, dtype: "f16" }];
  },
  candidates: plain(({ outputs: [y] }) => {
    const vectors = Math.ceil(sizeOf(y!.shape) / 8);
    return {
      kernels: [{
        shader: "half",
        params: { vectors },
        bindings: [input(0), output(0)],
        workgroups: cover(vectors, 64),
      }],
    };
  }),
  splitInputs: () => [true],
  gradient: (_g, _node, [dout]) => [dout!],
  /** Once for all who read it, also where x is computed again. */
  again: (g, _node, [x]) => [half(g, x!)],
};

/** What was rounded already, for tensors that several layers read. */
const rounded = new WeakMap<Tensor, Tensor>();

/** x as f16; the same tensor for every caller. */
function half(g: Graph, x: Tensor): Tensor {
  const known = rounded.get(x) ?? g.apply(Half, [x], {});
  rounded.set(x, known);
  return known;
}

/** An operand of an encoder's layer as the graph stores them. */
export function layerOperand(g: Graph, x: Tensor): Tensor {
  return g.operands === "f16" ? half(g, x) : x;
}

/** x as `other` is stored: operands of one convolution or product have one type. */
export function storedAs(g: Graph, x: Tensor, other: Tensor): Tensor {
  return other.dtype === "f16" && x.dtype === "f32" ? half(g, x) : x;
}

/** Throws TypeError unless both are f32 or both are f16, of a rank that is taken. */
export function checkOperands(specs: readonly TensorSpec[], takesRank: (rank: number) => boolean, ranks: string): void {
  for (const spec of specs) {
    const taken = spec.dtype === "f32" || spec.dtype === "f16";
    if (!taken || spec.dtype !== specs[0]!.dtype || !takesRank(spec.shape.length)) {
      throw new TypeError(`takes f32 (or f16 alone) of rank ${ranks}, got ${specText(spec)}`);
    }
  }
}
