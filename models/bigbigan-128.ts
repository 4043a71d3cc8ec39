/**
 * The generator of BigBiGAN at 128 pixels (Donahue and Simonyan, 2019), as lukemelas/pytorch-pretrained-gans holds it:
 * BigGAN-PyTorch's generator with one class. Spectral norms, batch norms, the class embedding and the gain of the
 * attention are folded into the weights.
 */

import { OnnxBuilder } from "../src/onnx/build.ts";
import type { StoredTensor } from "../src/data/safetensors.ts";
import { attention, conv, type ConvWeights, fixedNormRelu, linear, normRelu, upsample } from "./layers.ts";
import { asMatrix, type FoldedNorm, foldNorm, iteratedSigma, type Matrix, scaled, times } from "./linear.ts";
import type { Law, Weights } from "./weights.ts";

/** Sizes of the network. */
export interface BigBiGanSizes {
  /** Latents of each level: one chunk makes the first image, and each block takes one more. */
  readonly chunk: number;
  /** Size of the class embedding, of which class 0 serves all images. */
  readonly embedding: number;
  readonly classes: number;
  /** Channels at 4 pixels and after each block. */
  readonly channels: readonly number[];
  /** The block that self-attention follows. */
  readonly attention: number;
}

/** Those of the published network: latents [n, 120], images of 128 pixels. */
export const BIGBIGAN_128: BigBiGanSizes = {
  chunk: 20,
  embedding: 128,
  classes: 1000,
  channels: [1536, 1536, 768, 384, 192, 96],
  attention: 3,
};

/** Pixels of the first image. */
const BOTTOM = 4;
/** SN_eps and BN_eps of the port; its last norm is built without them and so has torch's own. */
const SPECTRAL_EPS = 1e-4;
const NORM_EPS = 1e-4;
const LAST_NORM_EPS = 1e-5;
/** Random statistics: residual sums grow from block to block, and a wide variance keeps the images off the limits. */
const RANDOM_VARIANCE: Law = { mean: 1.5, std: 0.2 };

/** The sizes that a file's tensors have. */
export function bigBiGanSizesOf(tensors: ReadonlyMap<string, StoredTensor>): BigBiGanSizes {
  const shape = (name: string) => tensors.get(name)?.shape ?? [];
  const channels = [(shape("linear.weight")[0] ?? 0) / BOTTOM ** 2];
  let attended = -1;
  for (let i = 0; tensors.has(`blocks.${i}.0.conv1.weight`); i++) {
    channels.push(shape(`blocks.${i}.0.conv1.weight`)[0]!);
    if (tensors.has(`blocks.${i}.1.gamma`)) attended = i;
  }
  return {
    chunk: shape("linear.weight")[1] ?? 0,
    embedding: shape("shared.weight")[1] ?? 0,
    classes: shape("shared.weight")[0] ?? 0,
    channels,
    attention: attended,
  };
}

/** Writes the network: z [n, chunk (blocks + 1)] to image [n, 3, side, side] in [-1, 1]. */
export function buildBigBiGan(weights: Weights, sizes: BigBiGanSizes = BIGBIGAN_128): OnnxBuilder {
  const b = new OnnxBuilder("bigbigan", "BigBiGAN generator: z to image in [-1, 1], spectral and batch norms folded");
  const parts = new Parts(weights, sizes);
  const { channels, chunk } = sizes;
  const blocks = channels.length - 1;
  const z = b.input("z", [chunk * channels.length]);
  const lengths = b.ints(channels.map(() => chunk));
  const chunks = b.nodes(channels.map((_, i) => `z.${i}`), "Split", [z, lengths], { axis: 1 });

  const first = linear(b, "linear", chunks[0]!, ...parts.first());
  let x = b.node("first", "Reshape", [first, b.ints([0, channels[0]!, BOTTOM, BOTTOM])]);
  for (let i = 0; i < blocks; i++) {
    x = block(b, parts, i, x, chunks[i + 1]!);
    if (i === sizes.attention) x = attention(b, `attention`, x, BOTTOM * 2 ** (i + 1), parts.attention(i));
  }
  x = fixedNormRelu(b, "last.norm", x, parts.lastNorm());
  x = conv(b, "last.conv", x, parts.conv("output_layer.2", channels.at(-1)!, 3, 3));
  const side = BOTTOM * 2 ** blocks;
  b.output(b.node("image", "Tanh", [x]), [3, side, side]);
  return b;
}

