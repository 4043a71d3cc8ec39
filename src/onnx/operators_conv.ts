/**
 * Importers of Conv and ConvTranspose for signals, images and volumes. A convolution of volumes is the sum, over the
 * planes of its kernel, of convolutions of images: those that a plane meets, the depth being part of the batch.
 */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add } from "../ops/binary.ts";
import { conv } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv_transpose.ts";
import { concat } from "../ops/concat.ts";
import { pad } from "../ops/pad.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { transpose } from "../ops/transpose.ts";
import type { NodeScope } from "./import.ts";
import { weightParts } from "./large_weights.ts";
import type { Importer } from "./operators.ts";
import { asPlain, shapeOf, uploadPermuted, type Value } from "./values.ts";
import {
  checkSpans,
  imageOf,
  imageResult,
  numbers,
  planar,
  readWindow,
  spatialRank,
  volumeOf,
  volumeResult,
  type Window,
  withRow,
} from "./window.ts";

/** Weights [o, i, ...kernel] (or [i, o, ...kernel] of a transposed convolution) as [...kernel, i, o]. */
function weights(g: Graph, v: Value): Tensor {
  const rank = shapeOf(v).length;
  const order = [...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1, 0];
  return "host" in v ? uploadPermuted(g, v.host, order) : transpose(g, asPlain(g, v), order);
}

/** The window's size, from the weights; UserError where the weights do not fit the input or kernel_shape. */
function kernelOf(scope: NodeScope, rank: number): readonly number[] {
  const shape = scope.shape(1);
  if (shape.length !== rank + 2) {
    throw new UserError(`${scope.node.label}: weights [${shape}] do not fit the input [${scope.shape(0)}]`);
  }
  const kernel = shape.slice(2);
  const declared = scope.node.ints("kernel_shape");
  if (declared && declared.join() !== kernel.join()) {
    throw new UserError(`${scope.node.label}: kernel_shape [${declared}] does not fit weights [${shape}]`);
  }
  return kernel;
}

const biasOf = (scope: NodeScope) => scope.has(2) ? scope.plain(2) : null;

export const Conv: Importer = (scope) => {
  const { g } = scope;
  const rank = spatialRank(scope);
  const window = readWindow(scope, kernelOf(scope, rank));
  const group = scope.node.int("group", 1);
  if (rank === 3) return [volumeResult(g, convVolume(scope, window, group))];
  const attrs = { ...planar(window), group };
  const x = imageOf(scope);
  const y = overParts(scope, group, 0, (w, bias) => conv(g, x, w, bias, attrs));
  return [imageResult(g, y, rank)];
};

/**
 * A convolution by the weights of the node, whose output channels lie along `axis`; by parts of them where they are
 * too large for one binding, and in one group.
 */
function overParts(
  scope: NodeScope,
  group: number,
  axis: number,
  convolve: (w: Tensor, bias: Tensor | null) => Tensor,
): Tensor {
  const { g } = scope;
  const whole = withRow(g, scope.inputs[1]!);
  const parts: Value[] = "host" in whole && group === 1
    ? weightParts(whole.host, axis).map((host) => ({ host }))
    : [whole];
  if (parts.length === 1) return convolve(weights(g, whole), biasOf(scope));
  const y = concat(g, parts.map((part) => convolve(weights(g, part), null)), 3);
  return scope.has(2) ? add(g, y, scope.plain(2)) : y;
}

/** Plane k of weights [kd, kh, kw, i, o]. */
function plane(g: Graph, w: Tensor, k: number): Tensor {
  return reshape(g, slice(g, w, { starts: [k], ends: [k + 1], axes: [0] }), w.shape.slice(1));
}

/** [n, d, h, w, c] -> [n, od, oh, ow, co]. */
function convVolume(scope: NodeScope, window: Window, group: number): Tensor {
  const { g } = scope;
  const w = weights(g, scope.inputs[1]!);
  const [begin, end] = [window.begins[0]!, window.ends[0]!];
  const x = pad(g, volumeOf(scope), [0, begin, 0, 0, 0, 0, end, 0, 0, 0]);
  const [n, d, ...size] = x.shape as [number, number, number, number, number];
  const [step, dilation] = [window.strides[0]!, window.dilations[0]!];
  const depth = Math.floor((d - dilation * (window.kernel[0]! - 1) - 1) / step) + 1;
  let sum: Tensor | null = null;
  for (let k = 0; k < window.kernel[0]!; k++) {
    const start = k * dilation;
    const met = slice(g, x, { starts: [start], ends: [start + (depth - 1) * step + 1], axes: [1], steps: [step] });
    const bias = k === 0 ? biasOf(scope) : null;
    const y = conv(g, reshape(g, met, [n * depth, ...size]), plane(g, w, k), bias, { ...planar(window), group });
    sum = sum ? add(g, sum, y) : y;
  }
  return reshape(g, sum!, [n, depth, ...sum!.shape.slice(1)]);
}

