/**
 * Importers of pooling for signals, images and volumes. A window over a volume is a window over its images and then
 * one over its depth: true of the largest value, and of means, whose counts are products of counts along the axes.
 */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { type DType, sizeOf, type Tensor } from "../graph/tensor.ts";
import { add, binary, mul, pow } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { expand } from "../ops/expand.ts";
import { gather } from "../ops/gather.ts";
import { pad } from "../ops/pad.ts";
import { averagePool, maxPoolPlaces, type PoolAttrs } from "../ops/pool.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { scatter } from "../ops/scatter.ts";
import { affine, unary } from "../ops/unary.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { plainValue, type Value } from "./values.ts";
import {
  imageOf,
  imageResult,
  planar,
  readWindow,
  spatialRank,
  volumeOf,
  volumeResult,
  type Window,
} from "./window.ts";

type Pool = (g: Graph, x: Tensor, attrs: PoolAttrs) => Tensor;
type Volume = [n: number, d: number, h: number, w: number, c: number];
type Options = Pick<PoolAttrs, "ceilMode" | "countIncludePad">;

function readPool(scope: NodeScope, rank: number): { window: Window; options: Options } {
  const kernel = scope.node.ints("kernel_shape");
  if (kernel?.length !== rank) {
    throw new UserError(`${scope.node.label}: kernel_shape [${kernel ?? ""}] should be ${rank} numbers`);
  }
  const options = {
    ceilMode: scope.node.flag("ceil_mode", false),
    countIncludePad: scope.node.flag("count_include_pad", false),
  };
  return { window: readWindow(scope, kernel), options };
}

/** The windows of a volume's images, and those of its depth over images whose pixels lie in a row. */
function apart(window: Window, options: Options): { images: PoolAttrs; depth: PoolAttrs } {
  const depth: PoolAttrs = {
    kernel: [window.kernel[0]!, 1],
    strides: [window.strides[0]!, 1],
    dilations: [window.dilations[0]!, 1],
    pads: [window.begins[0]!, 0, window.ends[0]!, 0],
    ...options,
  };
  return { images: { ...planar(window), ...options }, depth };
}

/** [n, d, h, w, c] -> [n, od, oh, ow, c]. */
function poolVolume(g: Graph, x: Tensor, window: Window, options: Options, pool: Pool): Tensor {
  const attrs = apart(window, options);
  const [n, d, h, w, c] = x.shape as Volume;
  const images = pool(g, reshape(g, x, [n * d, h, w, c]), attrs.images);
  const [, oh, ow] = images.shape as [number, number, number, number];
  const y = pool(g, reshape(g, images, [n, d, oh * ow, c]), attrs.depth);
  return reshape(g, y, [n, y.shape[1]!, oh, ow, c]);
}

/**
 * The largest values of windows of x [n, d, h, w, c] with their places in the flat [n, c, d, h, w], or [n, c, w, h, d]:
 * the depth of the image that has a window's largest value, and the place that the image says of its own.
 */
function maxPoolVolume(
  g: Graph,
  x: Tensor,
  window: Window,
  options: Options,
  columnMajor: boolean,
): { y: Tensor; places: Tensor } {
  const attrs = apart(window, options);
  const [n, d, h, w, c] = x.shape as Volume;
  const images = maxPoolPlaces(g, reshape(g, x, [n * d, h, w, c]), attrs.images);
  const [, oh, ow] = images.y.shape as [number, number, number, number];
  const pixels = oh * ow;
  const { y, places } = maxPoolPlaces(g, reshape(g, images.y, [n, d, pixels, c]), attrs.depth);
  const whole = (v: number) => g.scalar(v, "i32");
  const rows = Int32Array.from({ length: n * c }, (_, i) => Math.floor(i / c) * d * pixels * c + i % c);
  const from = add(g, mul(g, places, whole(c)), g.constant(rows, [n, 1, 1, c], "i32"));
  const inImage = gather(g, reshape(g, images.places, [n * d * pixels * c]), from);
  const depth = binary(g, "Div", places, whole(pixels));
  const [row, column] = [binary(g, "Div", inImage, whole(w)), binary(g, "Mod", inImage, whole(w))];
  const inVolume = columnMajor
    ? add(g, depth, mul(g, add(g, row, mul(g, column, whole(h))), whole(d)))
    : add(g, inImage, mul(g, depth, whole(h * w)));
  const volumes = g.constant(Int32Array.from({ length: n * c }, (_, i) => i * d * h * w), [n, 1, 1, c], "i32");
  const shape = [n, y.shape[1]!, oh, ow, c];
  return { y: reshape(g, y, shape), places: reshape(g, add(g, inVolume, volumes), shape) };
}

export const AveragePool: Importer = (scope) => {
  const { g } = scope;
  const rank = spatialRank(scope);
  const { window, options } = readPool(scope, rank);
  if (rank === 3) return [volumeResult(g, poolVolume(g, volumeOf(scope), window, options, averagePool))];
  return [imageResult(g, averagePool(g, imageOf(scope), { ...planar(window), ...options }), rank)];
};

