/** Element-wise functions and reductions on the host. Whole numbers follow ONNX's int64: division rounds towards 0. */

import { axesOf, checkSearched, fromOwnAxis } from "./shape_rules.ts";
import { type DType, normalizeAxis, sizeOf, stridesOf } from "../graph/tensor.ts";
import { castTarget, fitted } from "./element_type.ts";
import { type HostTensor, withShape } from "./decode.ts";
import { bools, broadcastTo, commonShape, countOf, type Folder, like, pick, places, scalarOf } from "./host.ts";
import type { NodeReader } from "./reader.ts";

/** Operand 1 in the shape that operand 0 takes it: before opset 7 it begins at an axis of its own. */
function operands(node: NodeReader, inputs: readonly (HostTensor | null)[]): HostTensor[] {
  const [first, ...rest] = inputs as HostTensor[];
  if (node.opset >= 7) return [first!, ...rest];
  return [first!, ...rest.map((t) => withShape(t, fromOwnAxis(node, first!.shape.length, t.shape)))];
}

/** A function of tensors with broadcasting, of two values or folded over more. */
function elementwise(f: (a: number, b: number) => number, kind: "number" | "bool" = "number"): Folder {
  return (node, inputs) => {
    const all = operands(node, inputs);
    const shape = commonShape(all);
    const [first, ...rest] = all.map((t) => broadcastTo(t, shape).data);
    const whole = kind === "number" && all[0]!.dtype !== "f32";
    const values = Float64Array.from(first!);
    for (const other of rest) {
      for (let i = 0; i < values.length; i++) {
        const v = f(values[i]!, other[i]!);
        values[i] = whole ? Math.trunc(v) : v;
      }
    }
    return kind === "bool" ? bools(shape, values) : like(all[0]!, shape, values);
  };
}

function unary(f: (v: number) => number): Folder {
  return (_, [x]) => like(x!, x!.shape, x!.data.map(f));
}

function test(f: (v: number) => boolean): Folder {
  return (_, [x]) => bools(x!.shape, Array.from(x!.data, (v) => Number(f(v))));
}

/** A reduction of each group of values along the axes. */
function reduced(fold: (values: readonly number[]) => number): Folder {
  return (node, [x, axesInput]) => {
    const { shape, data } = x!;
    const given = axesOf(node, axesInput) ?? [];
    const noop = node.flag("noop_with_empty_axes", false) && given.length === 0;
    const all = given.length || noop ? given : shape.map((_, i) => i);
    const axes = new Set(all.map((a) => normalizeAxis(a, shape.length)));
    const keep = node.flag("keepdims", true);
    const kept = shape.map((d, i) => axes.has(i) ? 1 : d);
    const strides = stridesOf(kept).map((stride, i) => axes.has(i) ? 0 : stride);
    const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
    places(shape, strides).forEach((group, i) => groups[group]!.push(data[i]!));
    const values = groups.map((group) => x!.dtype === "f32" ? fold(group) : Math.trunc(fold(group)));
    return like(x!, keep ? kept : shape.filter((_, i) => !axes.has(i)), values);
  };
}

const sum = (values: readonly number[], f = (v: number) => v) => values.reduce((total, v) => total + f(v), 0);
const largest = (values: readonly number[]) => values.reduce((a, b) => Math.max(a, b), -Infinity);

/** ln sum e^v without overflow. */
function logSumExp(values: readonly number[]): number {
  const most = largest(values);
  return Number.isFinite(most) ? most + Math.log(sum(values, (v) => Math.exp(v - most))) : most;
}

/** To the nearest whole number, halves to the even one. */
function roundEven(v: number): number {
  const low = Math.floor(v);
  if (v - low !== 0.5) return Math.round(v);
  return low % 2 === 0 ? low : low + 1;
}

/** The place of the largest (smallest) value along an axis, the first or the last of equal ones. */
function argument(better: (a: number, b: number) => boolean): Folder {
  return (node, [x]) => {
    const { shape, data } = x!;
    const axis = normalizeAxis(node.int("axis", 0), shape.length);
    checkSearched(shape, axis);
    const last = node.flag("select_last_index", false);
    const kept = shape.map((d, i) => i === axis ? 1 : d);
    const inner = sizeOf(shape.slice(axis + 1));
    const starts = places(kept, stridesOf(shape));
    const found = Array.from(starts, (start) => {
      let best = 0;
      for (let i = 1; i < shape[axis]!; i++) {
        const [v, b] = [data[start + i * inner]!, data[start + best * inner]!];
        if (better(v, b) || (last && v === b)) best = i;
      }
      return best;
    });
    const keep = node.flag("keepdims", true);
    return like({ dtype: "i32" }, keep ? kept : shape.filter((_, i) => i !== axis), found);
  };
}

/** Values as another type. */
function converted({ data, shape }: HostTensor, dtype: DType): HostTensor {
  const values = data.map((v) => dtype === "f32" ? v : dtype === "bool" ? Number(v !== 0) : Math.trunc(v));
  return like({ dtype }, shape, values);
}

const Cast: Folder = (node, [x]) => {
  const to = castTarget(node);
  const y = converted(x!, to.dtype);
  return { ...y, data: y.data.map((v) => fitted(to, v)) };
};

