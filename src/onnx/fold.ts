/**
 * Evaluation of nodes on the host: shape arithmetic (Shape, Gather, Concat, ...) and small constants fold away at
 * import. Whole numbers follow ONNX's int64: division rounds towards zero.
 */

import { broadcastShapes, normalizeAxis, sizeOf, stridesOf } from "../graph/tensor.ts";
import { sliceExtent } from "../ops/slice.ts";
import { dtypeOf, type HostTensor, withShape } from "./decode.ts";
import type { NodeReader } from "./reader.ts";

/** Computes a node's only output from host tensors. */
export type Folder = (node: NodeReader, inputs: readonly (HostTensor | null)[]) => HostTensor;

/** Values that a node may make on the host. */
const MOST_VALUES = 2 ** 24;

/** The number of elements of a shape. Throws RangeError for one that the host does not take. */
function countOf(shape: readonly number[]): number {
  const count = sizeOf(shape);
  if (count >= 0 && count <= MOST_VALUES) return count;
  throw new RangeError(`makes ${count} values of shape [${shape}] at import, which is too much`);
}

/** A host tensor of whole numbers. */
export function ints(values: readonly number[], shape: readonly number[] = [values.length]): HostTensor {
  return { dtype: "i32", shape, data: Float64Array.from(values) };
}

const like = (t: HostTensor, shape: readonly number[], values: ArrayLike<number>): HostTensor => ({
  dtype: t.dtype,
  shape,
  data: t.dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values),
});

/** Copies elements to a new shape; `from` gives the source index of an output position. */
function rearrange(t: HostTensor, shape: readonly number[], from: (at: readonly number[]) => number): HostTensor {
  const strides = stridesOf(shape);
  const values = Array.from({ length: countOf(shape) }, (_, i) => {
    const at = shape.map((d, axis) => Math.floor(i / strides[axis]!) % d);
    return t.data[from(at)]!;
  });
  return like(t, shape, values);
}

function elementwise(f: (a: number, b: number) => number, bool = false): Folder {
  return (_, inputs) => {
    const [a, b] = inputs as [HostTensor, HostTensor];
    const shape = broadcastShapes(a.shape, b.shape);
    const index = (t: HostTensor) => {
      const strides = stridesOf(t.shape);
      const skip = shape.length - t.shape.length;
      return (at: readonly number[]) =>
        t.shape.reduce((sum, d, i) => sum + (d === 1 ? 0 : at[i + skip]! * strides[i]!), 0);
    };
    const [ia, ib, strides] = [index(a), index(b), stridesOf(shape)];
    const whole = a.dtype !== "f32" && !bool;
    const values = Array.from({ length: countOf(shape) }, (_, i) => {
      const at = shape.map((d, axis) => Math.floor(i / strides[axis]!) % d);
      const v = f(a.data[ia(at)]!, b.data[ib(at)]!);
      return whole ? Math.trunc(v) : v;
    });
    return bool ? { dtype: "bool", shape, data: Float64Array.from(values) } : like(a, shape, values);
  };
}

function unary(f: (v: number) => number): Folder {
  return (_, [x]) => like(x!, x!.shape, Array.from(x!.data, f));
}

/** The axes of a node: an attribute in old opsets, an input in new ones. */
export function axesOf(node: NodeReader, input: HostTensor | null | undefined): number[] | null {
  return node.ints("axes") ?? (input ? Array.from(input.data) : null);
}

/** A shape with axes of size 1 put in, or taken out (all of them for null). */
export function unsqueezed(shape: readonly number[], axes: readonly number[]): number[] {
  const rank = shape.length + axes.length;
  const at = new Set(axes.map((a) => normalizeAxis(a, rank)));
  const rest = [...shape];
  return Array.from({ length: rank }, (_, i) => at.has(i) ? 1 : rest.shift()!);
}

/** A shape without axes of size 1. Throws TypeError when one is not of size 1. */
export function squeezed(shape: readonly number[], axes: readonly number[] | null): number[] {
  const at = axes === null
    ? new Set(shape.flatMap((d, i) => d === 1 ? [i] : []))
    : new Set(axes.map((a) => normalizeAxis(a, shape.length)));
  for (const i of at) if (shape[i] !== 1) throw new TypeError(`axis ${i} of [${shape}] is not of size 1`);
  return shape.filter((_, i) => !at.has(i));
}

