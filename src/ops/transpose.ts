/** Transpose (ONNX 13): dimension i of the output is dimension perm[i] of the input. */

import type { Graph } from "../graph/graph.ts";
import type { Op } from "../graph/op.ts";
import { stridesOf, type Tensor } from "../graph/tensor.ts";
import { reshape } from "./reshape.ts";
import { stridedCopies } from "./strided_copy.ts";

/** Moves elements of any type. */
export const Transpose: Op<{ readonly perm: readonly number[] }> = {
  name: "Transpose",
  infer: ([x], { perm }) => {
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== x!.shape.length || sorted.some((d, i) => d !== i)) {
      throw new TypeError(`takes a permutation of ${x!.shape.length} dimensions, got [${perm}]`);
    }
    return [{ shape: perm.map((d) => x!.shape[d]!), dtype: x!.dtype }];
  },
  candidates: stridedCopies((node) => {
    const strides = stridesOf(node.inputs[0]!.shape);
    return { start: 0, dims: node.outputs[0]!.shape, strides: node.attrs.perm.map((d: number) => strides[d]!) };
  }),
  splitInputs: (node) => [node.attrs.perm[0] === 0],
  gradient: (g, node, [dout]) => [transpose(g, dout!, inversePermutation(node.attrs.perm))],
};

/** x with its dimensions in the order of perm; a view where only dimensions of size 1 move. */
export function transpose(g: Graph, x: Tensor, perm: readonly number[]): Tensor {
  const moving = perm.filter((d) => x.shape[d] !== 1);
  if (moving.every((d, i) => i === 0 || moving[i - 1]! < d)) return reshape(g, x, perm.map((d) => x.shape[d]!));
  return g.apply(Transpose, [x], { perm: [...perm] });
}

/** The permutation that undoes another. */
export function inversePermutation(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length);
  perm.forEach((d, i) => inverse[d] = i);
  return inverse;
}