const Clip: Folder = (node, [x, low, high]) => {
  const min = node.opset < 11 ? node.float("min", -Infinity) : low ? scalarOf(low) : -Infinity;
  const max = node.opset < 11 ? node.float("max", Infinity) : high ? scalarOf(high) : Infinity;
  return like(x!, x!.shape, x!.data.map((v) => Math.min(Math.max(v, min), max)));
};

const Where: Folder = (_, inputs) => {
  const shape = commonShape(inputs as HostTensor[]);
  const [condition, a, b] = inputs.map((t) => broadcastTo(t!, shape)) as [HostTensor, HostTensor, HostTensor];
  return like(a, shape, a.data.map((v, i) => condition.data[i] ? v : b.data[i]!));
};

const CumSum: Folder = (node, [x, axisInput]) => {
  const { shape, data } = x!;
  if (shape.length === 0) throw new TypeError("a single value has no axes");
  const axis = normalizeAxis(scalarOf(axisInput!), shape.length);
  const [exclusive, reverse] = [node.flag("exclusive", false), node.flag("reverse", false)];
  const inner = sizeOf(shape.slice(axis + 1));
  const values = new Float64Array(countOf(shape));
  for (const start of places(shape.map((d, i) => i === axis ? Math.min(d, 1) : d), stridesOf(shape))) {
    let total = 0;
    for (let i = 0; i < shape[axis]!; i++) {
      const at = start + (reverse ? shape[axis]! - 1 - i : i) * inner;
      values[at] = exclusive ? total : total + data[at]!;
      total += data[at]!;
    }
  }
  return like(x!, shape, values);
};

/** Rows of the places of values that are not 0, one row an axis. */
const NonZero: Folder = (_, [x]) => {
  const { shape, data } = x!;
  const found = [...data.keys()].filter((i) => data[i] !== 0);
  const rows = stridesOf(shape).map((stride, d) => found.map((i) => Math.floor(i / stride) % shape[d]!));
  return like({ dtype: "i32" }, [shape.length, found.length], rows.flat());
};

/** The slices along an axis (or the elements) that a list of bools keeps. */
const Compress: Folder = (node, [x, keep]) => {
  const flat = !node.has("axis");
  const { shape } = flat ? withShape(x!, [x!.data.length]) : x!;
  const axis = flat ? 0 : normalizeAxis(node.int("axis", 0), shape.length);
  const kept = [...keep!.data.keys()].filter((i) => keep!.data[i] !== 0 && i < shape[axis]!);
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const from: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (const k of kept) for (let i = 0; i < inner; i++) from.push((o * shape[axis]! + k) * inner + i);
  }
  return pick(x!, shape.map((d, i) => i === axis ? kept.length : d), Float64Array.from(from));
};

/** Element-wise functions, reductions and searches that fold, by operator. */
export const mathFolders: Readonly<Record<string, Folder>> = {
  Add: elementwise((a, b) => a + b),
  Sum: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Mod: (node, inputs) => {
    const c = node.flag("fmod", false);
    return elementwise((a, b) => c ? a % b : a - b * Math.floor(a / b))(node, inputs);
  },
  Pow: elementwise((a, b) => a ** b),
  Max: elementwise(Math.max),
  Min: elementwise(Math.min),
  Equal: elementwise((a, b) => Number(a === b), "bool"),
  Less: elementwise((a, b) => Number(a < b), "bool"),
  LessOrEqual: elementwise((a, b) => Number(a <= b), "bool"),
  Greater: elementwise((a, b) => Number(a > b), "bool"),
  GreaterOrEqual: elementwise((a, b) => Number(a >= b), "bool"),
  And: elementwise((a, b) => Number(a && b), "bool"),
  Or: elementwise((a, b) => Number(a || b), "bool"),
  Xor: elementwise((a, b) => Number(!a !== !b), "bool"),
  Not: test((v) => !v),
  IsNaN: test(Number.isNaN),
  Neg: unary((v) => -v),
  Abs: unary(Math.abs),
  Sign: unary(Math.sign),
  Relu: unary((v) => v < 0 ? 0 : v),
  Sqrt: unary(Math.sqrt),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Round: unary(roundEven),
  Reciprocal: unary((v) => 1 / v),
  Sin: unary(Math.sin),
  Cos: unary(Math.cos),
  ReduceSum: reduced(sum),
  ReduceMean: reduced((values) => sum(values) / values.length),
  ReduceMax: reduced(largest),
  ReduceMin: reduced((values) => values.reduce((a, b) => Math.min(a, b), Infinity)),
  ReduceProd: reduced((values) => values.reduce((a, b) => a * b, 1)),
  ReduceL1: reduced((values) => sum(values, Math.abs)),
  ReduceL2: reduced((values) => Math.sqrt(sum(values, (v) => v * v))),
  ReduceSumSquare: reduced((values) => sum(values, (v) => v * v)),
  ReduceLogSum: reduced((values) => Math.log(sum(values))),
  ReduceLogSumExp: reduced(logSumExp),
  ArgMax: argument((a, b) => a > b),
  ArgMin: argument((a, b) => a < b),
  Cast,
  CastLike: (node, [x, target]) => {
    node.ignore("saturate", "round_mode");
    return converted(x!, target!.dtype);
  },
  Clip,
  Where,
  CumSum,
  NonZero,
  Compress,
};
