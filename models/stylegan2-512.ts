/**
 * The generator of StyleGAN2, config F (Karras et al., 2020), at 512 pixels for LSUN Car, as rosinality/stylegan2-pytorch
 * holds it (`g_ema`). The factors of the equalised learning rate, the square roots of two behind the activations, and
 * the noise with its strength are folded into the weights. Modulated convolutions scale their input by the style,
 * convolve and scale their output, so that the batch is free.
 */

import { OnnxBuilder } from "../src/onnx/build.ts";
import type { StoredTensor } from "../src/data/safetensors.ts";
import { sizeOf } from "../src/graph/tensor.ts";
import { channels, conv, linear } from "./layers.ts";
import { asMatrix, scaled } from "./linear.ts";
import { NumpyNormal } from "./numpy_normal.ts";
import type { Law, Weights } from "./weights.ts";

/** Sizes of the network. */
export interface StyleGan2Sizes {
  /** Size of z and of w. */
  readonly style: number;
  /** Layers of the mapping network. */
  readonly mapping: number;
  /** Channels at 4, 8, 16, ... pixels. */
  readonly channels: readonly number[];
}

/** Those of the published network: latents [n, 512], images of 512 pixels. */
export const STYLEGAN2_512: StyleGan2Sizes = {
  style: 512,
  mapping: 8,
  channels: [512, 512, 512, 512, 512, 256, 128, 64],
};

/** GenRep's psi for the cars. */
export const CAR_PSI = 0.9;

const BOTTOM = 4;
const SLOPE = 0.2;
const GAIN = Math.SQRT2;
/** Learning rate of the mapping network beside the rest. */
const MAPPING_RATE = 0.01;
const EPS = 1e-8;
/** The filter [1, 3, 3, 1] in both directions, of sum 4: it spreads what every fourth pixel holds. */
const FILTER = Float32Array.from({ length: 16 }, (_, i) => [1, 3, 3, 1][i >> 2]! * [1, 3, 3, 1][i & 3]! / 16);
/** Random images are the sum of all levels' colours; this keeps them within the limits. */
const RANDOM_RGB: Law = { std: 0.15 };
/** The seed of the noise maps where the file holds none, as in GenRep's port. */
const NOISE_SEED = 1;

/** The sizes that a file's tensors have. */
export function styleGan2SizesOf(tensors: ReadonlyMap<string, StoredTensor>): StyleGan2Sizes {
  const shape = (name: string) => tensors.get(name)?.shape ?? [];
  const widths = [shape("input.input")[1] ?? 0];
  for (let i = 0; tensors.has(`convs.${i}.conv.weight`); i += 2) widths.push(shape(`convs.${i}.conv.weight`)[1]!);
  let mapping = 0;
  while (tensors.has(`style.${mapping + 1}.weight`)) mapping++;
  return { style: shape("style.1.weight")[1] ?? 0, mapping, channels: widths };
}

/**
 * Writes the network: z [n, style] to image [n, 3, side, side], nominally in [-1, 1] but not cut. w is drawn towards
 * its mean by `psi` in all layers: w_avg + psi (w - w_avg). `perLayer`: z [n, layers, style], a row for each layer of
 * the synthesis network that reads w, two a level, so that a latent view can change some layers alone.
 */
export function buildStyleGan2(
  weights: Weights,
  psi = CAR_PSI,
  sizes: StyleGan2Sizes = STYLEGAN2_512,
  perLayer = false,
): OnnxBuilder {
  const b = new OnnxBuilder("stylegan2", `StyleGAN2 generator: z to image, psi ${psi} in all layers, fixed noise`);
  const net = new Synthesis(b, weights, sizes, noiseMaps(weights, sizes));
  const { style } = sizes;
  const layers = 2 * sizes.channels.length;
  const z = b.input("z", perLayer ? [layers, style] : [style]);
  const rows = perLayer ? b.node("z.rows", "Reshape", [z, b.ints([-1, style])]) : z;
  const mapped = truncate(b, weights, mapping(b, weights, sizes, rows), psi, style);
  const ws = perLayer ? rowsOf(b, mapped, layers, style) : new Array<string>(layers).fill(mapped);
  const constant = weights.get("input.input", [1, sizes.channels[0]!, BOTTOM, BOTTOM]);
  let x = b.weight("constant", [1, sizes.channels[0]!, BOTTOM, BOTTOM], constant);
  // As in rosinality's forward pass a level's colours read the same w as the next level's first convolution.
  x = net.styled("conv1", x, ws[0]!, 0);
  let image = net.toRgb("to_rgb1", x, ws[1]!, 0, null);
  for (let level = 1; level < sizes.channels.length; level++) {
    x = net.styled(`convs.${2 * level - 2}`, x, ws[2 * level - 1]!, 2 * level - 1);
    x = net.styled(`convs.${2 * level - 1}`, x, ws[2 * level]!, 2 * level);
    image = net.toRgb(`to_rgbs.${level - 1}`, x, ws[2 * level + 1]!, level, image);
  }
  const side = BOTTOM * 2 ** (sizes.channels.length - 1);
  b.output(b.node("image", "Identity", [image]), [3, side, side]);
  return b;
}

