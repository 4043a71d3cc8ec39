/**
 * The generators that speed is measured on, with random weights: a DCGAN at 64 pixels, a small class-conditional BigGAN
 * at 128 and a small StyleGAN2 at 64. Norms and residual sums stand in them as exporters write them, nothing is folded,
 * so that every runtime gets the same work.
 */

import { OnnxBuilder } from "../src/onnx/build.ts";
import { conv, linear, upsample } from "./layers.ts";
import { asMatrix } from "./linear.ts";
import { buildStyleGan2 } from "./stylegan2-512.ts";
import type { Law, Weights } from "./weights.ts";

const BOTTOM = 4;
/** Latents, channels at 4 pixels and after each doubling, and the kernel of the transposed convolutions. */
const DCGAN = { latent: 128, channels: [512, 256, 128, 64, 3], kernel: 4 };
/** A chunk of the latents for the first image and one for each block; channels at 4 pixels and after each block. */
const BIGGAN = { chunk: 20, classes: 100, embedding: 128, channels: [512, 512, 256, 128, 64, 32], attention: 3 };
const STYLEGAN = { style: 256, mapping: 8, channels: [256, 256, 256, 256, 128] };

/** z [n, 128] to image [n, 3, 64, 64]: transposed convolutions with batch norm and ReLU between them (DCGAN, 2016). */
export function buildDcgan64(weights: Weights): OnnxBuilder {
  const { latent, channels, kernel } = DCGAN;
  const b = new OnnxBuilder("dcgan64", "DCGAN generator of 64 pixels with random weights");
  let x = b.node("latent", "Unsqueeze", [b.input("z", [latent]), b.ints([2, 3])]);
  let into = latent;
  channels.forEach((out, i) => {
    const name = `up.${i}`;
    const taps = i === 0 ? 1 : kernel; // of each pixel of the result: all of 4 x 4 meet one pixel, or every second one
    const weight = weights.get(`${name}.weight`, [into, out, kernel, kernel], { std: Math.sqrt(1.5 / (into * taps)) });
    const [stride, pad] = i === 0 ? [1, 0] : [2, 1];
    const geometry = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
    x = b.node(name, "ConvTranspose", [x, b.weight(`${name}.weight`, [into, out, kernel, kernel], weight)], geometry);
    if (i < channels.length - 1) x = b.node(`${name}.relu`, "Relu", [batchNorm(b, weights, `${name}.norm`, x, out)]);
    into = out;
  });
  const side = BOTTOM * 2 ** (channels.length - 1);
  b.output(b.node("image", "Tanh", [x]), [3, side, side]);
  return b;
}

/**
 * z [n, 120] and one-hot y [n, 100] to image [n, 3, 128, 128]: residual blocks with conditional batch norm, and
 * self-attention at 64 pixels (BigGAN, 2019).
 */
export function buildBigGan128(weights: Weights): OnnxBuilder {
  const { chunk, classes, embedding, channels } = BIGGAN;
  const b = new OnnxBuilder("biggan128", "BigGAN-like generator of 128 pixels with random weights");
  const z = b.input("z", [chunk * channels.length]);
  const y = b.input("y", [classes]);
  const lengths = b.ints(channels.map(() => chunk));
  const chunks = b.nodes(channels.map((_, i) => `z.${i}`), "Split", [z, lengths], { axis: 1 });
  const label = linear(b, "embedding", y, matrix(weights, "embedding", embedding, classes, 1), null);
  const width = channels[0]! * BOTTOM ** 2;
  const first = linear(b, "first", chunks[0]!, matrix(weights, "first", width, chunk), new Float32Array(width));
  let x = b.node("first.image", "Reshape", [first, b.ints([0, channels[0]!, BOTTOM, BOTTOM])]);
  for (let i = 1; i < channels.length; i++) {
    const condition = b.node(`condition.${i}`, "Concat", [label, chunks[i]!], { axis: 1 });
    x = bigGanBlock(b, weights, `block.${i - 1}`, x, condition, channels[i - 1]!, channels[i]!);
    if (i - 1 === BIGGAN.attention) x = attention(b, weights, x, BOTTOM * 2 ** i, channels[i]!);
  }
  const last = channels.at(-1)!;
  x = b.node("last.relu", "Relu", [batchNorm(b, weights, "last.norm", x, last)]);
  const side = BOTTOM * 2 ** (channels.length - 1);
  b.output(b.node("image", "Tanh", [convolution(b, weights, "last", x, last, 3, 3, 0.3)]), [3, side, side]);
  return b;
}

/** z [n, 256] to image [n, 3, 64, 64], nominally in [-1, 1]: StyleGAN2 of half the published widths. */
export function buildStyleGan64(weights: Weights): OnnxBuilder {
  return buildStyleGan2(weights, 1, STYLEGAN);
}

