/** Importers of operators that move, cut and join values. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { broadcastShapes, normalizeAxis, sizeOf, type Tensor } from "../graph/tensor.ts";
import { concat, split } from "../ops/concat.ts";
import { expand } from "../ops/expand.ts";
import { gather } from "../ops/gather.ts";
import { pad, type PadMode } from "../ops/pad.ts";
import { flatten, reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { transpose } from "../ops/transpose.ts";
import type { HostTensor } from "./decode.ts";
import { ints } from "./host.ts";
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
import { type NodeScope, rebatch } from "./import.ts";
import type { Importer } from "./operators.ts";
import { asImage, asPlain, checkPlaces, fitsImage, imageValue, plainValue, shapeOf, type Value } from "./values.ts";

/** Where ONNX's axes of an image lie in [n, h, w, c]. */
const IMAGE_AXES = [0, 3, 1, 2];

/** A list that is an attribute in old opsets and an input in new ones. */
function list(scope: NodeScope, name: string, index: number): readonly number[] | null {
  return scope.has(index) ? scope.list(index) : scope.node.ints(name);
}

const Constant: Importer = ({ node }) => {
  const value = node.tensor("value");
  if (value) return [{ host: value }];
  const whole = node.ints("value_ints");
  if (whole) return [{ host: ints(whole) }];
  const floats = node.ints("value_floats");
  if (floats) return [{ host: { dtype: "f32", shape: [floats.length], data: Float32Array.from(floats) } }];
  if (node.node.attributes.has("value_int")) return [{ host: ints([node.int("value_int", 0)], []) }];
  if (node.node.attributes.has("value_float")) {
    return [{ host: { dtype: "f32", shape: [], data: Float32Array.of(node.float("value_float", 0)) } }];
  }
  throw new UserError(`${node.label}: only tensors and numbers are supported as constants`);
};

const Reshape: Importer = (scope) => {
  const shape = scope.shape(0);
  const wanted = list(scope, "shape", 1);
  if (!wanted) throw new UserError(`${scope.node.label}: the shape is missing`);
  const target = reshapeTarget(shape, rebatched(scope, shape, wanted), scope.node.flag("allowzero", false));
  return [plainValue(reshape(scope.g, scope.plain(0), target))];
};

/** The wanted shape at the actual batch size; a -1 hides no misfit: it is worked out at the declared one. */
function rebatched({ batch, node }: NodeScope, shape: readonly number[], wanted: readonly number[]): readonly number[] {
  if (!batch) return wanted;
  const allowZero = node.flag("allowzero", false);
  const count = sizeOf(shape);
  if (!wanted.includes(-1)) return rebatch(wanted.map((d, i) => d === 0 && !allowZero ? shape[i]! : d), count, batch);
  // [declared, -1] at another batch: the first dimension follows, and the rest is as it was.
  const declared = count / batch.actual * batch.declared;
  if (wanted[0] === -1 || wanted[0] === 0 || !Number.isInteger(declared)) return wanted;
  const rest = sizeOf(wanted.filter((d) => d !== -1 && d !== 0));
  const moves = wanted[0]! % batch.declared === 0 && declared % rest === 0 && shape[0] !== wanted[0];
  return moves ? [wanted[0]! / batch.declared * batch.actual, ...wanted.slice(1)] : wanted;
}

