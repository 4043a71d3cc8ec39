/** TopK (ONNX 11): the k largest (smallest) values along an axis, in order, and their places. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Lowering, type Node, type Op, output, plain, scratch } from "../graph/op.ts";
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
  candidates: [
    { name: "sort", accepts: ({ inputs: [x], attrs }) => attrs.k > 0 && x!.shape.at(-1)! >= LONG, lower: bySorting },
    ...plain((node) => {
      const { rows, columns, k, constants } = sizesOf(node);
      return {
        kernels: k === 0 ? [] : [{
          shader: "top_k",
          constants,
          params: { rows, columns, k },
          bindings: [input(0), output(0), output(1)],
          workgroups: cover(rows * columns, 64),
          iterations: columns,
        }],
      };
    }),
  ],
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

/** Columns from which rows are sorted, instead of comparing each element with all others. */
const LONG = 2048;

function sizesOf(node: Node) {
  const { shape, dtype } = node.inputs[0]!;
  const { k, largest } = node.attrs as Attrs;
  const columns = shape.at(-1)!;
  const constants = { LARGEST: Number(largest), WHOLE: Number(dtype === "i32") };
  return { rows: sizeOf(shape) / columns, columns, k, constants };
}

/** A radix sort: four passes over 8 bits each, between two buffers of (key, place). */
function bySorting(node: Node): Lowering {
  const { rows, columns, k, constants } = sizesOf(node);
  const blocks = Math.ceil(columns / 256);
  const kernel = (entry: string, from: number, workgroups: Kernel["workgroups"], shift = 0): Kernel => ({
    shader: "top_k_sort",
    entry,
    constants,
    params: { rows, columns, k, blocks, shift },
    bindings: [input(0), scratch(from), scratch(1 - from), scratch(2), output(0), output(1)],
    workgroups,
    iterations: entry === "scan" ? 2 * blocks + 256 : 256,
  });
  const passes = [0, 8, 16, 24].flatMap((shift, pass) => [
    kernel("count", pass % 2, [rows * blocks, 1, 1], shift),
    kernel("scan", pass % 2, [rows, 1, 1], shift),
    kernel("move_items", pass % 2, [rows * blocks, 1, 1], shift),
  ]);
  return {
    scratch: [8 * rows * columns, 8 * rows * columns, 4 * 256 * rows * blocks],
    kernels: [
      kernel("load", 1, cover(rows * columns, 256)),
      ...passes,
      kernel("store", 0, cover(rows * k, 256)),
    ],
  };
}

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