/** z / sqrt(mean(z^2) + eps), then the fully connected layers: lrelu(W z + b) sqrt 2. */
function mapping(b: OnnxBuilder, weights: Weights, sizes: StyleGan2Sizes, z: string): string {
  const { style } = sizes;
  const square = b.node("z.square", "Mul", [z, z]);
  const mean = b.node("z.mean", "ReduceMean", [square], { axes: [1], keepdims: 1 });
  const norm = b.node("z.norm", "Sqrt", [
    b.node("z.mean.eps", "Add", [mean, b.weight("eps", [1], Float32Array.of(EPS))]),
  ]);
  let x = b.node("z.normed", "Div", [z, norm]);
  for (let i = 1; i <= sizes.mapping; i++) {
    const weight = weights.get(`style.${i}.weight`, [style, style], { std: 1 / MAPPING_RATE });
    const bias = weights.get(`style.${i}.bias`, [style], { std: 0.1 / MAPPING_RATE });
    // lrelu is homogeneous: the gain behind it may stand in front of it.
    const w = asMatrix(scaled(weight, GAIN * MAPPING_RATE / Math.sqrt(style)), style);
    x = lrelu(b, `mapping.${i}`, linear(b, `mapping.${i}.linear`, x, w, scaled(bias, GAIN * MAPPING_RATE)));
  }
  return x;
}

/** The rows [n, style] of w [n * layers, style], one for each layer. */
function rowsOf(b: OnnxBuilder, w: string, layers: number, style: number): string[] {
  const table = b.node("w.layers", "Reshape", [w, b.ints([-1, layers, style])]);
  const ones = b.ints(new Array(layers).fill(1));
  const parts = b.nodes(Array.from({ length: layers }, (_, i) => `w.layer.${i}`), "Split", [table, ones], { axis: 1 });
  return parts.map((part, i) => b.node(`w.${i}`, "Reshape", [part, b.ints([-1, style])]));
}

function lrelu(b: OnnxBuilder, name: string, x: string): string {
  return b.node(name, "LeakyRelu", [x], { alpha: SLOPE });
}

/** w_avg + psi (w - w_avg); nothing for psi 1, which needs no mean. */
function truncate(b: OnnxBuilder, weights: Weights, w: string, psi: number, style: number): string {
  if (psi === 1) return w;
  const mean = weights.get("latent_avg", [style], { std: 0.1 });
  const drawn = b.node("w.drawn", "Mul", [w, b.weight("psi", [1], Float32Array.of(psi))]);
  return b.node("w", "Add", [drawn, b.weight("w.mean", [style], scaled(mean, 1 - psi))]);
}

/** The noise maps of the file, or those of numpy's RandomState(1), which GenRep's port uses where it has none. */
function noiseMaps(weights: Weights, { channels: widths }: StyleGan2Sizes): Float32Array[] {
  const stored = weights.has("noises.noise_0");
  const random = new NumpyNormal(NOISE_SEED);
  return Array.from({ length: 2 * widths.length - 1 }, (_, i) => {
    const side = sideOf(i);
    return stored
      ? weights.get(`noises.noise_${i}`, [1, 1, side, side])
      : Float32Array.from({ length: side * side }, () => random.next());
  });
}

/** Pixels of the result of a layer: 4, 8, 8, 16, 16 ... */
function sideOf(layer: number): number {
  return BOTTOM * 2 ** Math.ceil(layer / 2);
}

/** The synthesis network's layers. Layers 1, 3, 5 ... double the size. */
class Synthesis {
  constructor(
    readonly b: OnnxBuilder,
    readonly weights: Weights,
    readonly sizes: StyleGan2Sizes,
    readonly noise: readonly Float32Array[],
  ) {}

  /** lrelu(modulated convolution + noise + bias) sqrt 2, the gain moved in front of the activation. */
  styled(source: string, x: string, w: string, layer: number): string {
    const { b, weights } = this;
    const up = layer % 2 === 1;
    const into = this.sizes.channels[Math.floor(layer / 2)]!;
    const out = this.sizes.channels[Math.ceil(layer / 2)]!;
    const weight = this.#weight(source, out, into, 3);
    const style = this.#style(source, w, into);
    const modulated = b.node(`${source}.modulated`, "Mul", [x, channels(b, style)]);
    const raw = up
      ? this.#convUp(source, modulated, weight, into, out)
      : conv(b, `${source}.conv`, modulated, { out, in: into, kernel: 3, weight });
    const rate = this.#demodulation(source, style, weight, into, out);
    const y = b.node(`${source}.demodulated`, "Mul", [raw, channels(b, rate)]);
    const strength = weights.get(`${source}.noise.weight`, [1], { mean: 0.1, std: 0 })[0]!;
    const side = sideOf(layer);
    const noise = b.weight(`${source}.noise`, [1, side, side], scaled(this.noise[layer]!, GAIN * strength));
    const bias = scaled(weights.get(`${source}.activate.bias`, [out], { std: 0.1 }), GAIN);
    const noisy = b.node(`${source}.noisy`, "Add", [y, noise]);
    return lrelu(b, source, b.node(`${source}.biased`, "Add", [noisy, b.weight(`${source}.bias`, [out, 1, 1], bias)]));
  }

