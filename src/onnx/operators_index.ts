/** Importers of operators that look up, count along or search an axis, composed from others. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { normalizeAxis, sameShape, sizeOf, stridesOf, type Tensor } from "../graph/tensor.ts";
import { add, binary, mul } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { concat } from "../ops/concat.ts";
import { gather } from "../ops/gather.ts";
import { matmul } from "../ops/matmul.ts";
import { reduce } from "../ops/reduce.ts";
import { flatten, reshape } from "../ops/reshape.ts";
import { isReduction, type Reduction, scatter } from "../ops/scatter.ts";
import { slice } from "../ops/slice.ts";
import { topK } from "../ops/top_k.ts";
import { inversePermutation, transpose } from "../ops/transpose.ts";
import { where } from "../ops/where.ts";
import { dtypeOf } from "./element_type.ts";
import { like } from "./host.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { checkSearched } from "./shape_rules.ts";
import { checkPlaces, plainValue, typeOfValue } from "./values.ts";
import { wholeMatmul } from "./whole_numbers.ts";

/** Values up to this size are exact as f32; positions along an axis are far below. */
const EXACT = 2 ** 24;

/** 0, step, 2 step, ... along one axis of a tensor of some rank. */
function iota(g: Graph, size: number, axis: number, rank: number, dtype: "f32" | "i32", step = 1): Tensor {
  const values = Array.from({ length: size }, (_, i) => i * step);
  const shape = Array.from({ length: rank }, (_, i) => i === axis ? size : 1);
  return g.constant(dtype === "f32" ? Float32Array.from(values) : Int32Array.from(values), shape, dtype);
}

/** Negative places count from the back of an axis of `size`. */
function fromFront(g: Graph, places: Tensor, size: number): Tensor {
  const whole = (v: number) => g.scalar(v, "i32");
  return where(g, binary(g, "Less", places, whole(0)), add(g, places, whole(size)), places);
}

/** The first (or last) place of the largest (smallest) value along an axis. */
function argument(name: "Max" | "Min"): Importer {
  return (scope) => {
    const { g, node } = scope;
    const x = scope.plain(0);
    const rank = x.shape.length;
    const axis = normalizeAxis(node.int("axis", 0), rank);
    checkSearched(x.shape, axis);
    const size = x.shape[axis] ?? 1;
    if (size > EXACT) throw new UserError(`${node.label}: an axis of ${size} elements is too long`);
    const last = node.flag("select_last_index", false);
    const best = binary(g, "Equal", x, reduce(g, name, x, [axis], true));
    const places = where(g, best, iota(g, size, axis, rank, "f32"), g.scalar(last ? -1 : size));
    const place = reduce(g, last ? "Max" : "Min", places, [axis], node.flag("keepdims", true));
    return [plainValue(cast(g, place, "i32"))];
  };
}

/** Throws where places that go along one axis of a tensor do not lie within it. */
function checkAlong({ node, inputs, shape }: NodeScope, axis: number): void {
  const [whole, own] = [shape(0), shape(1)];
  checkPlaces(inputs[1]!, whole[axis]!);
  if (own.length === whole.length && own.every((d, i) => i === axis || d <= whole[i]!)) return;
  throw new UserError(`${node.label}: indices [${own}] do not fit [${whole}] along axis ${axis}`);
}

/** Throws where the rows of a list of places do not lie within the dimensions that they name. */
function checkRows({ inputs }: NodeScope, dims: readonly number[]): void {
  const v = inputs[1]!;
  if (!("host" in v)) return;
  dims.forEach((size, k) => {
    const column = v.host.data.filter((_, i) => i % dims.length === k);
    checkPlaces({ host: { dtype: "i32", shape: [column.length], data: column } }, size);
  });
}

