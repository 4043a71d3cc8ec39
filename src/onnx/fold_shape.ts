/** Operators that move, cut, join and make values, on the host. */

import { normalizeAxis, sizeOf, stridesOf } from "../graph/tensor.ts";
import { sliceExtent } from "../ops/slice.ts";
import { type HostTensor, withShape } from "./decode.ts";
import {
  broadcastTo,
  commonShape,
  countOf,
  cut,
  type Folder,
  ints,
  like,
  listOf,
  permuted,
  pick,
  placeAlong,
  places,
  scalarOf,
} from "./host.ts";
import type { NodeReader } from "./reader.ts";
import {
  axesOf,
  concatAxis,
  repeatsOf,
  reshapeTarget,
  sliceLists,
  splitSizes,
  squeezed,
  unsqueezed,
} from "./shape_rules.ts";

/** The shape of a tensor with axes. Throws TypeError for a single value. */
function shapeWithAxes({ shape }: HostTensor): readonly number[] {
  if (shape.length > 0) return shape;
  throw new TypeError("a single value has no axes");
}

const ConstantOfShape: Folder = (node, [shape]) => {
  const value = node.tensor("value") ?? { dtype: "f32" as const, shape: [1], data: new Float32Array(1) };
  const dims = listOf(shape!);
  return like(value, dims, new Float64Array(countOf(dims)).fill(scalarOf(value)));
};

const Range: Folder = (node, inputs) => {
  const [start, limit, delta] = inputs.map((t) => scalarOf(t!)) as [number, number, number];
  if (delta === 0) throw new RangeError(`${node.label}: a delta of 0 has no end`);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  return like(inputs[0]!, [count], Float64Array.from({ length: countOf([count]) }, (_, i) => start + i * delta));
};

const Concat: Folder = (node, given) => {
  const inputs = given as HostTensor[];
  const shape = shapeWithAxes(inputs[0]!);
  const axis = normalizeAxis(concatAxis(node), shape.length);
  for (const t of inputs) {
    if (t.shape.length === shape.length && t.shape.every((d, i) => i === axis || d === shape[i])) continue;
    throw new TypeError(`[${t.shape}] does not go beside [${shape}] along axis ${axis}`);
  }
  const total = inputs.reduce((sum, t) => sum + t.shape[axis]!, 0);
  const whole = shape.map((d, i) => i === axis ? total : d);
  const values = new Float64Array(countOf(whole));
  let before = 0;
  for (const { shape: own, data } of inputs) {
    const run = sizeOf(own.slice(axis));
    const row = sizeOf(whole.slice(axis));
    for (let i = 0; i < data.length; i++) values[Math.floor(i / run) * row + before + i % run] = data[i]!;
    before += run;
  }
  return like(inputs[0]!, whole, values);
};

const Split: Folder = (node, [x, given]) => {
  const shape = shapeWithAxes(x!);
  const axis = normalizeAxis(node.int("axis", 0), shape.length);
  const sizes = splitSizes(node, given ? listOf(given) : node.ints("split"), shape[axis]!);
  let start = 0;
  return sizes.map((size) => {
    const part = shape.map((d, i) => i === axis ? size : d);
    const piece = cut(x!, shape.map((_, i) => i === axis ? start : 0), part, shape.map(() => 1));
    start += size;
    return piece;
  });
};

const Slice: Folder = (node, [x, ...rest]) => {
  const needed = (i: number, name: string) => rest[i] ? listOf(rest[i]!) : node.neededInts(name);
  const given = rest[2] ? listOf(rest[2]) : node.ints("axes");
  const { starts, ends, axes, steps } = sliceLists(
    needed(0, "starts"),
    needed(1, "ends"),
    given,
    rest[3] ? listOf(rest[3]) : null,
  );
  const shape = [...x!.shape];
  const [from, by] = [shape.map(() => 0), shape.map(() => 1)];
  axes.forEach((axis, i) => {
    const d = normalizeAxis(axis, shape.length);
    const { start, count } = sliceExtent(x!.shape[d]!, starts[i]!, ends[i]!, steps[i]!);
    [shape[d], from[d], by[d]] = [count, start, steps[i]!];
  });
  return cut(x!, from, shape, by);
};

