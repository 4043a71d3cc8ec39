/** Layers that the generators share, as ONNX nodes. Images are [n, c, h, w], conditions [n, d]. */

import type { OnnxBuilder } from "../src/onnx/build.ts";
import type { FoldedNorm, Matrix } from "./linear.ts";

/** A weight [out, in, k, k] and, where there is one, a bias [out]. */
export interface ConvWeights {
  readonly out: number;
  readonly in: number;
  readonly kernel: number;
  readonly weight: Float32Array;
  readonly bias?: Float32Array;
}

/** A convolution of stride 1 that keeps the size. */
export function conv(b: OnnxBuilder, name: string, x: string, w: ConvWeights): string {
  const inputs = [x, b.weight(`${name}.weight`, [w.out, w.in, w.kernel, w.kernel], w.weight)];
  if (w.bias) inputs.push(b.weight(`${name}.bias`, [w.out], w.bias));
  const pad = (w.kernel - 1) / 2;
  return b.node(name, "Conv", inputs, { kernel_shape: [w.kernel, w.kernel], pads: [pad, pad, pad, pad] });
}

/** x W^T + bias for W [out, in]. */
export function linear(b: OnnxBuilder, name: string, x: string, w: Matrix, bias: Float32Array | null): string {
  const inputs = [x, b.weight(`${name}.weight`, [w.rows, w.columns], Float32Array.from(w.data))];
  if (bias) inputs.push(b.weight(`${name}.bias`, [w.rows], bias));
  return b.node(name, "Gemm", inputs, { transB: 1 });
}

/** [n, c] as [n, c, 1, 1], one value a channel. */
export function channels(b: OnnxBuilder, x: string): string {
  return b.node(`${x}.channels`, "Unsqueeze", [x, b.ints([2, 3])]);
}

/** relu(scale(c) x + shift(c)) for a condition c: a batch norm, folded, and the activation that always follows it. */
export function normRelu(b: OnnxBuilder, name: string, x: string, condition: string, norm: FoldedNorm): string {
  const scale = channels(b, linear(b, `${name}.scale`, condition, norm.scale, norm.scale.bias));
  const shift = channels(b, linear(b, `${name}.shift`, condition, norm.shift, norm.shift.bias));
  const y = b.node(`${name}.scaled`, "Mul", [x, scale]);
  return b.node(`${name}.relu`, "Relu", [b.node(name, "Add", [y, shift])]);
}

/** relu(scale x + shift) with one scale and shift for all samples. */
export function fixedNormRelu(
  b: OnnxBuilder,
  name: string,
  x: string,
  { scale, shift }: { readonly scale: Float32Array; readonly shift: Float32Array },
): string {
  const shape = [scale.length, 1, 1];
  const y = b.node(`${name}.scaled`, "Mul", [x, b.weight(`${name}.scale`, shape, scale)]);
  return b.node(`${name}.relu`, "Relu", [b.node(name, "Add", [y, b.weight(`${name}.shift`, shape, shift)])]);
}

/** Twice as many rows and columns, each pixel four times. */
export function upsample(b: OnnxBuilder, name: string, x: string): string {
  const scales = "upsample.scales";
  if (!b.has(scales)) b.weight(scales, [4], Float32Array.of(1, 1, 2, 2));
  return b.node(name, "Resize", [x, "", scales], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
}

/** Weights of self-attention on c channels: theta and phi to c/8, g to c/2, out back to c, the learned gain within. */
export interface AttentionWeights {
  readonly channels: number;
  readonly theta: Float32Array;
  readonly phi: Float32Array;
  readonly g: Float32Array;
  readonly out: Float32Array;
}

/**
 * x + out(softmax(theta(x) phi(x)^T) g(x)) over the pixels of a square image of `side`, keys and values pooled 2 x 2
 * (SAGAN, no scaling before the softmax). Pixels are rows: [n, h w, c].
 */
export function attention(b: OnnxBuilder, name: string, x: string, side: number, w: AttentionWeights): string {
  const c = w.channels;
  const rows = (part: string, out: number, weight: Float32Array, pooled: boolean) => {
    let y = conv(b, `${name}.${part}`, x, { out, in: c, kernel: 1, weight });
    if (pooled) y = b.node(`${name}.${part}.pool`, "MaxPool", [y], { kernel_shape: [2, 2], strides: [2, 2] });
    y = b.node(`${name}.${part}.last`, "Transpose", [y], { perm: [0, 2, 3, 1] });
    const pixels = pooled ? side * side / 4 : side * side;
    return b.node(`${name}.${part}.rows`, "Reshape", [y, b.ints([0, pixels, out])]);
  };
  const theta = rows("theta", c / 8, w.theta, false);
  const phi = rows("phi", c / 8, w.phi, true);
  const g = rows("g", c / 2, w.g, true);
  const keys = b.node(`${name}.keys`, "Transpose", [phi], { perm: [0, 2, 1] });
  const logits = b.node(`${name}.logits`, "MatMul", [theta, keys]);
  const map = b.node(`${name}.map`, "Softmax", [logits], { axis: -1 });
  const mixed = b.node(`${name}.mixed`, "MatMul", [map, g]);
  const image = b.node(`${name}.image`, "Reshape", [mixed, b.ints([0, side, side, c / 2])]);
  const first = b.node(`${name}.first`, "Transpose", [image], { perm: [0, 3, 1, 2] });
  const out = conv(b, `${name}.out`, first, { out: c, in: c / 2, kernel: 1, weight: w.out });
  return b.node(name, "Add", [x, out]);
}
