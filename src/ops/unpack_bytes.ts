/** Bytes as they come from the host, four in a word, to values in [0, 1]: a quarter of the upload. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

interface Attrs {
  readonly shape: readonly number[];
}

/** Input u32 [ceil(size / 4)], the first byte lowest; output values / 255 in `shape`. */
export const UnpackBytes: Op<Attrs> = {
  name: "UnpackBytes",
  infer: ([x], { shape }) => {
    if (x!.dtype !== "u32" || sizeOf(x!.shape) !== wordsOf(shape)) {
      throw new TypeError(`takes u32[${wordsOf(shape)}] for bytes [${shape}], got ${specText(x!)}`);
    }
    return [{ shape, dtype: "f32" }];
  },
  candidates: plain((node) => {
    const words = sizeOf(node.inputs[0]!.shape);
    const kernel = { shader: "unpack_bytes", params: { words }, workgroups: cover(words, 256) };
    return { kernels: [{ ...kernel, bindings: [input(0), output(0)] }] };
  }),
};

/** Words that hold the bytes of a shape. */
export function wordsOf(shape: readonly number[]): number {
  return Math.ceil(sizeOf(shape) / 4);
}

/** The bytes in x as values in [0, 1] of this shape. */
export function unpackBytes(g: Graph, x: Tensor, shape: readonly number[]): Tensor {
  return g.apply(UnpackBytes, [x], { shape });
}
