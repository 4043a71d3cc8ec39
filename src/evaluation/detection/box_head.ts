/**
 * The second stage: regions to classes and boxes. Regions are drawn from the proposals and the objects themselves, their
 * features go through the ResNet's last stage, one more batch norm and the average pool (detectron2's Res5ROIHeads with
 * the extra norm that MoCo introduced), and two linear layers say class and box. The background is the last class.
 */

import { linear } from "../../encoders/head.ts";
import { type Learned, type ResnetSpec, resnetStages } from "../../encoders/resnet.ts";
import type { Graph } from "../../graph/graph.ts";
import { sizeOf, type Tensor } from "../../graph/tensor.ts";
import { batchNormInference, batchNormTrain } from "../../ops/batch_norm.ts";
import { binary, div } from "../../ops/binary.ts";
import { type BoxWeights, decodeBoxes, encodeBoxes } from "../../ops/box_coding.ts";
import { cast } from "../../ops/cast.ts";
import { concat } from "../../ops/concat.ts";
import { crossEntropy } from "../../ops/cross_entropy.ts";
import { gatherLines } from "../../ops/gather.ts";
import { matchBoxes } from "../../ops/match_boxes.ts";
import { reduce } from "../../ops/reduce.ts";
import { reshape } from "../../ops/reshape.ts";
import { roiAlign } from "../../ops/roi_align.ts";
import { smoothL1 } from "../../ops/smooth_l1.ts";
import { areBoxes, type RankedBoxes } from "../../ops/suppress.ts";
import { where } from "../../ops/where.ts";
import type { Truth } from "./rpn.ts";

/** The share of an image's regions in the loss that are of objects, and the overlap that makes them so. */
export const REGION_POSITIVES = 0.25;
const REGION_OVERLAP = 0.5;
/** Weights of the offsets from regions, which bring them near a deviation of 1. */
const WEIGHTS: BoxWeights = [10, 10, 5, 5];

/** Regions that a loss may draw from. */
export interface Candidates {
  /** [n, m, 4] */
  readonly boxes: Tensor;
  /** i32 [n, m]: 1 of an object, 0 of none, -1 no region. */
  readonly labels: Tensor;
  /** i32 [n, m]: the object of each. */
  readonly matches: Tensor;
}

/** Proposals and behind them the objects, each with the object that it overlaps most. */
export function candidates(g: Graph, proposed: RankedBoxes, truth: Truth): Candidates {
  return g.scope("candidates", () => {
    const [n, most] = truth.boxes.shape as [number, number];
    const numbers = g.constant(Int32Array.from({ length: most }, (_, i) => i), [1, most], "i32");
    const objects = binary(g, "Less", numbers, reshape(g, truth.counts, [n, 1]));
    const boxes = concat(g, [proposed.boxes, truth.boxes], 1);
    const there = concat(g, [areBoxes(g, proposed.scores), objects], 1);
    const attrs = { negative: REGION_OVERLAP, positive: REGION_OVERLAP, keepBest: false };
    const { labels, matches } = matchBoxes(g, boxes, truth.boxes, truth.counts, attrs);
    return { boxes, labels: where(g, there, labels, g.scalar(-1, "i32")), matches };
  });
}

/** Regions of a batch, `each` of them for every image. */
export interface Regions {
  /** [n, each, 4] */
  readonly boxes: Tensor;
  /** i32 [n * each]: class, `classes` for the background, -1 for a region that is in no loss. */
  readonly labels: Tensor;
  /** [n, each, 4]: the box of the object of each. */
  readonly targets: Tensor;
}

/** The drawn ones of the candidates: their places and labels are those of DrawRows. */
export function regionsOf(
  g: Graph,
  { boxes, matches }: Candidates,
  truth: Truth,
  { places, slots }: { readonly places: Tensor; readonly slots: Tensor },
  classes: number,
): Regions {
  return g.scope("regions", () => {
    const objects = gatherLines(g, matches, places);
    const is = (label: number) => binary(g, "Equal", slots, g.scalar(label, "i32"));
    const others = where(g, is(0), g.scalar(classes, "i32"), g.scalar(-1, "i32"));
    const labels = where(g, is(1), gatherLines(g, truth.labels, objects), others);
    return {
      boxes: gatherLines(g, boxes, places),
      labels: reshape(g, labels, [sizeOf(labels.shape)]),
      targets: gatherLines(g, truth.boxes, objects),
    };
  });
}

