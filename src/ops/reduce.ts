/**
 * Reductions over any axes (ONNX ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2,
 * ReduceSumSquare, ReduceLogSum, ReduceLogSumExp). The first axes of an NHWC tensor (sums per channel) and the last
 * ones have kernels of their own; reduce.wgsl takes any.
 */

import type { Graph } from "../graph/graph.ts";
import {
  type Candidate,
  cover,
  input,
  type Kernel,
  type Node,
  type Op,
  output,
  scratch,
  texture,
} from "../graph/op.ts";
import { normalizeAxis, sameShape, sizeOf, specText, stridesOf, type Tensor } from "../graph/tensor.ts";
import { add, binary, div, mul, sub } from "./binary.ts";
import { leading } from "./broadcast.ts";
import { cast } from "./cast.ts";
import { expand } from "./expand.ts";
import { reshape } from "./reshape.ts";
import { transpose } from "./transpose.ts";
import { affine, unary } from "./unary.ts";
import { where } from "./where.ts";

/** Axes counted from the front, in order; `keepdims` leaves them with size 1. */
export interface ReduceAttrs {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
  /** What the result is multiplied by: 1 / terms for a mean. */
  readonly scale: number;
}

/** What one kernel folds, in the order of FUNCTION in shared/reduce_functions.wgsl. */
const FOLDS = ["Sum", "SumSquare", "L1", "Max", "Min", "Prod"] as const;
type Fold = typeof FOLDS[number];

/** Names that `reduce` takes. */
export type ReduceName = Fold | "Mean" | "L2" | "LogSum" | "LogSumExp";

/** Rows that one invocation of reduce_columns.wgsl folds. */
const SLAB = 256;

/** The operators that have kernels, by name. */
export const reduceOps: Readonly<Record<Fold, Op<ReduceAttrs>>> = Object.fromEntries(
  FOLDS.map((name, index) => [name, reduceOp(name, index)]),
) as Record<Fold, Op<ReduceAttrs>>;

function reduceOp(name: Fold, index: number): Op<ReduceAttrs> {
  return {
    name: `Reduce${name}`,
    infer: ([x], { axes, keepdims }) => {
      if (x!.dtype !== "f32" && x!.dtype !== "i32") throw new TypeError(`takes f32 or i32, got ${specText(x!)}`);
      const shape = x!.shape.map((d, i) => axes.includes(i) ? 1 : d).filter((_, i) => keepdims || !axes.includes(i));
      return [{ shape, dtype: x!.dtype }];
    },
    candidates: [whole(index), columns(index), rows(index), anyAxes(index)],
    splitInputs: (node) => [!node.attrs.axes.includes(0)],
    gradient: (g, node, [dout]) => {
      const x = node.inputs[0]!;
      const kept = x.shape.map((d, i) => node.attrs.axes.includes(i) ? 1 : d);
      const d = reshape(g, affine(g, dout!, node.attrs.scale, 0), kept);
      const y = reshape(g, node.outputs[0]!, kept);
      return [RULES[name](g, x, y, d)];
    },
  };
}

/** Gradients, given d = dout with the reduced axes kept. */
const RULES: Record<Fold, (g: Graph, x: Tensor, y: Tensor, d: Tensor) => Tensor> = {
  Sum: (g, x, _y, d) => expand(g, d, x.shape),
  SumSquare: (g, x, _y, d) => mul(g, affine(g, d, 2, 0), x),
  L1: (g, x, _y, d) => mul(g, d, unary(g, "Sign", x)),
  Max: shareAmongEqual,
  Min: shareAmongEqual,
  Prod: (g, x, y, d) => div(g, mul(g, d, y), x),
};

/** Elements equal to the extremum share its gradient, as torch.amax does. */
function shareAmongEqual(g: Graph, x: Tensor, y: Tensor, d: Tensor): Tensor {
  const equal = binary(g, "Equal", x, y);
  const axes = x.shape.flatMap((size, i) => y.shape[i] !== size ? [i] : []);
  const count = reduce(g, "Sum", cast(g, equal, "f32"), axes, true);
  return where(g, equal, div(g, d, count), g.scalar(0));
}

const isRun = (axes: readonly number[], from: number) => axes.every((axis, i) => axis === from + i);

/** Whole numbers, over any axes. They are not scaled: a mean of them is a division of their sum. */
function whole(index: number): Candidate {
  return {
    name: "whole",
    accepts: ({ inputs: [x] }) => x!.dtype === "i32",
    lower: (node) => ({ kernels: [walk(node, "reduce_whole", index)] }),
  };
}

/** Leading axes, by slabs of rows. */
function columns(index: number): Candidate {
  return {
    name: "columns",
    accepts: ({ attrs, outputs: [y] }) => attrs.axes.length > 0 && isRun(attrs.axes, 0) && sizeOf(y!.shape) % 4 === 0,
    lower: ({ inputs: [x], outputs: [y], attrs }) => {
      const vectors = sizeOf(y!.shape) / 4;
      const count = sizeOf(x!.shape) / (4 * vectors);
      const slabs = Math.ceil(count / SLAB);
      const kernel = (entry: string, rows: number, scale: number) => ({
        shader: "reduce_columns",
        entry,
        params: { rows, vectors, slab: SLAB, slabs, scale },
      });
      if (slabs === 1) {
        const constants = { FUNCTION: index };
        const whole = {
          ...kernel("finish", count, attrs.scale),
          params: { rows: count, vectors, slab: 1, slabs: count, scale: attrs.scale },
        };
        // A short reduction is one pass; terms of a fold that maps its inputs need the first phase.
        if (index === 0 || index >= 3) {
          return {
            kernels: [{
              ...whole,
              constants,
              bindings: [texture(input(0)), output(0)],
              workgroups: cover(vectors, 16),
            }],
          };
        }
      }
      return {
        scratch: [16 * slabs * vectors],
        kernels: [
          {
            ...kernel("slabs", count, 1),
            constants: { FUNCTION: index },
            bindings: [texture(input(0)), scratch(0)],
            workgroups: cover(slabs * vectors, 16),
          },
          {
            ...kernel("finish", count, attrs.scale),
            constants: { FUNCTION: index },
            bindings: [texture(scratch(0)), output(0)],
            workgroups: cover(vectors, 16),
          },
        ],
      };
    },
  };
}

