/** Gather (ONNX 13): slices of a tensor by number along an axis; Embedding is the case of rows. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Op, output, plain } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { add } from "./binary.ts";
import { reshape } from "./reshape.ts";

interface Attrs {
  readonly axis: number;
}

/** Kernel for x of this shape; `total` is what it writes. */
function kernel(shader: string, x: readonly number[], axis: number, count: number, total: number): Kernel {
  return {
    shader,
    params: { total, size: x[axis]!, count, inner: sizeOf(x.slice(axis + 1)) },
    bindings: [input(0), input(1), output(0)],
    workgroups: cover(total, 256),
  };
}

/** Inputs x and indices i32; the axis is replaced by the dimensions of the indices. */
export const Gather: Op<Attrs> = {
  name: "Gather",
  infer: ([x, indices], { axis }) => {
    if (indices!.dtype !== "i32") throw new TypeError(`takes i32 indices, got ${specText(indices!)}`);
    return [{ shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)], dtype: x!.dtype }];
  },
  candidates: plain((node) => {
    const [x, indices] = node.inputs as [Tensor, Tensor];
    return {
      kernels: [kernel("gather", x.shape, node.attrs.axis, sizeOf(indices.shape), sizeOf(node.outputs[0]!.shape))],
    };
  }),
  gradient: (g, node, [dy]) => {
    const [x, indices] = node.inputs as [Tensor, Tensor];
    return [g.apply(GatherGradient, [dy!, indices], { ...node.attrs, shape: x.shape }), null];
  },
};

const GatherGradient: Op<Attrs & { readonly shape: readonly number[] }> = {
  name: "GatherGradient",
  infer: (_, { shape }) => [{ shape, dtype: "f32" }],
  candidates: plain((node) => {
    const { axis, shape } = node.attrs;
    return { kernels: [kernel("gather_grad", shape, axis, sizeOf(node.inputs[1]!.shape), sizeOf(shape))] };
  }),
};

/** Slices of x along `axis` in the order of `indices`. */
export function gather(g: Graph, x: Tensor, indices: Tensor, axis = 0): Tensor {
  return g.apply(Gather, [x, indices], { axis: normalizeAxis(axis, x.shape.length) });
}

/** Rows of each line: x [lines, size, ...] at places i32 [lines, count] gives [lines, count, ...]. */
export function gatherLines(g: Graph, x: Tensor, places: Tensor): Tensor {
  const [lines, size, ...inner] = x.shape as [number, number];
  const count = places.shape[1]!;
  const starts = g.constant(Int32Array.from({ length: lines }, (_, i) => i * size), [lines, 1], "i32");
  const flat = reshape(g, add(g, places, starts), [lines * count]);
  return reshape(g, gather(g, reshape(g, x, [lines * size, ...inner]), flat), [lines, count, ...inner]);
}
