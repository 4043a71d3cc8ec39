/** The region proposal network (Ren et al. 2015, as in detectron2): its head, its proposals and its two losses. */

import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { bceWithLogits } from "../../ops/bce.ts";
import { add, binary } from "../../ops/binary.ts";
import { type BoxWeights, decodeBoxes, encodeBoxes } from "../../ops/box_coding.ts";
import { cast } from "../../ops/cast.ts";
import { conv } from "../../ops/conv.ts";
import { gather, gatherLines } from "../../ops/gather.ts";
import type { MatchAttrs } from "../../ops/match_boxes.ts";
import { reduce } from "../../ops/reduce.ts";
import { reshape } from "../../ops/reshape.ts";
import { slice } from "../../ops/slice.ts";
import { smoothL1 } from "../../ops/smooth_l1.ts";
import { type RankedBoxes, suppressRanked } from "../../ops/suppress.ts";
import { topK } from "../../ops/top_k.ts";
import { affine, relu } from "../../ops/unary.ts";
import { where } from "../../ops/where.ts";

/** Proposals that overlap a better one more than this go. */
const SUPPRESSION = 0.7;
/** Weights of the offsets from anchors. */
const WEIGHTS: BoxWeights = [1, 1, 1, 1];
/** Which anchors are for an object, and the share of an image's anchors in the loss that are at most. */
export const ANCHOR_MATCH: MatchAttrs = { negative: 0.3, positive: 0.7, keepBest: true };
export const ANCHOR_POSITIVES = 0.5;

/** The objects of a batch's images, in pixels of the canvas. */
export interface Truth {
  /** [n, most, 4]; places without an object hold any box that has a size. */
  readonly boxes: Tensor;
  /** i32 [n, most]: their classes. */
  readonly labels: Tensor;
  /** i32 [n]: how many there are. */
  readonly counts: Tensor;
}

/** What the head says of each anchor. */
export interface RpnOutputs {
  /** [n, anchors]: whether an object is there. */
  readonly logits: Tensor;
  /** [n, anchors, 4]: offsets from the anchor to its box. */
  readonly deltas: Tensor;
  readonly parameters: readonly Tensor[];
}

/** A 3x3 convolution with ReLU, and on it the logits and offsets of `cells` anchors a place; states `rpn.*`. */
export function rpnHead(g: Graph, features: Tensor, cells: number): RpnOutputs {
  const parameters: Tensor[] = [];
  const layer = (name: string, x: Tensor, kernel: number, channels: number) => {
    const weight = g.state(`rpn.${name}.weight`, [kernel, kernel, x.shape[3]!, channels]);
    const bias = g.state(`rpn.${name}.bias`, [channels]);
    parameters.push(weight, bias);
    const pad = (kernel - 1) / 2;
    return g.scope(name, () => conv(g, x, weight, bias, { pads: [pad, pad, pad, pad] }));
  };
  return g.scope("rpn", () => {
    const hidden = relu(g, layer("conv", features, 3, features.shape[3]!));
    const [n, h, w] = features.shape as [number, number, number];
    const logits = reshape(g, layer("objectness", hidden, 1, cells), [n, h * w * cells]);
    const deltas = reshape(g, layer("deltas", hidden, 1, 4 * cells), [n, h * w * cells, 4]);
    return { logits, deltas, parameters };
  });
}

/** Boxes within their images; `limits` [n, 1, 4] are their width and height, twice. */
export function clipBoxes(g: Graph, boxes: Tensor, limits: Tensor): Tensor {
  return binary(g, "Min", binary(g, "Max", boxes, g.scalar(0)), limits);
}

/**
 * Proposals of each image: the `before` best anchors moved by their offsets and cut to the image, of which suppression
 * leaves the `after` best. Scores are logits; boxes without a size, and where too few are left, -Infinity.
 */
export function proposals(
  g: Graph,
  { logits, deltas }: RpnOutputs,
  anchors: Tensor,
  limits: Tensor,
  { before, after }: { readonly before: number; readonly after: number },
): RankedBoxes {
  return g.scope("proposals", () => {
    const [n, count] = logits.shape as [number, number];
    const kept = Math.min(before, count);
    const best = topK(g, logits, kept);
    const from = reshape(g, gather(g, anchors, reshape(g, best.places, [n * kept])), [n, kept, 4]);
    const boxes = clipBoxes(g, decodeBoxes(g, from, gatherLines(g, deltas, best.places), WEIGHTS), limits);
    const scores = where(g, haveSize(g, boxes), best.values, g.scalar(-Infinity));
    return suppressRanked(g, { boxes, scores }, SUPPRESSION, Math.min(after, kept));
  });
}

/** Whether boxes [n, m, 4] are wider and higher than nothing: bool [n, m]. */
function haveSize(g: Graph, boxes: Tensor): Tensor {
  const [n, m] = boxes.shape as [number, number];
  const side = (i: number) => reshape(g, slice(g, boxes, { axes: [2], starts: [i], ends: [i + 1] }), [n, m]);
  return binary(g, "And", binary(g, "Greater", side(2), side(0)), binary(g, "Greater", side(3), side(1)));
}

/** Drawn anchors and what they are for. */
export interface AnchorTargets {
  /** i32 [n, anchors]: 1 and 0 of the drawn ones, -1 of the others. */
  readonly chosen: Tensor;
  /** i32 [n, anchors]: the object of each. */
  readonly matches: Tensor;
  /** How many are drawn in an image. */
  readonly count: number;
}

/**
 * The losses of the drawn anchors: cross-entropy of the logits, and smooth L1 of the positives' offsets; both sums over
 * the batch, divided by the number of anchors that are drawn in it where there are enough.
 */
export function rpnLosses(
  g: Graph,
  { logits, deltas }: RpnOutputs,
  anchors: Tensor,
  truth: Truth,
  { chosen, matches, count }: AnchorTargets,
  beta: number,
): { objectness: Tensor; offsets: Tensor } {
  return g.scope("rpn_losses", () => {
    const [n, total] = logits.shape as [number, number];
    const zero = g.scalar(0);
    const mean = (losses: Tensor) => affine(g, reduce(g, "Sum", losses, []), 1 / (n * count), 0);
    const positive = binary(g, "Equal", chosen, g.scalar(1, "i32"));
    const drawn = binary(g, "GreaterOrEqual", chosen, g.scalar(0, "i32"));
    const objectness = where(g, drawn, bceWithLogits(g, logits, cast(g, positive, "f32")), zero);
    const targets = encodeBoxes(g, anchors, gatherLines(g, truth.boxes, matches), WEIGHTS);
    const offsets = where(g, reshape(g, positive, [n, total, 1]), smoothL1(g, deltas, targets, beta), zero);
    return { objectness: mean(objectness), offsets: mean(offsets) };
  });
}

/** The sum of losses. */
export function sumOf(g: Graph, losses: readonly Tensor[]): Tensor {
  return losses.reduce((a, b) => add(g, a, b));
}