/** Places in the flat tensor: the index along `axis`, and each element's own place along the others. */
const GatherElements: Importer = (scope) => {
  const { g, node } = scope;
  const rank = scope.shape(0, 1).length;
  const x = scope.plain(0);
  const axis = normalizeAxis(node.int("axis", 0), rank);
  checkAlong(scope, axis);
  const strides = stridesOf(x.shape);
  const indices = scope.plain(1);
  let place = mul(g, fromFront(g, indices, x.shape[axis]!), g.scalar(strides[axis]!, "i32"));
  indices.shape.forEach((d, i) => {
    if (i !== axis && d > 1) place = add(g, place, iota(g, d, i, rank, "i32", strides[i]!));
  });
  return [plainValue(gather(g, reshape(g, x, [sizeOf(x.shape)]), place, 0))];
};

function reductionOf({ node }: NodeScope): Reduction {
  const name = node.text("reduction", "none");
  if (isReduction(name)) return name;
  throw new UserError(`${node.label}: reduction ${name} is not known`);
}

/**
 * Updates along one axis, each at its own place in the others. These may be shorter than the data's: the part that
 * they meet is cut out, changed, and put back.
 */
const ScatterElements: Importer = (scope) => {
  const { g, node } = scope;
  scope.shape(0, 1);
  const [data, indices, updates] = [scope.plain(0), scope.plain(1), scope.plain(2)];
  const axis = normalizeAxis(node.int("axis", 0), data.shape.length);
  checkAlong(scope, axis);
  if (!sameShape(indices.shape, updates.shape)) {
    throw new UserError(
      `${node.label}: indices [${indices.shape}] and updates [${updates.shape}] should be of one shape`,
    );
  }
  const reduction = reductionOf(scope);
  if (sizeOf(indices.shape) === 0) return [plainValue(data)];
  const places = fromFront(g, indices, data.shape[axis]!);
  const change = (part: Tensor, from: number): Tensor => {
    const axes = part.shape.map((_, d) => d);
    const cut = axes.find((d) => d >= from && d !== axis && indices.shape[d]! < part.shape[d]!);
    if (cut === undefined) return scatterAlong(g, part, places, updates, axis, reduction);
    const piece = (starts: number, ends: number) => slice(g, part, { starts: [starts], ends: [ends], axes: [cut] });
    const size = indices.shape[cut]!;
    return concat(g, [change(piece(0, size), cut + 1), piece(size, part.shape[cut]!)], cut);
  };
  return [plainValue(change(data, 0))];
};

/** Updates whose shape is that of the data but for `axis`, which lies innermost while they are scattered. */
function scatterAlong(g: Graph, data: Tensor, places: Tensor, updates: Tensor, axis: number, reduction: Reduction) {
  const perm = data.shape.map((_, d) => d).filter((d) => d !== axis).concat(axis);
  const lines = (t: Tensor) => {
    const moved = transpose(g, t, perm);
    return { moved: moved.shape, flat: reshape(g, moved, [-1, moved.shape.at(-1)!]) };
  };
  const whole = lines(data);
  const apart = (t: Tensor) => reshape(g, t, [...t.shape, 1]);
  const y = scatter(g, apart(whole.flat), lines(places).flat, apart(lines(updates).flat), reduction);
  return transpose(g, reshape(g, y, whole.moved), inversePermutation(perm));
}

/** Slices at places [..., k] of the first k dimensions. */
const ScatterND: Importer = (scope) => {
  const { g } = scope;
  const [data, indices, updates] = [scope.plain(0), scope.plain(1), scope.plain(2)];
  const k = indices.shape.at(-1) ?? 0;
  if (k < 1 || k > data.shape.length) {
    throw new UserError(`${scope.node.label}: indices [${indices.shape}] do not fit [${data.shape}]`);
  }
  const looked = data.shape.slice(0, k);
  const wanted = [...indices.shape.slice(0, -1), ...data.shape.slice(k)];
  if (!sameShape(updates.shape, wanted)) {
    throw new UserError(`${scope.node.label}: updates [${updates.shape}] should be [${wanted}]`);
  }
  checkRows(scope, looked);
  const inner = sizeOf(data.shape.slice(k));
  const count = sizeOf(indices.shape.slice(0, -1));
  const strides = stridesOf(looked);
  const columns = reshape(g, indices, [count, k]);
  let place = g.constant(new Int32Array(count), [count], "i32");
  for (let i = 0; i < k; i++) {
    const column = reshape(g, slice(g, columns, { starts: [i], ends: [i + 1], axes: [1] }), [count]);
    place = add(g, place, mul(g, fromFront(g, column, data.shape[i]!), g.scalar(strides[i]!, "i32")));
  }
  const rows = reshape(g, data, [1, sizeOf(looked), inner]);
  const y = scatter(g, rows, reshape(g, place, [1, count]), reshape(g, updates, [1, count, inner]), reductionOf(scope));
  return [plainValue(reshape(g, y, data.shape))];
};