/** Trailing axes, a workgroup a row. */
function rows(index: number): Candidate {
  return {
    name: "rows",
    accepts: ({ inputs: [x], attrs }) =>
      attrs.axes.length > 0 && isRun(attrs.axes, x!.shape.length - attrs.axes.length),
    lower: ({ inputs: [x], outputs: [y], attrs }) => {
      const count = sizeOf(y!.shape);
      return {
        kernels: [{
          shader: "reduce_rows",
          constants: { FUNCTION: index },
          params: { rows: count, columns: sizeOf(x!.shape) / count, scale: attrs.scale },
          bindings: [input(0), output(0)],
          workgroups: [count, 1, 1],
        }],
      };
    },
  };
}

function anyAxes(index: number): Candidate {
  return {
    name: "plain",
    accepts: () => true,
    lower: (node) => ({ kernels: [walk(node, "reduce", index)] }),
  };
}

/** A kernel of one invocation an element of the result, which walks the axes that go. */
function walk(node: Node, shader: string, index: number): Kernel {
  const { shape } = node.inputs[0]!;
  const { axes, scale } = node.attrs as ReduceAttrs;
  const strides = stridesOf(shape);
  const kept = shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const count = sizeOf(node.outputs[0]!.shape);
  const terms = sizeOf(axes.map((i) => shape[i]!));
  return {
    shader,
    constants: { FUNCTION: index },
    params: {
      count,
      terms,
      scale,
      dims: leading(kept.map((i) => shape[i]!), 1),
      strides: leading(kept.map((i) => strides[i]!), 0),
      reduced_dims: leading(axes.map((i) => shape[i]!), 1),
      reduced_strides: leading(axes.map((i) => strides[i]!), 0),
    },
    bindings: [input(0), output(0)],
    workgroups: cover(count, 64),
    iterations: terms + Math.ceil(terms / 64) + 8,
  };
}

/** Terms from which axes that no fast kernel takes are moved to the end first. */
const MANY_TERMS = 4096;

/** The axes in the order that brings long scattered reductions to the end; null where x is fine as it is. */
function gathered(x: Tensor, axes: readonly number[]): number[] | null {
  const kept = [...x.shape.keys()].filter((i) => !axes.includes(i));
  const terms = sizeOf(axes.map((i) => x.shape[i]!));
  const fast = isRun(axes, x.shape.length - axes.length) ||
    (isRun(axes, 0) && sizeOf(kept.map((i) => x.shape[i]!)) % 4 === 0);
  return fast || terms <= MANY_TERMS || x.dtype === "i32" ? null : [...kept, ...axes];
}

/** A reduction over `axes` (all of them when empty). */
export function reduce(g: Graph, name: ReduceName, x: Tensor, axes: readonly number[], keepdims = false): Tensor {
  const rank = x.shape.length;
  const all = axes.length ? axes.map((a) => normalizeAxis(a, rank)).sort((a, b) => a - b) : x.shape.map((_, i) => i);
  const fold = (kind: Fold, value: Tensor, keep = keepdims, scale = 1) => {
    const perm = gathered(value, all);
    if (!perm) return g.apply(reduceOps[kind], [value], { axes: all, keepdims: keep, scale });
    const last = all.map((_, i) => rank - all.length + i);
    const y = g.apply(reduceOps[kind], [transpose(g, value, perm)], { axes: last, keepdims: false, scale });
    return keep ? reshape(g, y, x.shape.map((d, i) => all.includes(i) ? 1 : d)) : y;
  };
  switch (name) {
    case "Mean":
      if (x.dtype === "i32") {
        const count = sizeOf(all.map((i) => x.shape[i]!));
        return div(g, fold("Sum", x), g.scalar(Math.max(1, count), "i32"));
      }
      return fold("Sum", x, keepdims, 1 / sizeOf(all.map((i) => x.shape[i]!)));
    case "L2":
      return unary(g, "Sqrt", fold("SumSquare", x));
    case "LogSum":
      return unary(g, "Log", fold("Sum", x));
    case "LogSumExp": {
      // ln sum e^x = m + ln sum e^(x - m): no overflow for m the maximum. m has no gradient of its own.
      const m = fold("Max", x, true);
      const sum = fold("Sum", unary(g, "Exp", sub(g, x, m)));
      return add(g, unary(g, "Log", sum), reshape(g, m, sum.shape));
    }
    default:
      return fold(name, x);
  }
}

/** Sums a gradient of a broadcast result back to an operand's shape. */
export function reduceTo(g: Graph, dout: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(dout.shape, shape)) return dout;
  const extra = dout.shape.length - shape.length;
  const axes = dout.shape.flatMap((d, i) => i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []);
  const summed = axes.length ? reduce(g, "Sum", dout, axes, true) : dout;
  return sameShape(summed.shape, shape) ? summed : reshape(g, summed, shape);
}
