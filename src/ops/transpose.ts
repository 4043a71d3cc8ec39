/** Transpose (ONNX 13): dimension i of the output is dimension perm[i] of the input. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, stridesOf, type Tensor } from "../graph/tensor.ts";
import { leading } from "./broadcast.ts";
import { reshape } from "./reshape.ts";

const WG_SIZE = 256;

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
  candidates: plain((node) => {
    const { shape } = node.outputs[0]!;
    const strides = stridesOf(node.inputs[0]!.shape);
    return {
      kernels: [{
        shader: "strided_copy",
        params: {
          count: sizeOf(shape),
          start: 0,
          dims: leading(shape, 1),
          strides: leading(node.attrs.perm.map((d: number) => strides[d]!), 0),
        },
        bindings: [input(0), output(0)],
        workgroups: cover(sizeOf(shape), WG_SIZE),
      }],
    };
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