/** Norm, ReLU, upsampling, convolution, norm, ReLU, convolution, beside a 1 x 1 convolution. */
function block(b: OnnxBuilder, parts: Parts, i: number, x: string, condition: string): string {
  const name = `block.${i}`;
  const source = `blocks.${i}.0`;
  const [into, out] = [parts.sizes.channels[i]!, parts.sizes.channels[i + 1]!];
  let y = normRelu(b, `${name}.norm1`, x, condition, parts.norm(`${source}.bn1`, into));
  y = upsample(b, `${name}.up`, y);
  y = conv(b, `${name}.conv1`, y, parts.conv(`${source}.conv1`, into, out, 3));
  y = normRelu(b, `${name}.norm2`, y, condition, parts.norm(`${source}.bn2`, out));
  y = conv(b, `${name}.conv2`, y, parts.conv(`${source}.conv2`, out, out, 3));
  // The port upsamples first; a 1 x 1 convolution gives the same before it, at a quarter of the cost.
  const skip = conv(b, `${name}.skip`, x, parts.conv(`${source}.conv_sc`, into, out, 1));
  return b.node(name, "Add", [y, upsample(b, `${name}.skip.up`, skip)]);
}

/** The weights of the layers, folded. */
class Parts {
  readonly #embedding: Float32Array;

  constructor(readonly weights: Weights, readonly sizes: BigBiGanSizes) {
    const { classes, embedding } = sizes;
    this.#embedding = weights.get("shared.weight", [classes, embedding]).slice(0, embedding);
  }

  first(): [Matrix, Float32Array] {
    const out = this.sizes.channels[0]! * BOTTOM ** 2;
    return [
      asMatrix(this.#normalized("linear", [out, this.sizes.chunk]), out),
      this.weights.get("linear.bias", [out], { std: 0.1 }),
    ];
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

  /** The condition is [embedding, chunk]; the embedding is the same for all images and becomes a bias. */
  norm(name: string, width: number): FoldedNorm {
    const { chunk, embedding } = this.sizes;
    const split = (part: string) => {
      const whole = this.#normalized(`${name}.${part}`, [width, embedding + chunk]);
      const columns = (begin: number, count: number) => ({
        rows: width,
        columns: count,
        data: Float32Array.from({ length: width * count }, (_, i) => {
          return whole[Math.floor(i / count) * (embedding + chunk) + begin + i % count]!;
        }),
      });
      return { bias: times(columns(0, embedding), this.#embedding), matrix: columns(embedding, chunk) };
    };
    const [gain, offset] = [split("gain"), split("bias")];
    return foldNorm({
      ...this.#statistics(name, width),
      eps: NORM_EPS,
      gain: gain.matrix,
      gainBias: gain.bias.map((v) => 1 + v),
      offset: offset.matrix,
      offsetBias: offset.bias,
    });
  }

  lastNorm(): { scale: Float32Array; shift: Float32Array } {
    const width = this.sizes.channels.at(-1)!;
    const name = "output_layer.0";
    const none = { rows: width, columns: 0, data: new Float32Array(0) };
    const { scale, shift } = foldNorm({
      ...this.#statistics(name, width),
      eps: LAST_NORM_EPS,
      gain: none,
      gainBias: this.weights.get(`${name}.gain`, [width], { mean: 1, std: 0.1 }),
      offset: none,
      offsetBias: this.weights.get(`${name}.bias`, [width], { std: 0.1 }),
    });
    return { scale: scale.bias, shift: shift.bias };
  }

  attention(i: number) {
    const c = this.sizes.channels[i + 1]!;
    const name = `blocks.${i}.1`;
    const gamma = this.weights.get(`${name}.gamma`, [], { mean: 0.5, std: 0 })[0]!;
    return {
      channels: c,
      theta: this.#normalized(`${name}.theta`, [c / 8, c, 1, 1]),
      phi: this.#normalized(`${name}.phi`, [c / 8, c, 1, 1]),
      g: this.#normalized(`${name}.g`, [c / 2, c, 1, 1]),
      out: this.#normalized(`${name}.o`, [c, c / 2, 1, 1], gamma),
    };
  }

  #statistics(name: string, width: number) {
    return {
      mean: this.weights.get(`${name}.stored_mean`, [width], { std: 0.1 }),
      variance: this.weights.get(`${name}.stored_var`, [width], RANDOM_VARIANCE),
    };
  }

  /** A weight over its singular value, times a factor. */
  #normalized(name: string, shape: readonly number[], factor = 1): Float32Array {
    const weight = this.weights.get(`${name}.weight`, shape);
    const u = this.weights.get(`${name}.u0`, [1, shape[0]!]);
    return scaled(weight, factor / iteratedSigma(asMatrix(weight, shape[0]!), u, SPECTRAL_EPS));
  }
}
