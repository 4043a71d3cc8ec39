/**
 * Importers of pooling for signals, images and volumes. A window over a volume is a window over its images and then
 * one over its depth: true of the largest value, and of means, whose counts are products of counts along the axes.
 */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import { add, binary, mul } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { averagePool, maxPool, maxPoolPlaces, type PoolAttrs } from "../ops/pool.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
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
type Options = Pick<PoolAttrs, "ceilMode" | "countIncludePad">;

function readPool(scope: NodeScope, rank: number): { window: Window; options: Options } {
  const kernel = scope.node.ints("kernel_shape");
  if (kernel?.length !== rank) {
    throw new UserError(`${scope.node.label}: kernel_shape [${kernel ?? ""}] should be ${rank} numbers`);
  }
  const options = {
    ceilMode: scope.node.int("ceil_mode", 0) === 1,
    countIncludePad: scope.node.int("count_include_pad", 0) === 1,
  };
  return { window: readWindow(scope, kernel), options };
}

/** [n, d, h, w, c] -> [n, od, oh, ow, c]. */
function poolVolume(g: Graph, x: Tensor, window: Window, options: Options, pool: Pool): Tensor {
  const [n, d, h, w, c] = x.shape as [number, number, number, number, number];
  const images = pool(g, reshape(g, x, [n * d, h, w, c]), { ...planar(window), ...options });
  const [, oh, ow] = images.shape as [number, number, number, number];
  const depth: PoolAttrs = {
    kernel: [window.kernel[0]!, 1],
    strides: [window.strides[0]!, 1],
    dilations: [window.dilations[0]!, 1],
    pads: [window.begins[0]!, 0, window.ends[0]!, 0],
    ...options,
  };
  const y = pool(g, reshape(g, images, [n, d, oh * ow, c]), depth);
  return reshape(g, y, [n, y.shape[1]!, oh, ow, c]);
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
  const columnMajor = node.int("storage_order", 0) === 1;
  const wantsPlaces = node.node.outputs.length > 1;
  if (rank === 3) {
    if (wantsPlaces) throw new UserError(`${node.label}: the output Indices is not supported for volumes`);
    const x = volumeOf(scope);
    return [volumeResult(g, cast(g, poolVolume(g, cast(g, x, "f32"), window, options, maxPool), x.dtype as DType))];
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
