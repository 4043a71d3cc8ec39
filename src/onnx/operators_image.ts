/** The table of operators on images: convolutions, pooling, sampling, resizing. They work on [n, h, w, c]. */

import { UserError } from "../errors.ts";
import { sameShape, sizeOf, stridesOf } from "../graph/tensor.ts";
import { convTranspose } from "../ops/conv_transpose.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { gridSample, isGridMode, isGridPadding } from "../ops/grid_sample.ts";
import { countOf } from "./host.ts";
import type { Importer } from "./operators.ts";
import { Conv, ConvTranspose } from "./operators_conv.ts";
import { AveragePool, GlobalLpPool, globalPool, LpPool, MaxPool, MaxUnpool } from "./operators_pool.ts";
import { Resize, Upsample } from "./operators_resize.ts";
import { imageValue, plainValue } from "./values.ts";
import { numbers, volumeOf, volumeResult } from "./window.ts";

type Pair = readonly [number, number];

/** Names of modes before opset 20. */
const OLD_MODES: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };

const GridSample: Importer = (scope) => {
  const { g, node } = scope;
  const given = node.text("mode", scope.opset < 20 ? "bilinear" : "linear");
  const mode = OLD_MODES[given] ?? given;
  const padding = node.text("padding_mode", "zeros");
  if (!isGridMode(mode)) throw new UserError(`${node.label}: mode ${given} is not known`);
  if (!isGridPadding(padding)) throw new UserError(`${node.label}: padding_mode ${padding} is not known`);
  const attrs = { mode, padding, alignCorners: node.flag("align_corners", false) };
  if (scope.shape(0, 4, 5).length === 4) return [imageValue(gridSample(g, scope.image(0), scope.plain(1), attrs))];
  return [volumeResult(g, gridSample(g, volumeOf(scope), scope.plain(1), attrs))];
};

/** Places [n, h, w, 2] (or [n, d, h, w, 3]) of a regular grid under affine maps theta [n, 2, 3] (or [n, 3, 4]). */
const AffineGrid: Importer = (scope) => {
  const { g, node } = scope;
  const corners = node.flag("align_corners", false);
  const wanted = scope.list(1);
  const [n, , ...size] = wanted as [number, number, ...number[]];
  const rank = size.length;
  if (rank < 2 || rank > 3) {
    throw new UserError(`${node.label}: size [${wanted}] should be [n, c, h, w] or [n, c, d, h, w]`);
  }
  if (!sameShape(scope.shape(0), [n, rank, rank + 1])) {
    throw new UserError(`${node.label}: theta [${scope.shape(0)}] should be [${[n, rank, rank + 1]}]`);
  }
  countOf(size);
  const along = (i: number, count: number) => corners ? 2 * i / Math.max(1, count - 1) - 1 : (2 * i + 1) / count - 1;
  const strides = stridesOf(size);
  // Rows x, y (, z), 1: the last spatial axis is x.
  const base = Float32Array.from({ length: sizeOf(size) * (rank + 1) }, (_, i) => {
    const [place, k] = [Math.floor(i / (rank + 1)), i % (rank + 1)];
    const axis = rank - 1 - k;
    return k === rank ? 1 : along(Math.floor(place / strides[axis]!) % size[axis]!, size[axis]!);
  });
  const theta = transpose(g, scope.plain(0), [0, 2, 1]);
  const grid = matmul(g, g.constant(base, [1, sizeOf(size), rank + 1]), theta);
  return [plainValue(reshape(g, grid, [n, ...size, rank]))];
};

/** Columns of blocks [n, c * kh * kw, blocks] added up where they overlap in images [n, c, h, w]. */
const Col2Im: Importer = (scope) => {
  const { g, node } = scope;
  const [image, block] = [scope.list(1), scope.list(2)];
  if (image.length !== 2) throw new UserError(`${node.label}: image_shape [${image}] is not supported, only [h, w]`);
  if (block.length !== 2) throw new UserError(`${node.label}: block_shape [${block}] should be two numbers`);
  const strides = numbers(scope, "strides", 2, 1) as Pair;
  const dilations = numbers(scope, "dilations", 2, 1) as Pair;
  const pads = numbers(scope, "pads", 4, 0) as unknown as readonly [number, number, number, number];
  const [n, rows] = scope.shape(0, 3, 3) as [number, number];
  const area = sizeOf(block);
  const reach = [0, 1].map((i) => image[i]! + pads[i]! + pads[i + 2]! - dilations[i]! * (block[i]! - 1) - 1);
  const counts = reach.map((r, i) => Math.floor(r / strides[i]!) + 1);
  // A transposed convolution whose weights put each row of a block into its own pixel.
  const weights = Float32Array.from({ length: area * area }, (_, i) => Number(Math.floor(i / area) === i % area));
  const x = transpose(g, reshape(g, scope.plain(0), [n * rows / area, area, counts[0]!, counts[1]!]), [0, 2, 3, 1]);
  const outputPadding = reach.map((r, i) => r - (counts[i]! - 1) * strides[i]!) as unknown as Pair;
  const w = g.constant(weights, [block[0]!, block[1]!, 1, area]);
  const y = convTranspose(g, x, w, null, { strides, dilations, pads, group: 1, outputPadding });
  return [plainValue(reshape(g, y, [n, rows / area, image[0]!, image[1]!]))];
};

/** By operator name. */
export const imageImporters: Readonly<Record<string, Importer>> = {
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool,
  GlobalAveragePool: globalPool("Mean"),
  GlobalMaxPool: globalPool("Max"),
  GlobalLpPool,
  LpPool,
  MaxUnpool,
  GridSample,
  AffineGrid,
  Col2Im,
  Resize,
  Upsample,
};
