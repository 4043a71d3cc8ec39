/** TopK (ONNX 11): the k largest (smallest) values along an axis, in order, and their places. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { reshape } from "./reshape.ts";
import { scatter } from "./scatter.ts";
import { inversePermutation, transpose } from "./transpose.ts";

interface Attrs {
  readonly k: number;
  readonly largest: boolean;
}

/** Along the last axis of x (f32 or i32): values and places (i32) [..., k]. */
export const TopK: Op<Attrs> = {
  name: "TopK",
  infer: ([x], { k }) => {
    if (x!.shape.length === 0 || (x!.dtype !== "f32" && x!.dtype !== "i32")) {
      throw new TypeError(`takes f32 or i32 of rank 1 or more, got ${specText(x!)}`);
    }
    const size = x!.shape.at(-1)!;
    if (!Number.isInteger(k) || k < 0 || k > size) throw new RangeError(`k ${k} is not from 0 to ${size}`);
    const shape = [...x!.shape.slice(0, -1), k];
    return [{ shape, dtype: x!.dtype }, { shape, dtype: "i32" }];
  },
  candidates: plain((node) => {
    const { shape, dtype } = node.inputs[0]!;
    const { k, largest } = node.attrs as Attrs;
    const columns = shape.at(-1)!;
    return {
      kernels: k === 0 ? [] : [{
        shader: "top_k",
        constants: { LARGEST: Number(largest), WHOLE: Number(dtype === "i32") },
        params: { rows: sizeOf(shape) / columns, columns, k },
        bindings: [input(0), output(0), output(1)],
        workgroups: cover(sizeOf(shape), 64),
        iterations: columns,
      }],
    };
  }),
  // Each value's gradient goes back to its place.
  gradient: (g, node, [dy]) => {
    const { shape } = node.inputs[0]!;
    const columns = shape.at(-1)!;
    const rows = sizeOf(shape) / columns;
    const zeros = g.constant(new Float32Array(rows * columns), [rows, columns, 1]);
    const places = reshape(g, node.outputs[1]!, [rows, node.attrs.k]);
    return [reshape(g, scatter(g, zeros, places, reshape(g, dy!, [rows, node.attrs.k, 1]), "none"), shape)];
  },
};

/** The k largest (or smallest) values of x along `axis`, best first, and their places. */
export function topK(
  g: Graph,
  x: Tensor,
  k: number,
  { axis = -1, largest = true }: { readonly axis?: number; readonly largest?: boolean } = {},
): { values: Tensor; places: Tensor } {
  const at = normalizeAxis(axis, x.shape.length);
  const perm = [...x.shape.keys()].filter((d) => d !== at).concat(at);
  const [values, places] = g.add(TopK, [transpose(g, x, perm)], { k, largest });
  const back = inversePermutation(perm);
  return { values: transpose(g, values!, back), places: transpose(g, places!, back) };
}