/** The shape that a Reshape asks for: 0 copies a dimension (unless allowzero), -1 takes what is left. */
export function reshapeTarget(shape: readonly number[], wanted: readonly number[], allowZero: boolean): number[] {
  const target = wanted.map((d, i) => d === 0 && !allowZero ? shape[i] ?? 0 : d);
  const known = sizeOf(target.filter((d) => d !== -1));
  return target.map((d) => d === -1 ? sizeOf(shape) / known : d);
}

function reduced(fold: (values: number[]) => number): Folder {
  return (node, [x, axesInput]) => {
    const axes = (axesOf(node, axesInput) ?? x!.shape.map((_, i) => i)).map((a) => normalizeAxis(a, x!.shape.length));
    const keep = node.int("keepdims", 1) === 1;
    const kept = x!.shape.map((d, i) => axes.includes(i) ? 1 : d);
    const strides = stridesOf(kept);
    const own = stridesOf(x!.shape);
    const groups: number[][] = Array.from({ length: sizeOf(kept) }, () => []);
    x!.data.forEach((v, i) => {
      const at = x!.shape.map((d, axis) => Math.floor(i / own[axis]!) % d);
      groups[at.reduce((sum, p, axis) => sum + (axes.includes(axis) ? 0 : p * strides[axis]!), 0)]!.push(v);
    });
    return like(x!, keep ? kept : x!.shape.filter((_, i) => !axes.includes(i)), groups.map(fold));
  };
}