export const ConvTranspose: Importer = (scope) => {
  const { g, node } = scope;
  const rank = spatialRank(scope);
  const kernel = kernelOf(scope, rank);
  const outputPadding = numbers(scope, "output_padding", rank, 0);
  const window = transposedWindow(scope, kernel, outputPadding);
  const group = node.int("group", 1);
  const [rows, columns] = [0, ...outputPadding].slice(-2) as [number, number];
  const attrs = { ...planar(window), group, outputPadding: [rows, columns] as const };
  if (rank === 3) return [volumeResult(g, transposedVolume(scope, window, outputPadding[0]!, attrs))];
  const x = imageOf(scope);
  return [imageResult(g, overParts(scope, group, 1, (w, bias) => convTranspose(g, x, w, bias, attrs)), rank)];
};

/** The window of a transposed convolution: output_shape and auto_pad say what is cut from the full result. */
function transposedWindow(scope: NodeScope, kernel: readonly number[], outputPadding: readonly number[]): Window {
  const { node } = scope;
  const rank = kernel.length;
  const strides = numbers(scope, "strides", rank, 1);
  const dilations = numbers(scope, "dilations", rank, 1);
  const own = { kernel, strides, dilations };
  checkSpans(scope, own);
  const auto = node.text("auto_pad", "NOTSET");
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (!same && !["NOTSET", "", "VALID"].includes(auto)) {
    throw new UserError(`${node.label}: auto_pad ${auto} is not known`);
  }
  const pads = numbers(scope, "pads", 2 * rank, 0);
  const shape = node.ints("output_shape");
  if (shape && shape.length !== rank && shape.length !== rank + 2) {
    throw new UserError(`${node.label}: output_shape [${shape}] should be ${rank} numbers`);
  }
  const sizes = scope.shape(0).slice(2);
  const wanted = shape?.slice(-rank) ?? (same ? sizes.map((d, i) => d * strides[i]!) : null);
  if (!wanted && auto === "VALID") return { ...own, begins: kernel.map(() => 0), ends: kernel.map(() => 0) };
  if (!wanted) return { ...own, begins: pads.slice(0, rank), ends: pads.slice(rank) };
  const cut = sizes.map((d, i) =>
    (d - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 + outputPadding[i]! - wanted[i]!
  );
  // The excess is cut evenly, the odd element at the end for SAME_UPPER, else at the begin.
  const begins = cut.map((c) => auto === "SAME_UPPER" ? Math.floor(c / 2) : c - Math.floor(c / 2));
  return { ...own, begins, ends: cut.map((c, i) => c - begins[i]!) };
}

/** [n, d, h, w, c] -> [n, od, oh, ow, co]: plane k of the kernel adds to the depths i * stride + k * dilation. */
function transposedVolume(
  scope: NodeScope,
  window: Window,
  outputPadding: number,
  attrs: Parameters<typeof convTranspose>[4],
): Tensor {
  const { g } = scope;
  const w = weights(g, scope.inputs[1]!);
  const x = volumeOf(scope);
  const [n, d, ...size] = x.shape as [number, number, number, number, number];
  const images = reshape(g, x, [n * d, ...size]);
  const [stride, dilation] = [window.strides[0]!, window.dilations[0]!];
  const spread = (d - 1) * stride + 1;
  const full = spread + dilation * (window.kernel[0]! - 1) + outputPadding;
  let sum: Tensor | null = null;
  for (let k = 0; k < window.kernel[0]!; k++) {
    const y = convTranspose(g, images, plane(g, w, k), null, attrs);
    const own = y.shape.slice(1) as [number, number, number];
    const apart = pad(g, reshape(g, y, [n, d, 1, ...own]), [0, 0, 0, 0, 0, 0, 0, 0, stride - 1, 0, 0, 0]);
    const [before, after] = [k * dilation, full - k * dilation - d * stride];
    const placed = pad(g, reshape(g, apart, [n, d * stride, ...own]), [0, before, 0, 0, 0, 0, after, 0, 0, 0]);
    sum = sum ? add(g, sum, placed) : placed;
  }
  const y = slice(g, sum!, { starts: [window.begins[0]!], ends: [full - window.ends[0]!], axes: [1] });
  return scope.has(2) ? add(g, y, scope.plain(2)) : y;
}