  /** The skip image, upsampled, plus a 1 x 1 convolution modulated by the style, without demodulation. */
  toRgb(source: string, x: string, w: string, level: number, skip: string | null): string {
    const { b } = this;
    const into = this.sizes.channels[level]!;
    const weight = this.#weight(source, 3, into, 1, RANDOM_RGB);
    const modulated = b.node(`${source}.modulated`, "Mul", [x, channels(b, this.#style(source, w, into))]);
    const bias = this.weights.get(`${source}.bias`, [1, 3, 1, 1], { std: 0.1 });
    const y = conv(b, `${source}.conv`, modulated, { out: 3, in: into, kernel: 1, weight, bias });
    if (skip === null) return y;
    // Zeros between the pixels and the filter, pads (2, 1): the transposed convolution by the filter itself.
    const filter = b.weight(`${source}.filter`, [3, 1, 4, 4], repeated(FILTER, 3));
    const attributes = { kernel_shape: [4, 4], strides: [2, 2], pads: [1, 1, 1, 1], group: 3 };
    const upsampled = b.node(`${source}.skip`, "ConvTranspose", [skip, filter], attributes);
    return b.node(source, "Add", [y, upsampled]);
  }

  /** A transposed convolution of stride 2, and the filter over its 2 side + 1 pixels. */
  #convUp(source: string, x: string, weight: Float32Array, into: number, out: number): string {
    const { b } = this;
    const turned = b.weight(`${source}.up.weight`, [into, out, 3, 3], swapped(weight, out, into, 9));
    const spread = b.node(`${source}.up`, "ConvTranspose", [x, turned], { kernel_shape: [3, 3], strides: [2, 2] });
    const filter = b.weight(`${source}.filter`, [out, 1, 4, 4], repeated(FILTER, out));
    const attributes = { kernel_shape: [4, 4], pads: [1, 1, 1, 1], group: out };
    return b.node(`${source}.conv`, "Conv", [spread, filter], attributes);
  }

  /** A convolution's weight times 1 / sqrt(fan in). */
  #weight(source: string, out: number, into: number, kernel: number, law: Law = {}): Float32Array {
    const weight = this.weights.get(`${source}.conv.weight`, [1, out, into, kernel, kernel], law);
    return scaled(weight, 1 / Math.sqrt(into * kernel ** 2));
  }

  /** The style [n, into] of a layer, an affine function of w. */
  #style(source: string, w: string, into: number): string {
    const { b, weights, sizes: { style } } = this;
    const name = `${source}.conv.modulation`;
    const matrix = asMatrix(scaled(weights.get(`${name}.weight`, [into, style]), 1 / Math.sqrt(style)), into);
    return linear(b, `${source}.style`, w, matrix, weights.get(`${name}.bias`, [into], { mean: 1, std: 0.1 }));
  }

  /**
   * sqrt 2 / sqrt(sum over inputs and taps of (w s)^2 + eps), [n, out]. The sum is linear in s^2: with
   * q[o, i] = sum over taps of w[o, i]^2 it is s^2 q^T; the gain goes into q and eps as a half.
   */
  #demodulation(source: string, style: string, weight: Float32Array, into: number, out: number): string {
    const { b } = this;
    const taps = weight.length / (into * out);
    const q = new Float64Array(out * into);
    for (let i = 0; i < weight.length; i++) {
      const at = Math.floor(i / taps);
      q[at] = q[at]! + weight[i]! ** 2 / 2;
    }
    const square = b.node(`${source}.style.square`, "Mul", [style, style]);
    const eps = new Float32Array(out).fill(EPS / 2);
    const sum = linear(b, `${source}.power`, square, { rows: out, columns: into, data: q }, eps);
    return b.node(`${source}.rate`, "Reciprocal", [b.node(`${source}.norm`, "Sqrt", [sum])]);
  }
}

function repeated(values: Float32Array, times: number): Float32Array {
  return Float32Array.from({ length: values.length * times }, (_, i) => values[i % values.length]!);
}

/** [rows, columns, inner] as [columns, rows, inner]. */
function swapped(data: Float32Array, rows: number, columns: number, inner: number): Float32Array {
  const result = new Float32Array(sizeOf([rows, columns, inner]));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const from = (r * columns + c) * inner;
      result.set(data.subarray(from, from + inner), (c * rows + r) * inner);
    }
  }
  return result;
}