/** Norm, ReLU, upsampling, convolution, norm, ReLU, convolution, beside an upsampled 1 x 1 convolution. */
function bigGanBlock(
  b: OnnxBuilder,
  weights: Weights,
  name: string,
  x: string,
  condition: string,
  into: number,
  out: number,
): string {
  let y = conditionalNormRelu(b, weights, `${name}.norm1`, x, condition, into);
  y = convolution(b, weights, `${name}.conv1`, upsample(b, `${name}.up`, y), into, out, 3);
  y = conditionalNormRelu(b, weights, `${name}.norm2`, y, condition, out);
  y = convolution(b, weights, `${name}.conv2`, y, out, out, 3, 0.5);
  const skip = convolution(b, weights, `${name}.skip`, upsample(b, `${name}.skip.up`, x), into, out, 1, 0.7);
  return b.node(name, "Add", [y, skip]);
}

/** relu(norm(x) (1 + gain(condition)) + offset(condition)). */
function conditionalNormRelu(
  b: OnnxBuilder,
  weights: Weights,
  name: string,
  x: string,
  condition: string,
  width: number,
): string {
  const columns = BIGGAN.embedding + BIGGAN.chunk;
  const affine = (part: string) => {
    const y = linear(b, `${name}.${part}`, condition, matrix(weights, `${name}.${part}`, width, columns, 0.3), null);
    return b.node(`${name}.${part}.channels`, "Unsqueeze", [y, b.ints([2, 3])]);
  };
  const one = "one";
  if (!b.has(one)) b.weight(one, [1], Float32Array.of(1));
  const gain = b.node(`${name}.gain.one`, "Add", [affine("gain"), one]);
  const scaled = b.node(`${name}.scaled`, "Mul", [batchNorm(b, weights, `${name}.fixed`, x, width), gain]);
  return b.node(`${name}.relu`, "Relu", [b.node(name, "Add", [scaled, affine("offset")])]);
}

/** x + out(g softmax(theta^T phi)^T) over the pixels of an image of `side`, keys and values pooled 2 x 2 (SAGAN). */
function attention(b: OnnxBuilder, weights: Weights, x: string, side: number, c: number): string {
  const columns = (part: string, out: number, pooled: boolean) => {
    let y = convolution(b, weights, `attention.${part}`, x, c, out, 1);
    if (pooled) y = b.node(`attention.${part}.pool`, "MaxPool", [y], { kernel_shape: [2, 2], strides: [2, 2] });
    return b.node(`attention.${part}.columns`, "Reshape", [y, b.ints([0, out, pooled ? side ** 2 / 4 : side ** 2])]);
  };
  const theta = columns("theta", c / 8, false);
  const queries = b.node("attention.queries", "Transpose", [theta], { perm: [0, 2, 1] });
  const logits = b.node("attention.logits", "MatMul", [queries, columns("phi", c / 8, true)]);
  const map = b.node("attention.map", "Softmax", [logits], { axis: -1 });
  const turned = b.node("attention.turned", "Transpose", [map], { perm: [0, 2, 1] });
  const mixed = b.node("attention.mixed", "MatMul", [columns("g", c / 2, true), turned]);
  const image = b.node("attention.image", "Reshape", [mixed, b.ints([0, c / 2, side, side])]);
  return b.node("attention", "Add", [x, convolution(b, weights, "attention.out", image, c / 2, c, 1, 0.5)]);
}

/** A convolution with bias; `gain` is the std of a result of inputs of std 1. */
function convolution(
  b: OnnxBuilder,
  weights: Weights,
  name: string,
  x: string,
  into: number,
  out: number,
  kernel: number,
  gain = 1,
): string {
  const std = gain / Math.sqrt(into * kernel ** 2);
  const weight = weights.get(`${name}.weight`, [out, into, kernel, kernel], { std });
  const bias = weights.get(`${name}.bias`, [out], { std: 0.1 });
  return conv(b, name, x, { out, in: into, kernel, weight, bias });
}

function batchNorm(b: OnnxBuilder, weights: Weights, name: string, x: string, width: number): string {
  const part = (suffix: string, law: Law) =>
    b.weight(`${name}.${suffix}`, [width], weights.get(`${name}.${suffix}`, [width], law));
  const inputs = [
    part("weight", { mean: 1, std: 0.1 }),
    part("bias", { std: 0.1 }),
    part("running_mean", { std: 0.1 }),
    part("running_var", { mean: 1, std: 0.2 }),
  ];
  return b.node(name, "BatchNormalization", [x, ...inputs]);
}

/** A matrix [rows, columns] whose products with inputs of std 1 have the std `gain`. */
function matrix(weights: Weights, name: string, rows: number, columns: number, gain?: number) {
  const std = gain === 1 ? 1 : (gain ?? 1) / Math.sqrt(columns);
  return asMatrix(weights.get(`${name}.weight`, [rows, columns], { std }), rows);
}
