/**
 * ResNet-18, 34 and 50 (v1.5: the stride sits in the 3x3 of a bottleneck) as graph nodes, with torchvision's parameter
 * names. Images are [n, h, w, 3]; the result is the average-pooled feature [n, c].
 * Source: He et al. 2016; GenRep networks/resnet_big.py; torchvision.models.resnet.
 */

import type { Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { batchNormInference, batchNormTrain } from "../ops/batch_norm.ts";
import { conv } from "../ops/conv.ts";
import { layerOperand } from "../ops/half.ts";
import { maxPool } from "../ops/pool.ts";
import { reduce } from "../ops/reduce.ts";
import type { NormRecord } from "../ops/running_stats.ts";

/** A network. */
export interface ResnetSpec {
  readonly blocks: readonly number[];
  readonly bottleneck: boolean;
  /** imagenet: 7x7 stride 2 and max pooling; cifar: 3x3 stride 1. */
  readonly stem: "imagenet" | "cifar";
  /** Channels of the first stage; 64 is the standard network. */
  readonly width: number;
  /** Nothing where it is left out. */
  readonly recompute?: Recompute;
}

/**
 * What a training pass does not keep for its backward pass but computes again there: nothing; what norms give, but for the
 * last one of a stage; everything inside of blocks, and of the stem.
 */
export type Recompute = "none" | "norms" | "blocks";

/** Names in the configuration. */
export type Arch = "resnet18" | "resnet34" | "resnet50";

const ARCHS: Record<Arch, Pick<ResnetSpec, "blocks" | "bottleneck">> = {
  resnet18: { blocks: [2, 2, 2, 2], bottleneck: false },
  resnet34: { blocks: [3, 4, 6, 3], bottleneck: false },
  resnet50: { blocks: [3, 4, 6, 3], bottleneck: true },
};

/** The network of a configuration's `encoder`. */
export function resnetSpec(
  { arch, stem, width, recompute = "none" }: {
    arch: Arch;
    stem: ResnetSpec["stem"];
    width: number;
    recompute?: Recompute;
  },
): ResnetSpec {
  return { ...ARCHS[arch], stem, width, recompute };
}

/** Length of a feature. */
export function featureSize({ width, blocks, bottleneck }: ResnetSpec): number {
  return width * 2 ** (blocks.length - 1) * (bottleneck ? 4 : 1);
}

/** What a pass has learned with, and is to update. */
export interface Learned {
  /** Parameters that a gradient is taken to, in the order of the network. */
  readonly parameters: readonly Tensor[];
  /** Empty in inference. */
  readonly norms: readonly NormRecord[];
}

/** What a pass gives. */
export interface Encoded extends Learned {
  /** [n, c] after the average pool. */
  readonly features: Tensor;
}

/** Stages of a network: from `first` to before `end` of its four, the stem in front of stage 0. */
export interface StageRange {
  readonly first: number;
  readonly end: number;
}

/** Adds the network; states are named `prefix` + torchvision's names, weights [kh, kw, ci, co]. */
export function resnet(g: Graph, x: Tensor, spec: ResnetSpec, training: boolean, prefix = "encoder."): Encoded {
  const { y, ...learned } = resnetStages(g, x, spec, { first: 0, end: spec.blocks.length }, training, prefix);
  return { features: reduce(g, "Mean", y, [1, 2]), ...learned };
}

/** Adds a part of the network, up to the feature map y [n, h, w, c]. */
export function resnetStages(
  g: Graph,
  x: Tensor,
  spec: ResnetSpec,
  range: StageRange,
  training: boolean,
  prefix = "encoder.",
): Learned & { readonly y: Tensor } {
  return g.scope(prefix.replace(/\.$/, ""), () => new Pass(g, training, prefix).run(x, spec, range));
}

/** One pass through a network under construction. */
class Pass {
  readonly #parameters: Tensor[] = [];
  readonly #norms: NormRecord[] = [];
  /** What convolutions give, what norms give, and which of these are ends of the stem and of blocks, and of stages. */
  readonly #convolved: Tensor[] = [];
  readonly #normed: Tensor[] = [];
  readonly #ends = new Set<Tensor>();
  readonly #stageEnds = new Set<Tensor>();
  /** What layers read of these. */
  readonly #operands = new Map<Tensor, Tensor>();

  constructor(readonly g: Graph, readonly training: boolean, readonly prefix: string) {}

  run(images: Tensor, spec: ResnetSpec, { first, end }: StageRange): Learned & { y: Tensor } {
    const { width, blocks, bottleneck, recompute = "none" } = spec;
    let x = first === 0 ? this.#stem(images, spec) : images;
    this.#ends.add(x);
    for (let stage = first; stage < end; stage++) {
      for (let i = 0; i < blocks[stage]!; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        const name = `layer${stage + 1}.${i}`;
        x = this.g.scope(name, () => this.#block(name, x, width * 2 ** stage, stride, bottleneck));
        this.#ends.add(x);
        if (i === blocks[stage]! - 1) this.#stageEnds.add(x);
      }
    }
    if (this.training) this.#forget(recompute);
    return { y: x, parameters: this.#parameters, norms: this.#norms };
  }

  /** Marks what the backward pass computes again: convolutions are dear and norms cheap. */
  #forget(recompute: Recompute): void {
    const forgotten = {
      none: [],
      norms: this.#normed.filter((t) => !this.#stageEnds.has(t)),
      blocks: [...this.#convolved, ...this.#normed].filter((t) => !this.#ends.has(t)),
    }[recompute];
    for (const t of forgotten) {
      this.g.recomputed.add(t);
      const operand = this.#operands.get(t);
      if (operand) this.g.recomputed.add(operand);
    }
  }

  #stem(images: Tensor, { stem, width }: ResnetSpec): Tensor {
    const imagenet = stem === "imagenet";
    const x = this.#norm("bn1", this.#conv("conv1", images, width, imagenet ? 7 : 3, imagenet ? 2 : 1), true);
    return imagenet ? maxPool(this.g, x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }) : x;
  }

  /** relu(f(x) + shortcut(x)), f of two 3x3 convolutions, or 1x1 - 3x3 - 1x1 with four times the channels. */
  #block(name: string, x: Tensor, channels: number, stride: number, bottleneck: boolean): Tensor {
    const out = bottleneck ? 4 * channels : channels;
    const layers = bottleneck
      ? [[1, 1, channels], [3, stride, channels], [1, 1, out]] as const
      : [[3, stride, channels], [3, 1, channels]] as const;
    const shortcut = stride === 1 && x.shape[3] === out ? x : this.#norm(
      `${name}.downsample.1`,
      this.#conv(`${name}.downsample.0`, x, out, 1, stride),
      false,
    );
    let y = x;
    layers.forEach(([kernel, step, co], i) => {
      const last = i === layers.length - 1;
      y = this.#conv(`${name}.conv${i + 1}`, y, co, kernel, step);
      y = this.#norm(`${name}.bn${i + 1}`, y, true, last ? shortcut : null);
    });
    return y;
  }

  #conv(name: string, x: Tensor, channels: number, kernel: number, stride: number): Tensor {
    const weight = this.#parameter(`${name}.weight`, [kernel, kernel, x.shape[3]!, channels]);
    const pad = (kernel - 1) / 2;
    const y = this.g.scope(lastPart(name), () => {
      const attrs = { strides: [stride, stride], pads: [pad, pad, pad, pad] } as const;
      return conv(this.g, this.#operand(x), layerOperand(this.g, weight), null, attrs);
    });
    this.#convolved.push(y);
    return y;
  }

  /** What layers read of a tensor: itself, or itself as f16. */
  #operand(x: Tensor): Tensor {
    const operand = layerOperand(this.g, x);
    this.#operands.set(x, operand);
    return operand;
  }

  #norm(name: string, x: Tensor, relu: boolean, residual: Tensor | null = null): Tensor {
    const channels = x.shape[3]!;
    const scale = this.#parameter(`${name}.weight`, [channels]);
    const bias = this.#parameter(`${name}.bias`, [channels]);
    const mean = this.g.state(`${this.prefix}${name}.running_mean`, [channels]);
    const variance = this.g.state(`${this.prefix}${name}.running_var`, [channels]);
    if (!this.training) return batchNormInference(this.g, x, scale, bias, mean, variance, { relu, residual });
    const batch = this.g.scope(lastPart(name), () => {
      const options = { relu, residual: residual && this.#operand(residual) };
      return batchNormTrain(this.g, this.#operand(x), scale, bias, options);
    });
    this.#norms.push({ running: { mean, variance }, batch, count: sizeOf(x.shape) / channels });
    this.#normed.push(batch.y);
    return batch.y;
  }

  #parameter(name: string, shape: readonly number[]): Tensor {
    const tensor = this.g.state(this.prefix + name, shape);
    this.#parameters.push(tensor);
    return tensor;
  }
}

/** "conv1" of "layer1.0.conv1": the block's name stands in front already. */
function lastPart(name: string): string {
  return name.replace(/^layer\d+\.\d+\./, "");
}