const Transpose: Importer = (scope) => {
  const { g, node } = scope;
  const v = scope.inputs[0]!;
  const rank = scope.shape(0).length;
  const perm = node.ints("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const key = perm.join();
  if ("tensor" in v && v.nhwc && key === "0,2,3,1") return [plainValue(v.tensor)];
  if ("tensor" in v && !v.nhwc && key === "0,3,1,2") return [imageValue(v.tensor)];
  return [plainValue(transpose(g, scope.plain(0), perm))];
};

const Concat: Importer = (scope) => {
  const { g, node } = scope;
  const axis = normalizeAxis(concatAxis(node), scope.shape(0, 1).length);
  const values = axis === 0 ? scope.inputs.map((v) => v!) : sameBatch(scope);
  if (values.some((v) => "tensor" in v && v.nhwc) && values.every(fitsImage)) {
    return [imageValue(concat(g, values.map((v) => asImage(g, v)), IMAGE_AXES[axis]!))];
  }
  return [plainValue(concat(g, values.map((v) => asPlain(g, v)), axis))];
};

/** Operands of a Concat; constants made for the declared batch are repeated for each sample of the actual one. */
function sameBatch({ inputs, batch }: NodeScope): Value[] {
  const live = inputs.find((v) => v && "tensor" in v);
  return inputs.map((v) => {
    if (!batch || !live || !v || !("host" in v)) return v!;
    const { shape, data } = v.host;
    const rows = shapeOf(live)[0]!;
    if (shape[0] === rows || shape[0]! * batch.actual !== rows * batch.declared) return v;
    const one = data.length / batch.declared;
    if (data.some((value, i) => value !== data[i % one])) return v; // rows that differ belong to no other sample
    const all = data instanceof Float32Array
      ? new Float32Array(one * batch.actual)
      : new Float64Array(one * batch.actual);
    for (let i = 0; i < batch.actual; i++) all.set(data.subarray(0, one), i * one);
    return { host: { ...v.host, shape: [rows, ...shape.slice(1)], data: all } };
  });
}

const Split: Importer = (scope) => {
  const { g, node } = scope;
  const shape = scope.shape(0, 1);
  const axis = normalizeAxis(node.int("axis", 0), shape.length);
  const size = shape[axis]!;
  const sizes = splitSizes(node, list(scope, "split", 1), size);
  const v = scope.inputs[0]!;
  if ("tensor" in v && v.nhwc) return split(g, v.tensor, sizes, IMAGE_AXES[axis]!).map(imageValue);
  return split(g, scope.plain(0), sizes, axis).map(plainValue);
};

const Slice: Importer = (scope) => {
  const { g } = scope;
  const old = scope.opset < 10;
  const { node } = scope;
  const { starts, ends, axes, steps } = old
    ? sliceLists(node.neededInts("starts"), node.neededInts("ends"), node.ints("axes"), null)
    : sliceLists(
      scope.list(1),
      scope.list(2),
      scope.has(3) ? scope.list(3) : null,
      scope.has(4) ? scope.list(4) : null,
    );
  const v = scope.inputs[0]!;
  if ("tensor" in v && v.nhwc) {
    return [
      imageValue(slice(g, v.tensor, { starts, ends, steps, axes: axes.map((a) => IMAGE_AXES[normalizeAxis(a, 4)]!) })),
    ];
  }
  return [plainValue(slice(g, scope.plain(0), { starts, ends, steps, axes }))];
};

const PAD_MODES = ["constant", "reflect", "edge", "wrap"];

/** Borders taken from the other end of each axis, as often as needed. */
function wrap(g: Graph, x: Tensor, pads: readonly number[]): Tensor {
  const rank = x.shape.length;
  return x.shape.reduce((y, size, axis) => {
    const [begin, end] = [pads[axis]!, pads[rank + axis]!];
    if (begin === 0 && end === 0) return y;
    const places = Int32Array.from({ length: size + begin + end }, (_, i) => (((i - begin) % size) + size) % size);
    return gather(g, y, g.constant(places, [places.length], "i32"), axis);
  }, x);
}

const Pad: Importer = (scope) => {
  const { g, node } = scope;
  const mode = node.text("mode", "constant");
  if (!PAD_MODES.includes(mode)) {
    throw new UserError(`${node.label}: mode ${mode} is not known (${PAD_MODES.join(", ")})`);
  }
  const given = scope.opset < 11
    ? node.ints("paddings") ?? node.neededInts("pads") // the name in opset 1, and since
    : scope.list(1);
  const rank = scope.shape(0).length;
  const axes = scope.optionalHost(3);
  const named = axes ? Array.from(axes.data, (axis) => normalizeAxis(axis, rank)) : [...new Array(rank).keys()];
  if (given.length !== 2 * named.length) {
    throw new UserError(`${node.label}: takes ${2 * named.length} pads, got ${given.length}`);
  }
  const pads = new Array<number>(2 * rank).fill(0);
  named.forEach((d, i) => [pads[d], pads[rank + d]] = [given[i]!, given[named.length + i]!]);
  const value = scope.opset < 11 ? node.float("value", 0) : scope.scalar(2, 0);
  if (mode === "wrap") return [plainValue(wrap(g, scope.plain(0), pads))];
  const v = scope.inputs[0]!;
  if ("tensor" in v && v.nhwc) {
    const order = [0, 2, 3, 1];
    const moved = [...order.map((d) => pads[d]!), ...order.map((d) => pads[4 + d]!)];
    return [imageValue(pad(g, v.tensor, moved, mode as PadMode, value))];
  }
  return [plainValue(pad(g, scope.plain(0), pads, mode as PadMode, value))];
};

const Gather: Importer = (scope) => {
  const axis = scope.node.int("axis", 0);
  const shape = scope.shape(0, 1);
  checkPlaces(scope.inputs[1]!, shape[normalizeAxis(axis, shape.length)]!);
  return [plainValue(gather(scope.g, scope.plain(0), scope.plain(1), axis))];
};

const Expand: Importer = (scope) => {
  const shape = scope.shape(0);
  const wanted = scope.list(1);
  const { batch } = scope;
  const first = batch && wanted.length === shape.length && wanted[0] === batch.declared && shape[0] === batch.actual;
  const target = broadcastShapes(shape, first ? [batch.actual, ...wanted.slice(1)] : wanted);
  return [plainValue(expand(scope.g, scope.plain(0), target))];
};

/** Each dimension repeated: [r, d] side by side, then taken together. */
const Tile: Importer = (scope) => {
  const shape = scope.shape(0);
  const repeats = repeatsOf(shape, scope.host(1), scope.optionalHost(2));
  const apart = reshape(scope.g, scope.plain(0), shape.flatMap((d) => [1, d]));
  const tiled = expand(scope.g, apart, shape.flatMap((d, i) => [repeats[i]!, d]));
  return [plainValue(reshape(scope.g, tiled, shape.map((d, i) => d * repeats[i]!)))];
};

/** Sizes of images [n, c, h, w], and of the blocks that they are cut into. */
function blocksOf(scope: NodeScope): { n: number; c: number; h: number; w: number; b: number } {
  const { node } = scope;
  const shape = scope.shape(0, 4, 4);
  const b = node.neededInt("blocksize");
  if (b < 1) throw new UserError(`${node.label}: blocksize ${b} is below 1`);
  const [n, c, h, w] = shape as [number, number, number, number];
  return { n, c, h, w, b };
}

/** Blocks of channels to pixels (CRD) or pixels of channels (DCR). */
const DepthToSpace: Importer = (scope) => {
  const { g, node } = scope;
  const { n, c, h, w, b } = blocksOf(scope);
  if (c % (b * b) !== 0) throw new UserError(`${node.label}: ${c} channels do not make blocks of ${b} x ${b} pixels`);
  const mode = node.text("mode", "DCR");
  if (mode !== "DCR" && mode !== "CRD") throw new UserError(`${node.label}: mode ${mode} is not known (DCR, CRD)`);
  const crd = mode === "CRD";
  const apart = reshape(g, scope.plain(0), crd ? [n, c / b / b, b, b, h, w] : [n, b, b, c / b / b, h, w]);
  const together = transpose(g, apart, crd ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
  return [plainValue(reshape(g, together, [n, c / b / b, h * b, w * b]))];
};

/** Pixels of a block to channels. */
const SpaceToDepth: Importer = (scope) => {
  const { g, node } = scope;
  const { n, c, h, w, b } = blocksOf(scope);
  if (h % b !== 0 || w % b !== 0) throw new UserError(`${node.label}: ${h} x ${w} pixels do not make blocks of ${b}`);
  const apart = reshape(g, scope.plain(0), [n, c, h / b, b, w / b, b]);
  return [plainValue(reshape(g, transpose(g, apart, [0, 3, 5, 1, 2, 4]), [n, c * b * b, h / b, w / b]))];
};

/** The middle of each axis, cut or with zeros around it; of an odd number of them the last one is more at the end. */
const CenterCropPad: Importer = (scope) => {
  const { g } = scope;
  const shape = scope.shape(0);
  const wanted = scope.list(1);
  const axes = (scope.node.ints("axes") ?? shape.map((_, i) => i)).map((a) => normalizeAxis(a, shape.length));
  if (wanted.length !== axes.length) {
    throw new UserError(`${scope.node.label}: ${wanted.length} sizes do not fit ${axes.length} axes`);
  }
  const change = (d: number) => axes.includes(d) ? wanted[axes.indexOf(d)]! - shape[d]! : 0;
  const begins = shape.map((_, d) => change(d) > 0 ? Math.floor(change(d) / 2) : -Math.floor(-change(d) / 2));
  const ends = shape.map((_, d) => change(d) - begins[d]!);
  return [plainValue(pad(g, scope.plain(0), [...begins, ...ends]))];
};

function axesInput(scope: NodeScope): HostTensor | null {
  return scope.has(1) ? scope.host(1) : null;
}

/** By operator name. */
export const shapeImporters: Readonly<Record<string, Importer>> = {
  Constant,
  Reshape,
  Flatten: (scope) => [plainValue(flatten(scope.g, scope.plain(0), scope.node.int("axis", 1)))],
  Squeeze: (scope) => {
    const shape = squeezed(scope.shape(0), axesOf(scope.node, axesInput(scope)));
    return [plainValue(reshape(scope.g, scope.plain(0), shape))];
  },
  Unsqueeze: (scope) => {
    const axes = axesOf(scope.node, axesInput(scope));
    if (!axes) throw new UserError(`${scope.node.label}: the axes are missing`);
    return [plainValue(reshape(scope.g, scope.plain(0), unsqueezed(scope.shape(0), axes)))];
  },
  Transpose,
  Concat,
  Split,
  Slice,
  Pad,
  Gather,
  Expand,
  Tile,
  DepthToSpace,
  SpaceToDepth,
  CenterCropPad,
};