export const MaxPool: Importer = (scope) => {
  const { g, node } = scope;
  const rank = spatialRank(scope);
  const { window, options } = readPool(scope, rank);
  const columnMajor = node.flag("storage_order", false);
  const wantsPlaces = node.node.outputs.length > 1;
  if (rank === 3) {
    const x = volumeOf(scope);
    const { y, places } = maxPoolVolume(g, cast(g, x, "f32"), window, options, columnMajor);
    const largest = volumeResult(g, cast(g, y, x.dtype as DType));
    return wantsPlaces ? [largest, volumeResult(g, places)] : [largest];
  }
  const x = imageOf(scope);
  const { y, places } = maxPoolPlaces(g, cast(g, x, "f32"), { ...planar(window), ...options });
  const largest = imageResult(g, cast(g, y, x.dtype as DType), rank);
  return wantsPlaces ? [largest, imageResult(g, flatPlaces(g, x, places, columnMajor), rank)] : [largest];
};

/** Places (row * w + column) in images [n, h, w, c] as places in the flat [n, c, h, w], or [n, c, w, h]. */
function flatPlaces(g: Graph, x: Tensor, places: Tensor, columnMajor: boolean): Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const whole = (v: number) => g.scalar(v, "i32");
  const turned = () => add(g, mul(g, binary(g, "Mod", places, whole(w)), whole(h)), binary(g, "Div", places, whole(w)));
  const image = Int32Array.from({ length: n * c }, (_, i) => i * h * w);
  return add(g, columnMajor ? turned() : places, g.constant(image, [n, 1, 1, c], "i32"));
}

/** (sum of |x|^p over each window)^(1/p): a mean of powers, times the size of the window. */
export const LpPool: Importer = (scope) => {
  const { g, node } = scope;
  const rank = spatialRank(scope);
  const { window, options } = readPool(scope, rank);
  if (options.ceilMode) throw new UserError(`${node.label}: ceil_mode is not supported`);
  const whole = { ...options, countIncludePad: true };
  const p = node.int("p", 2);
  const count = window.kernel.reduce((a, b) => a * b, 1);
  const powers = (x: Tensor) => pow(g, unary(g, "Abs", x), g.scalar(p));
  const rooted = (mean: Tensor) => pow(g, affine(g, mean, count, 0), g.scalar(1 / p));
  if (rank === 3) {
    return [volumeResult(g, rooted(poolVolume(g, powers(volumeOf(scope)), window, whole, averagePool)))];
  }
  return [imageResult(g, rooted(averagePool(g, powers(imageOf(scope)), { ...planar(window), ...whole })), rank)];
};

/** (sum of |x|^p)^(1/p) over all spatial axes of [n, c, ...]. */
export const GlobalLpPool: Importer = (scope) => {
  const { g, node } = scope;
  const p = node.int("p", 2);
  const x = scope.plain(0);
  const sum = reduce(g, "Sum", pow(g, unary(g, "Abs", x), g.scalar(p)), x.shape.map((_, i) => i).slice(2), true);
  return [plainValue(pow(g, sum, g.scalar(1 / p)))];
};

/** Values put back to the places that a MaxPool took them from, with zeros between. */
export const MaxUnpool: Importer = (scope) => {
  const { g } = scope;
  const rank = spatialRank(scope);
  const { window } = readPool(scope, rank);
  const [x, places] = [scope.plain(0), scope.plain(1)];
  const full = x.shape.map((d, i) => {
    if (i < 2) return d;
    const [axis, kernel] = [i - 2, window.kernel[i - 2]!];
    return (d - 1) * window.strides[axis]! + kernel - window.begins[axis]! - window.ends[axis]!;
  });
  const line = (t: Tensor, ...more: number[]) => reshape(g, t, [1, sizeOf(t.shape), ...more]);
  const zeros = expand(g, g.constant([0], [1, 1, 1]), [1, sizeOf(full), 1]);
  const y = reshape(g, scatter(g, zeros, line(places), line(x, 1), "none"), full);
  const wanted = scope.optionalHost(2)?.data;
  // Places are those of the size that follows from the window; a larger one gets zeros at the ends.
  return [plainValue(wanted ? pad(g, y, [...full.map(() => 0), ...full.map((d, i) => wanted[i]! - d)]) : y)];
};

/** A reduction over all spatial axes of [n, c, ...]. */
export function globalPool(name: "Mean" | "Max"): Importer {
  return (scope): readonly Value[] => {
    const v = scope.inputs[0]!;
    const { g } = scope;
    const shape = scope.shape(0);
    if ("tensor" in v && v.nhwc) return [{ tensor: reduce(g, name, v.tensor, [1, 2], true), nhwc: true }];
    return [plainValue(reduce(g, name, scope.plain(0), shape.map((_, i) => i).slice(2), true))];
  };
}
