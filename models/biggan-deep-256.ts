/**
 * BigGAN-deep at 256 pixels (Brock, Donahue and Simonyan, 2019), as huggingface/pytorch-pretrained-BigGAN holds it.
 * Spectral norms, batch norms at one truncation and the gain of the attention are folded into the weights; of the
 * 128 channels of the last convolution the three that are used are kept.
 */

import { OnnxBuilder } from "../src/onnx/build.ts";
import type { StoredTensor } from "../src/data/safetensors.ts";
import { attention, conv, type ConvWeights, fixedNormRelu, linear, normRelu, upsample } from "./layers.ts";
import { asMatrix, type FoldedNorm, foldNorm, iteratedSigma, type Matrix, scaled, storedSigma } from "./linear.ts";
import type { Law, Weights } from "./weights.ts";

/** A block: whether it doubles the size, and channels in units of the width. */
export interface BlockSizes {
  readonly up: boolean;
  readonly in: number;
  readonly out: number;
}

/** Sizes of the network. */
export interface BigGanDeepSizes {
  readonly latent: number;
  readonly embedding: number;
  readonly classes: number;
  /** Channels before the last convolution. */
  readonly width: number;
  readonly blocks: readonly BlockSizes[];
  /** The block that self-attention comes before. */
  readonly attention: number;
  /** Truncations from 0 to 1 that statistics are stored for. */
  readonly statistics: number;
}

/** Blocks in and out, in units of the width; every second one doubles the size. */
function blocksOf(channels: readonly number[]): BlockSizes[] {
  return channels.slice(1).map((out, i) => ({ up: i % 2 === 1, in: channels[i]!, out }));
}

/** Those of the published network: latents [n, 128], one-hot classes [n, 1000], images of 256 pixels. */
export const BIGGAN_DEEP_256: BigGanDeepSizes = {
  latent: 128,
  embedding: 128,
  classes: 1000,
  width: 128,
  blocks: blocksOf([16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1]),
  attention: 8,
  statistics: 51,
};

/** Pixels of the first image. */
const BOTTOM = 4;
/** A block's inner channels are a quarter of its input's. */
const REDUCTION = 4;
const EPS = 1e-4;
/** Random statistics: residual sums grow from block to block, and a wide variance keeps the images off the limits. */
const RANDOM_VARIANCE: Law = { mean: 1.5, std: 0.2 };

/** The sizes that a file's tensors have. */
export function bigGanDeepSizesOf(tensors: ReadonlyMap<string, StoredTensor>): BigGanDeepSizes {
  const shape = (name: string) => tensors.get(name)?.shape ?? [];
  const width = shape("generator.conv_to_rgb.weight_orig")[1] ?? 0;
  const channels = [(shape("generator.gen_z.weight_orig")[0] ?? 0) / BOTTOM ** 2];
  let attended = -1;
  for (let i = 0;; i++) {
    const name = `generator.layers.${i}`;
    if (tensors.has(`${name}.gamma`)) attended = i;
    else if (tensors.has(`${name}.conv_3.weight_orig`)) channels.push(shape(`${name}.conv_3.weight_orig`)[0]!);
    else break;
  }
  const [embedding = 0, classes = 0] = shape("embeddings.weight");
  return {
    latent: (shape("generator.gen_z.weight_orig")[1] ?? 0) - embedding,
    embedding,
    classes,
    width,
    blocks: blocksOf(channels.map((c) => c / width)),
    attention: attended,
    statistics: shape("generator.bn.running_means")[0] ?? 0,
  };
}

/**
 * Writes the network with the statistics of `truncation` in (0, 1]: z [n, latent], one-hot classes y [n, classes] to
 * image [n, 3, side, side] in [-1, 1].
 */
export function buildBigGanDeep(
  weights: Weights,
  truncation = 1,
  sizes: BigGanDeepSizes = BIGGAN_DEEP_256,
): OnnxBuilder {
  const about =
    `BigGAN-deep: z and one-hot y to image in [-1, 1]; statistics of truncation ${truncation}, norms folded`;
  const b = new OnnxBuilder("biggan_deep", about);
  const parts = new Parts(weights, truncation, sizes);
  const { width, blocks } = sizes;
  const z = b.input("z", [sizes.latent]);
  const y = b.input("y", [sizes.classes]);
  const embedded = linear(b, "embedding", y, parts.embedding(), null);
  const condition = b.node("condition", "Concat", [z, embedded], { axis: 1 });

  const { matrix, bias } = parts.first();
  const rows = linear(b, "linear", condition, matrix, bias);
  // TensorFlow's order: the channels of a pixel lie together.
  const first = b.node("first.last", "Reshape", [rows, b.ints([0, BOTTOM, BOTTOM, blocks[0]!.in * width])]);
  let x = b.node("first", "Transpose", [first], { perm: [0, 3, 1, 2] });
  let side = BOTTOM;
  blocks.forEach((sizesOfBlock, i) => {
    const layer = `generator.layers.${i}`;
    if (i === sizes.attention) x = attention(b, "attention", x, side, parts.attention(layer, sizesOfBlock.in * width));
    const source = `generator.layers.${sizes.attention >= 0 && i >= sizes.attention ? i + 1 : i}`;
    x = block(b, parts, `block.${i}`, source, x, condition, sizesOfBlock);
    if (sizesOfBlock.up) side *= 2;
  });
  x = fixedNormRelu(b, "last.norm", x, parts.lastNorm());
  x = conv(b, "last.conv", x, parts.lastConv());
  b.output(b.node("image", "Tanh", [x]), [3, side, side]);
  return b;
}