/** Rows of places [..., k] into the first k dimensions after the batch's. */
const GatherND: Importer = (scope) => {
  const { g, node } = scope;
  const [x, indices] = [scope.plain(0), scope.plain(1)];
  const batch = node.int("batch_dims", 0);
  const k = indices.shape.at(-1) ?? 0;
  if (k < 1 || batch < 0 || batch + k > x.shape.length || batch >= indices.shape.length) {
    throw new UserError(`${node.label}: indices [${indices.shape}] do not fit [${x.shape}] after ${batch} dimensions`);
  }
  const looked = x.shape.slice(0, batch + k);
  checkRows(scope, looked.slice(batch));
  const strides = stridesOf(looked);
  const lead = indices.shape.slice(0, -1);
  let place: Tensor | null = null;
  const put = (term: Tensor) => place = place ? add(g, place, term) : term;
  for (let i = 0; i < k; i++) {
    const column = slice(g, indices, { starts: [i], ends: [i + 1], axes: [lead.length], steps: [1] });
    const along = fromFront(g, reshape(g, column, lead), x.shape[batch + i]!);
    put(mul(g, along, g.scalar(strides[batch + i]!, "i32")));
  }
  for (let i = 0; i < batch; i++) put(iota(g, lead[i]!, i, lead.length, "i32", strides[i]!));
  const inner = x.shape.slice(batch + k);
  return [plainValue(gather(g, reshape(g, x, [sizeOf(looked), ...inner]), place!, 0))];
};

/** Outputs: values and places, best first, sorted or not. */
const TopK: Importer = (scope) => {
  const { g, node } = scope;
  node.ignore("sorted"); // any order is right for values that need none
  const k = scope.opset < 10 ? node.neededInt("k") : scope.scalar(1);
  const options = { axis: node.int("axis", -1), largest: node.flag("largest", true) };
  const { values, places } = topK(g, scope.plain(0), k, options);
  return [plainValue(values), plainValue(places)];
};

const OneHot: Importer = (scope) => {
  const { g, node } = scope;
  const indices = cast(g, scope.plain(0), "i32");
  const depth = scope.scalar(1);
  const rank = indices.shape.length + 1;
  const axis = normalizeAxis(node.int("axis", -1), rank);
  const apart = [...indices.shape.slice(0, axis), 1, ...indices.shape.slice(axis)];
  const places = fromFront(g, reshape(g, indices, apart), depth);
  const values = scope.plain(2);
  const value = (i: number) => reshape(g, slice(g, values, { starts: [i], ends: [i + 1], axes: [0], steps: [1] }), []);
  const hot = binary(g, "Equal", places, iota(g, depth, axis, rank, "i32"));
  return [plainValue(where(g, hot, value(1), value(0)))];
};

/** Elements that a triangle of ones may have: an axis of 4096. */
const LONGEST_SUM = 4096;