const Gather: Folder = (node, [x, indices]) => {
  const shape = shapeWithAxes(x!);
  const axis = normalizeAxis(node.int("axis", 0), shape.length);
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const size = shape[axis]!;
  const wanted = Array.from(indices!.data, (index) => placeAlong(index, size));
  const all = [...shape.slice(0, axis), ...indices!.shape, ...shape.slice(axis + 1)];
  const from = new Float64Array(countOf(all));
  let i = 0;
  for (let o = 0; o < outer; o++) {
    for (const place of wanted) for (let k = 0; k < inner; k++) from[i++] = (o * size + place) * inner + k;
  }
  return pick(x!, all, from);
};

/** Throws TypeError where indices along one axis do not lie within a tensor. */
function checkAlong(shape: readonly number[], indices: HostTensor, axis: number): void {
  const own = indices.shape;
  if (own.length === shape.length && own.every((d, i) => i === axis || d <= shape[i]!)) return;
  throw new TypeError(`indices [${own}] do not fit [${shape}] along axis ${axis}`);
}

const GatherElements: Folder = (node, [x, indices]) => {
  const axis = normalizeAxis(node.int("axis", 0), shapeWithAxes(x!).length);
  checkAlong(x!.shape, indices!, axis);
  const strides = stridesOf(x!.shape);
  const base = places(indices!.shape, strides.map((stride, i) => i === axis ? 0 : stride));
  const from = base.map((at, i) => at + placeAlong(indices!.data[i]!, x!.shape[axis]!) * strides[axis]!);
  return pick(x!, indices!.shape, from);
};

/** The first places in the flat data of the slices that rows of `indices` name, after `batch` leading dimensions. */
function slicePlaces(shape: readonly number[], indices: HostTensor, batch: number): number[] {
  const k = indices.shape.at(-1) ?? 0;
  if (k < 1 || batch < 0 || batch + k > shape.length || batch >= indices.shape.length) {
    throw new TypeError(`indices [${indices.shape}] do not fit [${shape}] after ${batch} dimensions`);
  }
  const strides = stridesOf(shape);
  const lead = indices.shape.slice(0, -1);
  const base = places(lead, lead.map((_, i) => i < batch ? strides[i]! : 0));
  return Array.from(base, (at, row) => {
    for (let j = 0; j < k; j++) {
      at += placeAlong(indices.data[row * k + j]!, shape[batch + j]!) * strides[batch + j]!;
    }
    return at;
  });
}

const GatherND: Folder = (node, [x, indices]) => {
  const { shape } = x!;
  const batch = node.int("batch_dims", 0);
  const rest = shape.slice(batch + indices!.shape.at(-1)!);
  const inner = sizeOf(rest);
  const from = slicePlaces(shape, indices!, batch).flatMap((at) => Array.from({ length: inner }, (_, i) => at + i));
  return pick(x!, [...indices!.shape.slice(0, -1), ...rest], Float64Array.from(from));
};

/** Replaces, or combines with, values at places. */
function combined(node: NodeReader, x: HostTensor, at: ArrayLike<number>, updates: HostTensor): HostTensor {
  const reduction = node.text("reduction", "none");
  const functions: Record<string, (old: number, v: number) => number> = {
    none: (_, v) => v,
    add: (old, v) => old + v,
    mul: (old, v) => old * v,
    max: Math.max,
    min: Math.min,
  };
  const f = functions[reduction];
  if (!f) throw new TypeError(`reduction ${reduction} is not known`);
  if (updates.data.length !== at.length) throw new TypeError(`takes ${at.length} updates, got [${updates.shape}]`);
  const values = x.data.slice();
  updates.data.forEach((v, i) => values[at[i]!] = f(values[at[i]!]!, v));
  return { dtype: x.dtype, shape: x.shape, data: values };
}

const ScatterND: Folder = (node, [x, indices, updates]) => {
  const inner = sizeOf(x!.shape.slice(indices!.shape.at(-1)!));
  const at = slicePlaces(x!.shape, indices!, 0).flatMap((place) => Array.from({ length: inner }, (_, i) => place + i));
  return combined(node, x!, at, updates!);
};