/** How the head is built. */
export interface BoxHeadSpec {
  readonly resnet: ResnetSpec;
  readonly classes: number;
  /** Pixels of the image in one of the feature map. */
  readonly stride: number;
  /** Bins of a region along each axis. */
  readonly resolution: number;
}

/** What the head says of each region. */
export interface BoxOutputs extends Learned {
  /** [n * each, classes + 1] */
  readonly logits: Tensor;
  /** [n * each, classes, 4] */
  readonly deltas: Tensor;
}

/** Classes and offsets of regions [n, each, 4] on features [n, h, w, c]; states `encoder.layer4.*` and `box.*`. */
export function boxHead(g: Graph, features: Tensor, regions: Tensor, spec: BoxHeadSpec, training: boolean): BoxOutputs {
  const { resnet, classes, stride, resolution } = spec;
  const [n, each] = regions.shape as [number, number];
  const images = g.constant(Int32Array.from({ length: n * each }, (_, i) => Math.floor(i / each)), [n * each], "i32");
  const aligned = roiAlign(g, features, reshape(g, regions, [n * each, 4]), images, {
    size: [resolution, resolution],
    scale: 1 / stride,
    sampling: 0,
    aligned: true,
  });
  const last = resnetStages(g, aligned, resnet, { first: 3, end: 4 }, training);
  return g.scope("box", () => {
    const channels = last.y.shape[3]!;
    const state = (part: string) => g.state(`box.norm.${part}`, [channels]);
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(state) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const norm = training ? batchNormTrain(g, last.y, weight, bias) : null;
    const y = norm?.y ?? batchNormInference(g, last.y, weight, bias, mean, variance);
    const count = sizeOf(last.y.shape) / channels;
    const norms = norm ? [{ running: { mean, variance }, batch: norm, count }] : [];
    const pooled = reduce(g, "Mean", y, [1, 2]);
    const scores = linear(g, pooled, "box.scores", classes + 1);
    const deltas = linear(g, pooled, "box.deltas", 4 * classes);
    return {
      logits: scores.y,
      deltas: reshape(g, deltas.y, [n * each, classes, 4]),
      parameters: [...last.parameters, weight, bias, ...scores.parameters, ...deltas.parameters],
      norms: [...last.norms, ...norms],
    };
  });
}

/**
 * The losses of regions: cross-entropy of the classes, and smooth L1 of the offsets of an object's own class; both sums
 * over the batch, divided by the number of regions that count.
 */
export function boxLosses(
  g: Graph,
  { logits, deltas }: BoxOutputs,
  { boxes, labels, targets }: Regions,
  beta: number,
): { classes: Tensor; boxes: Tensor } {
  return g.scope("box_losses", () => {
    const [rows, classes] = deltas.shape as [number, number];
    const numbers = g.constant(Int32Array.from({ length: classes }, (_, i) => i), [1, classes], "i32");
    const own = binary(g, "Equal", reshape(g, labels, [rows, 1]), numbers);
    const wanted = reshape(g, encodeBoxes(g, boxes, targets, WEIGHTS), [rows, 1, 4]);
    const losses = where(g, reshape(g, own, [rows, classes, 1]), smoothL1(g, deltas, wanted, beta), g.scalar(0));
    const counted = cast(g, binary(g, "GreaterOrEqual", labels, g.scalar(0, "i32")), "f32");
    const count = binary(g, "Max", reduce(g, "Sum", counted, []), g.scalar(1));
    return {
      classes: div(g, crossEntropy(g, logits, labels, "sum"), count),
      boxes: div(g, reduce(g, "Sum", losses, []), count),
    };
  });
}

/** Boxes [n, each, classes, 4] of regions [n, each, 4], one for each class. */
export function boxesOf(g: Graph, regions: Tensor, { deltas }: BoxOutputs): Tensor {
  const [n, each] = regions.shape as [number, number];
  return decodeBoxes(g, regions, reshape(g, deltas, [n, each, deltas.shape[1]!, 4]), WEIGHTS);
}
