/** Slice (ONNX 13): parts of a tensor, also backwards; its gradient puts them back among zeros. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { normalizeAxis, sizeOf, stridesOf, type Tensor } from "../graph/tensor.ts";
import { leading } from "./broadcast.ts";
import { stridedCopies } from "./strided_copy.ts";

const WG_SIZE = 256;

/** First index, count and step in every dimension, resolved. */
export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly counts: readonly number[];
  readonly steps: readonly number[];
}

/** Attributes of the gradient: those of the slice, and the shape of what was cut. */
interface UnsliceAttrs extends SliceAttrs {
  readonly shape: readonly number[];
}

/** Cuts elements of any type. */
export const Slice: Op<SliceAttrs> = {
  name: "Slice",
  infer: ([x], { counts }) => [{ shape: counts, dtype: x!.dtype }],
  candidates: stridedCopies((node) => {
    const { starts, steps } = node.attrs as SliceAttrs;
    const strides = stridesOf(node.inputs[0]!.shape);
    return {
      start: starts.reduce((sum, s, i) => sum + s * strides[i]!, 0),
      dims: node.outputs[0]!.shape,
      strides: strides.map((stride, i) => stride * steps[i]!),
    };
  }),
  splitInputs: (node) => [node.attrs.counts[0] === node.inputs[0]!.shape[0] && node.attrs.steps[0] === 1],
  gradient: (g, node, [dout]) => [g.apply(Unslice, [dout!], { ...node.attrs, shape: node.inputs[0]!.shape })],
};

/** The values of a slice in their places, zero elsewhere. */
export const Unslice: Op<UnsliceAttrs> = {
  name: "SliceGradient",
  infer: ([x], { shape }) => [{ shape, dtype: x!.dtype }],
  candidates: plain((node) => {
    const { starts, counts, steps, shape } = node.attrs as UnsliceAttrs;
    return {
      kernels: [{
        shader: "unslice",
        params: {
          count: sizeOf(shape),
          dims: leading(shape, 1),
          starts: leading(starts, 0),
          steps: leading(steps, 1),
          counts: leading(counts, 1),
        },
        bindings: [input(0), output(0)],
        workgroups: cover(sizeOf(shape), WG_SIZE),
      }],
    };
  }),
  gradient: (g, node, [dout]) => {
    const { starts, counts, steps } = node.attrs;
    return [g.apply(Slice, [dout!], { starts, counts, steps })];
  },
};

/** ONNX's form: ends are exclusive, all are clamped to the tensor, negative ones count from the back. */
export interface SliceRange {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** All from the first when left out. */
  readonly axes?: readonly number[];
  /** 1 when left out. */
  readonly steps?: readonly number[];
}

/** A part of x; x itself where it is all of it. Throws RangeError for a step of 0. */
export function slice(g: Graph, x: Tensor, { starts, ends, axes, steps }: SliceRange): Tensor {
  const rank = x.shape.length;
  const attrs = {
    starts: new Array<number>(rank).fill(0),
    counts: [...x.shape],
    steps: new Array<number>(rank).fill(1),
  };
  (axes ?? starts.map((_, i) => i)).forEach((axis, i) => {
    const d = normalizeAxis(axis, rank);
    const step = steps?.[i] ?? 1;
    const { start, count } = sliceExtent(x.shape[d]!, starts[i]!, ends[i]!, step);
    attrs.starts[d] = start;
    attrs.counts[d] = count;
    attrs.steps[d] = step;
  });
  const whole = attrs.counts.every((count, d) => count === x.shape[d] && attrs.steps[d] === 1);
  return whole ? x : g.apply(Slice, [x], attrs);
}

/** First index and number of elements of start:end:step in a dimension of `size`. */
export function sliceExtent(size: number, start: number, end: number, step: number): { start: number; count: number } {
  if (step === 0) throw new RangeError("a slice's step is not 0");
  const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
  const first = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  const last = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
  return { start: first, count: Math.max(0, Math.ceil((last - first) / step)) };
}