/** The nodes that fold, by operator. */
export const folders: Readonly<Record<string, Folder>> = {
  Identity: (_, [x]) => x!,
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Mod: elementwise((a, b) => a - b * Math.floor(a / b)),
  Pow: elementwise((a, b) => a ** b),
  Max: elementwise(Math.max),
  Min: elementwise(Math.min),
  Equal: elementwise((a, b) => Number(a === b), true),
  Less: elementwise((a, b) => Number(a < b), true),
  Greater: elementwise((a, b) => Number(a > b), true),
  And: elementwise((a, b) => Number(a && b), true),
  Or: elementwise((a, b) => Number(a || b), true),
  Not: (_, [x]) => ({ dtype: "bool", shape: x!.shape, data: Float64Array.from(x!.data, (v) => Number(!v)) }),
  Neg: unary((v) => -v),
  Abs: unary(Math.abs),
  Sqrt: unary(Math.sqrt),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Reciprocal: unary((v) => 1 / v),
  ReduceProd: reduced((v) => v.reduce((a, b) => a * b, 1)),
  ReduceSum: reduced((v) => v.reduce((a, b) => a + b, 0)),
  ReduceMax: reduced((v) => Math.max(...v)),
  ReduceMin: reduced((v) => Math.min(...v)),
  Cast: (node, [x]) => {
    const dtype = dtypeOf(node.int("to", 0), `${node.label}: attribute to`);
    const values = Array.from(x!.data, (v) => dtype === "f32" ? v : dtype === "bool" ? Number(v !== 0) : Math.trunc(v));
    return like({ ...x!, dtype }, x!.shape, values);
  },
  ConstantOfShape: (node, [shape]) => {
    const value = node.tensor("value") ?? { dtype: "f32", shape: [1], data: new Float32Array(1) };
    const dims = Array.from(shape!.data);
    return like(value, dims, new Array<number>(countOf(dims)).fill(value.data[0]!));
  },
  Range: (_, inputs) => {
    const [start, limit, delta] = inputs.map((t) => t!.data[0]!) as [number, number, number];
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    return like(inputs[0]!, [count], Array.from({ length: countOf([count]) }, (_, i) => start + i * delta));
  },
  Concat: (node, inputs) => {
    const first = inputs[0]!;
    const axis = normalizeAxis(node.int("axis", 0), first.shape.length);
    const total = inputs.reduce((sum, t) => sum + t!.shape[axis]!, 0);
    const outer = sizeOf(first.shape.slice(0, axis));
    const values: number[] = [];
    for (let o = 0; o < outer; o++) {
      for (const t of inputs) {
        const run = sizeOf(t!.shape.slice(axis));
        for (let i = 0; i < run; i++) values.push(t!.data[o * run + i]!);
      }
    }
    return like(first, first.shape.map((d, i) => i === axis ? total : d), values);
  },
  Gather: (node, [x, indices]) => {
    const axis = normalizeAxis(node.int("axis", 0), x!.shape.length);
    const shape = [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)];
    const strides = stridesOf(x!.shape);
    const own = stridesOf(indices!.shape);
    const rank = indices!.shape.length;
    return rearrange(x!, shape, (at) => {
      const place = at.slice(axis, axis + rank).reduce((sum, p, i) => sum + p * own[i]!, 0);
      const index = indices!.data[place]!;
      const whole = [...at.slice(0, axis), index < 0 ? index + x!.shape[axis]! : index, ...at.slice(axis + rank)];
      return whole.reduce((sum, p, i) => sum + p * strides[i]!, 0);
    });
  },
  Slice: (node, [x, ...rest]) => {
    const list = (i: number, name: string) => rest[i] ? Array.from(rest[i]!.data) : node.ints(name);
    const [starts, ends] = [list(0, "starts")!, list(1, "ends")!];
    const axes = list(2, "axes") ?? starts.map((_, i) => i);
    const steps = rest[3] ? Array.from(rest[3]!.data) : starts.map(() => 1);
    const shape = [...x!.shape];
    const from = x!.shape.map(() => ({ start: 0, step: 1 }));
    axes.forEach((axis, i) => {
      const d = normalizeAxis(axis, shape.length);
      const { start, count } = sliceExtent(x!.shape[d]!, starts[i]!, ends[i]!, steps[i]!);
      shape[d] = count;
      from[d] = { start, step: steps[i]! };
    });
    const strides = stridesOf(x!.shape);
    return rearrange(
      x!,
      shape,
      (at) => at.reduce((sum, p, i) => sum + (from[i]!.start + p * from[i]!.step) * strides[i]!, 0),
    );
  },
  Reshape: (node, [x, shape]) => {
    const wanted = shape ? Array.from(shape.data) : node.ints("shape")!;
    return withShape(x!, reshapeTarget(x!.shape, wanted, node.int("allowzero", 0) === 1));
  },
  Squeeze: (node, [x, axes]) => withShape(x!, squeezed(x!.shape, axesOf(node, axes))),
  Unsqueeze: (node, [x, axes]) => withShape(x!, unsqueezed(x!.shape, axesOf(node, axes)!)),
  Transpose: (node, [x]) => {
    const perm = node.ints("perm") ?? x!.shape.map((_, i) => x!.shape.length - 1 - i);
    const strides = stridesOf(x!.shape);
    return rearrange(
      x!,
      perm.map((d) => x!.shape[d]!),
      (at) => at.reduce((sum, p, i) => sum + p * strides[perm[i]!]!, 0),
    );
  },
  Expand: (_, [x, wanted]) => {
    const shape = broadcastShapes(x!.shape, Array.from(wanted!.data));
    const strides = stridesOf(x!.shape);
    const skip = shape.length - x!.shape.length;
    return rearrange(
      x!,
      shape,
      (at) => x!.shape.reduce((sum, d, i) => sum + (d === 1 ? 0 : at[i + skip]! * strides[i]!), 0),
    );
  },
  Tile: (_, [x, repeats]) => {
    const strides = stridesOf(x!.shape);
    const shape = x!.shape.map((d, i) => d * repeats!.data[i]!);
    return rearrange(x!, shape, (at) => at.reduce((sum, p, i) => sum + p % x!.shape[i]! * strides[i]!, 0));
  },
  Where: (node, inputs) => {
    const [condition, a, b] = inputs as [HostTensor, HostTensor, HostTensor];
    const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape));
    const whole = (t: HostTensor) => folders.Expand!(node, [t, ints(shape)]).data;
    const [c, p, q] = [whole(condition), whole(a), whole(b)];
    return like(a, shape, Array.from(c, (v, i) => v ? p[i]! : q[i]!));
  },
};