/** Running sums as a product with a triangle of ones. */
const CumSum: Importer = (scope) => {
  const { g, node } = scope;
  const rank = scope.shape(0, 1).length;
  const x = scope.plain(0);
  const axis = normalizeAxis(scope.scalar(1), rank);
  const size = x.shape[axis]!;
  if (size > LONGEST_SUM) {
    throw new UserError(`${node.label}: an axis of ${size} elements is longer than ${LONGEST_SUM}`);
  }
  const [exclusive, reverse] = [node.flag("exclusive", false), node.flag("reverse", false)];
  const triangle = Array.from({ length: size * size }, (_, i) => {
    const [from, to] = [Math.floor(i / size), i % size];
    const before = reverse ? from > to : from < to;
    return before || (!exclusive && from === to) ? 1 : 0;
  });
  const perm = [...x.shape.keys()].filter((d) => d !== axis).concat(axis);
  const moved = transpose(g, x, perm);
  const rows = reshape(g, moved, [sizeOf(moved.shape.slice(0, -1)), size]);
  const sums = x.dtype === "f32"
    ? matmul(g, rows, g.constant(triangle, [size, size]))
    : wholeMatmul(g, rows, g.constant(triangle, [size, size], "i32"), node.label);
  return [plainValue(transpose(g, reshape(g, sums, moved.shape), inversePermutation(perm)))];
};

/** 1 where the largest value along an axis is (the first of equal ones), 0 elsewhere. */
const Hardmax: Importer = (scope) => {
  const { g, node } = scope;
  scope.shape(0, 1);
  const given = scope.plain(0);
  // Before opset 13 all dimensions from the axis on were one.
  const old = scope.opset < 13;
  const named = normalizeAxis(node.int("axis", old ? 1 : -1), given.shape.length);
  const x = old ? flatten(g, given, named) : given;
  const axis = old ? 1 : named;
  const size = x.shape[axis]!;
  const best = binary(g, "Equal", x, reduce(g, "Max", x, [axis], true));
  const along = iota(g, size, axis, x.shape.length, "f32");
  const first = reduce(g, "Min", where(g, best, along, g.scalar(size)), [axis], true);
  return [plainValue(reshape(g, cast(g, binary(g, "Equal", along, first), "f32"), given.shape))];
};

/** A triangle of each matrix, and 0 elsewhere. */
const Trilu: Importer = (scope) => {
  const { g, node } = scope;
  scope.shape(0, 2);
  const x = scope.plain(0);
  const upper = node.flag("upper", true);
  const k = scope.scalar(1, 0);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const kept = Uint32Array.from({ length: rows * columns }, (_, i) => {
    const offset = i % columns - Math.floor(i / columns);
    return Number(upper ? offset >= k : offset <= k);
  });
  return [plainValue(where(g, g.constant(kept, [rows, columns], "bool"), x, g.scalar(0, x.dtype)))];
};

/** Ones on a diagonal, of the shape of input 0. */
const EyeLike: Importer = ({ node, shape, inputs }) => {
  const [rows, columns, ...more] = shape(0);
  if (columns === undefined || more.length > 0) throw new UserError(`${node.label}: [${shape(0)}] is no matrix`);
  const own = typeOfValue(inputs[0]!);
  const dtype = node.has("dtype") ? dtypeOf(node.int("dtype", 1), `${node.label}: attribute dtype`) : own;
  const k = node.int("k", 0);
  const ones = Array.from({ length: rows! * columns }, (_, i) => Number(i % columns - Math.floor(i / columns) === k));
  return [{ host: like({ dtype }, [rows!, columns], ones) }];
};

/** The slices along an axis (or elements) that a list of bools keeps, which must be known: it makes the shape. */
const Compress: Importer = (scope) => {
  const { g, node } = scope;
  if (node.has("axis")) scope.shape(0, 1);
  const given = scope.plain(0);
  const x = node.has("axis") ? given : reshape(g, given, [sizeOf(given.shape)]);
  const axis = normalizeAxis(node.int("axis", 0), x.shape.length);
  const keep = scope.list(1);
  const kept = Int32Array.from([...keep.keys()].filter((i) => keep[i] !== 0 && i < x.shape[axis]!));
  return [plainValue(gather(g, x, g.constant(kept, [kept.length], "i32"), axis))];
};

/** By operator name. */
export const indexImporters: Readonly<Record<string, Importer>> = {
  ArgMax: argument("Max"),
  ArgMin: argument("Min"),
  GatherElements,
  GatherND,
  ScatterElements,
  Scatter: ScatterElements, // its name before opset 11
  ScatterND,
  TopK,
  OneHot,
  CumSum,
  Hardmax,
  Trilu,
  EyeLike,
  Compress,
};