/** Four norms, ReLUs and convolutions; the skip drops the channels that are too many and is upsampled. */
function block(
  b: OnnxBuilder,
  parts: Parts,
  name: string,
  source: string,
  x: string,
  condition: string,
  { up, in: units, out: outUnits }: BlockSizes,
): string {
  const { width } = parts.sizes;
  const [into, out] = [units * width, outUnits * width];
  const inner = into / REDUCTION;
  const plan = [[into, inner, 1], [inner, inner, 3], [inner, inner, 3], [inner, out, 1]] as const;
  let y = x;
  plan.forEach(([from, to, kernel], k) => {
    y = normRelu(b, `${name}.norm${k}`, y, condition, parts.norm(`${source}.bn_${k}`, from));
    if (up && k === 1) y = upsample(b, `${name}.up`, y);
    y = conv(b, `${name}.conv${k}`, y, parts.conv(`${source}.conv_${k}`, from, to, kernel));
  });
  let skip = x;
  if (out < into) skip = b.node(`${name}.kept`, "Slice", [x, b.ints([0]), b.ints([out]), b.ints([1])]);
  if (up) skip = upsample(b, `${name}.skip`, skip);
  return b.node(name, "Add", [y, skip]);
}

/** The weights of the layers, folded. */
class Parts {
  constructor(readonly weights: Weights, readonly truncation: number, readonly sizes: BigGanDeepSizes) {}

  embedding(): Matrix {
    const { embedding, classes } = this.sizes;
    const weight = this.weights.get("embeddings.weight", [embedding, classes]);
    return asMatrix(weight, embedding);
  }

  first(): { matrix: Matrix; bias: Float32Array } {
    const { latent, embedding, width, blocks } = this.sizes;
    const out = blocks[0]!.in * width * BOTTOM ** 2;
    const name = "generator.gen_z";
    return {
      matrix: asMatrix(this.#normalized(name, [out, latent + embedding]), out),
      bias: this.weights.get(`${name}.bias`, [out], { std: 0.1 }),
    };
  }

  conv(name: string, into: number, out: number, kernel: number): ConvWeights {
    return {
      out,
      in: into,
      kernel,
      weight: this.#normalized(name, [out, into, kernel, kernel]),
      bias: this.weights.get(`${name}.bias`, [out], { std: 0.1 }),
    };
  }

  /** The published layer has as many outputs as inputs, of which the port uses red, green and blue. */
  lastConv(): ConvWeights {
    const { width } = this.sizes;
    const { weight, bias } = this.conv("generator.conv_to_rgb", width, width, 3);
    return { out: 3, in: width, kernel: 3, weight: weight.slice(0, 3 * width * 9), bias: bias!.slice(0, 3) };
  }

  norm(name: string, width: number): FoldedNorm {
    const { latent, embedding } = this.sizes;
    const matrix = (part: string) => asMatrix(this.#normalized(`${name}.${part}`, [width, latent + embedding]), width);
    return foldNorm({
      ...this.#statistics(name, width),
      eps: EPS,
      gain: matrix("scale"),
      gainBias: new Float32Array(width).fill(1),
      offset: matrix("offset"),
      offsetBias: new Float32Array(width),
    });
  }

  lastNorm(): { scale: Float32Array; shift: Float32Array } {
    const { width } = this.sizes;
    const name = "generator.bn";
    const none = { rows: width, columns: 0, data: new Float32Array(0) };
    const { scale, shift } = foldNorm({
      ...this.#statistics(name, width),
      eps: EPS,
      gain: none,
      gainBias: this.weights.get(`${name}.weight`, [width], { mean: 1, std: 0.1 }),
      offset: none,
      offsetBias: this.weights.get(`${name}.bias`, [width], { std: 0.1 }),
    });
    return { scale: scale.bias, shift: shift.bias };
  }

  attention(name: string, channels: number) {
    const c = channels;
    const weight = (part: string, out: number, into: number, factor = 1) =>
      this.#normalized(`${name}.snconv1x1_${part}`, [out, into, 1, 1], factor);
    const gamma = this.weights.get(`${name}.gamma`, [1], { mean: 0.5, std: 0 })[0]!;
    return {
      channels,
      theta: weight("theta", c / 8, c),
      phi: weight("phi", c / 8, c),
      g: weight("g", c / 2, c),
      out: weight("o_conv", c, c / 2, gamma),
    };
  }

  /**
   * Mean and variance at the truncation. Between two stored ones the port mixes them with the weights swapped (the
   * nearer one counts less), and its users' images are made so; it is kept.
   */
  #statistics(name: string, width: number): { mean: Float32Array; variance: Float32Array } {
    const { statistics } = this.sizes;
    const place = Math.min(this.truncation / (1 / (statistics - 1)), statistics - 1);
    const low = Math.floor(place);
    const rest = place - low;
    const at = (part: string, law: Law) => {
      const all = this.weights.get(`${name}.running_${part}`, [statistics, width], law);
      const row = (index: number) => all.subarray(index * width, (index + 1) * width);
      return rest === 0 ? row(low) : row(low).map((v, i) => v * rest + row(low + 1)[i]! * (1 - rest));
    };
    return { mean: at("means", { std: 0.1 }), variance: at("vars", RANDOM_VARIANCE) };
  }

  /** A weight over its singular value, times a factor. Files without the second vector get it by one iteration. */
  #normalized(name: string, shape: readonly number[], factor = 1): Float32Array {
    const weight = this.weights.get(`${name}.weight_orig`, shape);
    const matrix = asMatrix(weight, shape[0]!);
    const u = this.weights.get(`${name}.weight_u`, [matrix.rows]);
    const v = `${name}.weight_v`;
    const sigma = this.weights.has(v)
      ? storedSigma(matrix, u, this.weights.get(v, [matrix.columns]))
      : iteratedSigma(matrix, u, EPS);
    return scaled(weight, factor / sigma);
  }
}