const ScatterElements: Folder = (node, [x, indices, updates]) => {
  const axis = normalizeAxis(node.int("axis", 0), shapeWithAxes(x!).length);
  checkAlong(x!.shape, indices!, axis);
  const strides = stridesOf(x!.shape);
  const base = places(indices!.shape, strides.map((stride, i) => i === axis ? 0 : stride));
  const at = base.map((place, i) => place + placeAlong(indices!.data[i]!, x!.shape[axis]!) * strides[axis]!);
  return combined(node, x!, at, updates!);
};

const Tile: Folder = (_, [x, given, axis]) => {
  const repeats = repeatsOf(x!.shape, given!, axis);
  const strides = stridesOf(x!.shape);
  const count = (i: number) => repeats[i]!;
  const apart = x!.shape.flatMap((d, i) => [count(i), d]); // each dimension repeated, side by side
  const from = places(apart, strides.flatMap((stride) => [0, stride]));
  return pick(x!, x!.shape.map((d, i) => d * count(i)), from);
};

const Trilu: Folder = (node, [x, diagonal]) => {
  const upper = node.flag("upper", true);
  const k = diagonal ? scalarOf(diagonal) : 0;
  if (x!.shape.length < 2) throw new TypeError(`[${x!.shape}] is no matrix`);
  const [rows, columns] = x!.shape.slice(-2) as [number, number];
  const keeps = (i: number) => {
    const [row, column] = [Math.floor(i / columns) % rows, i % columns];
    return upper ? column - row >= k : column - row <= k;
  };
  return like(x!, x!.shape, x!.data.map((v, i) => keeps(i) ? v : 0));
};

const OneHot: Folder = (node, [indices, depthInput, values]) => {
  const depth = scalarOf(depthInput!);
  const rank = indices!.shape.length + 1;
  const axis = normalizeAxis(node.int("axis", -1), rank);
  const shape = [...indices!.shape.slice(0, axis), depth, ...indices!.shape.slice(axis)];
  const inner = sizeOf(shape.slice(axis + 1));
  const from = Float64Array.from({ length: countOf(shape) }, (_, i) => {
    const index = indices!.data[Math.floor(i / (inner * depth)) * inner + i % inner]!;
    return Number(Math.floor(i / inner) % depth === (index < 0 ? index + depth : index));
  });
  return pick(values!, shape, from);
};

/** Operators of shapes that fold, by operator. */
export const shapeFolders: Readonly<Record<string, Folder>> = {
  Identity: (_, [x]) => x!,
  ConstantOfShape,
  Range,
  Concat,
  Split,
  Slice,
  Gather,
  GatherElements,
  GatherND,
  ScatterElements,
  Scatter: ScatterElements,
  ScatterND,
  Tile,
  Trilu,
  OneHot,
  Reshape: (node, [x, shape]) => {
    const wanted = shape ? listOf(shape) : node.ints("shape") ?? [];
    const target = reshapeTarget(x!.shape, wanted, node.flag("allowzero", false));
    if (sizeOf(target) === sizeOf(x!.shape)) return withShape(x!, target);
    throw new TypeError(`cannot show [${x!.shape}] as [${target}]`);
  },
  Flatten: (node, [x]) => {
    const { shape } = x!;
    const axis = node.int("axis", 1);
    const at = axis === shape.length ? axis : normalizeAxis(axis, shape.length);
    return withShape(x!, [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))]);
  },
  Squeeze: (node, [x, axes]) => withShape(x!, squeezed(x!.shape, axesOf(node, axes))),
  Unsqueeze: (node, [x, axes]) => withShape(x!, unsqueezed(x!.shape, axesOf(node, axes) ?? [])),
  Transpose: (node, [x]) => permuted(x!, node.ints("perm") ?? x!.shape.map((_, i) => x!.shape.length - 1 - i)),
  Expand: (_, [x, wanted]) => broadcastTo(x!, commonShape([x!, withShape(x!, listOf(wanted!))])),
  Shape: (node, [x]) => ints(x!.shape.slice(node.int("start", 0), node.int("end", x!.shape.length))),
  Size: (_, [x]) => ints([sizeOf(x!.shape)], []),
};
