/**
 * The detector's graphs: a step of training, the statistics of its batch norms, and detection. Images come from the host
 * as bytes on a canvas of fixed size, so that each size has its graphs; all of them share the states by name.
 */

import type { Normalization } from "../../augment/params.ts";
import { type Learned, type ResnetSpec, resnetStages } from "../../encoders/resnet.ts";
import { rngInput } from "../../generators/latents.ts";
import { STREAMS } from "../../generators/random.ts";
import { Graph } from "../../graph/graph.ts";
import { sizeOf, type Tensor } from "../../graph/tensor.ts";
import { binary, div, sub } from "../../ops/binary.ts";
import { concat } from "../../ops/concat.ts";
import { drawRows } from "../../ops/draw_rows.ts";
import { gatherLines } from "../../ops/gather.ts";
import { grad } from "../../ops/gradients.ts";
import { guard } from "../../ops/guard.ts";
import { matchBoxes } from "../../ops/match_boxes.ts";
import { reshape } from "../../ops/reshape.ts";
import { updateRunning } from "../../ops/running_stats.ts";
import { sgd } from "../../ops/sgd.ts";
import { slice } from "../../ops/slice.ts";
import { softmax } from "../../ops/softmax.ts";
import { areBoxes, suppressRanked } from "../../ops/suppress.ts";
import { topK } from "../../ops/top_k.ts";
import { transpose } from "../../ops/transpose.ts";
import { affine } from "../../ops/unary.ts";
import { unpackBytes, wordsOf } from "../../ops/unpack_bytes.ts";
import { where } from "../../ops/where.ts";
import { type AnchorShapes, cellAnchors, gridAnchors } from "./anchors.ts";
import { boxesOf, boxHead, boxLosses, candidates, REGION_POSITIVES, regionsOf } from "./box_head.ts";
import {
  ANCHOR_MATCH,
  ANCHOR_POSITIVES,
  clipBoxes,
  proposals,
  rpnHead,
  rpnLosses,
  type RpnOutputs,
  sumOf,
  type Truth,
} from "./rpn.ts";

/** Detections that overlap a better one of their class more than this go. */
const SUPPRESSION = 0.5;

/** Boxes before and after the suppression of proposals. */
export interface ProposalCounts {
  readonly before: number;
  readonly after: number;
}

/** A detector; the configuration's `detection` has most of it. */
export interface DetectorSpec {
  readonly resnet: ResnetSpec;
  readonly normalization: Normalization;
  readonly classes: number;
  readonly anchors: AnchorShapes;
  readonly rpn: { readonly batch: number; readonly train: ProposalCounts; readonly test: ProposalCounts };
  readonly roi: { readonly batch: number; readonly resolution: number };
  readonly smooth_l1: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly score: number;
  readonly detections: number;
}

/** Images on canvases. */
export interface Batch {
  readonly n: number;
  readonly height: number;
  readonly width: number;
  /** Objects of an image at most; detection needs none. */
  readonly most: number;
}

/** Names of the losses that a training step puts out beside their sum `loss`. */
export const LOSSES = ["loss_objectness", "loss_rpn_box", "loss_class", "loss_box"] as const;

/** Draws rows of labels [n, rows] for a loss, as DrawRows: at most `positives` positives of `count` rows. */
export type Draw = (
  g: Graph,
  what: "anchors" | "regions",
  labels: Tensor,
  attrs: { readonly count: number; readonly positives: number },
) => { readonly chosen: Tensor; readonly places: Tensor; readonly slots: Tensor };

/** Draws keyed by the run's seed and step. */
function drawBy(rng: Tensor): Draw {
  const streams = { anchors: STREAMS.detectionAnchors, regions: STREAMS.detectionRegions };
  return (g, what, labels, attrs) => drawRows(g, labels, rng, { ...attrs, stream: streams[what] });
}

/** Pixels of the image in one of the feature map that regions are cut from. */
export function strideOf({ stem }: ResnetSpec): number {
  return stem === "imagenet" ? 16 : 4;
}

/** A batch's images and what is known of them, as graph inputs. */
interface Inputs {
  /** [n, height, width, 3], normalised, 0 outside the images. */
  readonly images: Tensor;
  /** [n, 1, 4]: width and height of each image, twice. */
  readonly limits: Tensor;
}

/** Inputs `images` (bytes, four in a word) and `limits`. */
function imageInputs(g: Graph, { n, height, width }: Batch, { mean, std }: Normalization): Inputs {
  const shape = [n, height, width, 3];
  const pixels = unpackBytes(g, g.input("images", [wordsOf(shape)], "u32"), shape);
  const limits = g.input("limits", [n, 1, 4]);
  const images = div(g, sub(g, pixels, g.constant(mean, [3])), g.constant(std, [3]));
  // The canvas is 0 after normalisation, as detectron2 pads.
  const part = (i: number, shape: number[]) =>
    reshape(g, slice(g, limits, { axes: [2], starts: [i], ends: [i + 1] }), shape);
  const upTo = (size: number) => Float32Array.from({ length: size }, (_, i) => i);
  const columns = binary(g, "Less", g.constant(upTo(width), [1, 1, width, 1]), part(0, [n, 1, 1, 1]));
  const rows = binary(g, "Less", g.constant(upTo(height), [1, height, 1, 1]), part(1, [n, 1, 1, 1]));
  return { images: where(g, binary(g, "And", rows, columns), images, g.scalar(0)), limits };
}

/** The stages below the regions, the proposal head, and the anchors of the canvas. */
interface FirstStage extends Learned {
  readonly features: Tensor;
  readonly rpn: RpnOutputs;
  readonly anchors: Tensor;
}

function firstStage(g: Graph, images: Tensor, spec: DetectorSpec, training: boolean): FirstStage {
  const { y: features, ...learned } = resnetStages(g, images, spec.resnet, { first: 0, end: 3 }, training);
  const cells = cellAnchors(spec.anchors);
  const rpn = rpnHead(g, features, cells.length);
  const [, h, w] = features.shape as [number, number, number];
  const grid = gridAnchors(cells, strideOf(spec.resnet), [h, w]);
  const anchors = g.constant(grid, [grid.length / 4, 4], "f32", "anchors");
  return { features, rpn, anchors, parameters: [...learned.parameters, ...rpn.parameters], norms: learned.norms };
}

/** What a forward pass of training gives. */
export interface Forward extends Learned {
  /** In the order of LOSSES. */
  readonly losses: readonly Tensor[];
  readonly loss: Tensor;
}

/** Adds the forward pass of training on normalised images. */
export function detectorLosses(
  g: Graph,
  { images, limits }: Inputs,
  truth: Truth,
  spec: DetectorSpec,
  draw: Draw,
): Forward {
  const { resnet, classes, roi, smooth_l1: beta } = spec;
  const first = firstStage(g, images, spec, true);
  const matched = matchBoxes(g, first.anchors, truth.boxes, truth.counts, ANCHOR_MATCH);
  const share = (count: number, positives: number) => ({ count, positives: Math.floor(positives * count) });
  const { chosen } = draw(g, "anchors", matched.labels, share(spec.rpn.batch, ANCHOR_POSITIVES));
  const targets = { chosen, matches: matched.matches, count: spec.rpn.batch };
  const rpn = rpnLosses(g, first.rpn, first.anchors, truth, targets, beta);

  const proposed = proposals(g, first.rpn, first.anchors, limits, spec.rpn.train);
  const known = candidates(g, proposed, truth);
  const drawn = draw(g, "regions", known.labels, share(roi.batch, REGION_POSITIVES));
  const regions = regionsOf(g, known, truth, drawn, classes);
  const head = { resnet, classes, stride: strideOf(resnet), resolution: roi.resolution };
  const second = boxHead(g, first.features, regions.boxes, head, true);
  const box = boxLosses(g, second, regions, beta);
  const losses = [rpn.objectness, rpn.offsets, box.classes, box.boxes];
  return {
    losses,
    loss: sumOf(g, losses),
    parameters: [...first.parameters, ...second.parameters],
    norms: [...first.norms, ...second.norms],
  };
}

/** Inputs `boxes`, `labels` and `counts`. */
export function truthInputs(g: Graph, { n, most }: Batch): Truth {
  return {
    boxes: g.input("boxes", [n, most, 4]),
    labels: g.input("labels", [n, most], "i32"),
    counts: g.input("counts", [n], "i32"),
  };
}

/** A graph with a forward pass of training, and its input `rng`. */
function forwardGraph(batch: Batch, spec: DetectorSpec, drawing: (rng: Tensor) => Draw) {
  const graph = new Graph();
  const rng = rngInput(graph);
  const inputs = imageInputs(graph, batch, spec.normalization);
  return { graph, rng, forward: detectorLosses(graph, inputs, truthInputs(graph, batch), spec, drawing(rng)) };
}

/** The forward pass of training and the gradients of its parameters, in their order; `drawing` replaces the draws. */
export function detectorGradients(batch: Batch, spec: DetectorSpec, drawing: (rng: Tensor) => Draw = drawBy) {
  const made = forwardGraph(batch, spec, drawing);
  const { loss, parameters } = made.forward;
  return { ...made, gradients: grad(made.graph, loss, parameters) };
}

/** A graph, and the states that a checkpoint holds, with their shapes on the device. */
export interface DetectorStep {
  readonly graph: Graph;
  readonly states: ReadonlyMap<string, readonly number[]>;
}

/**
 * A step of training: inputs `rng`, `lr`, those of the images and of the truth; outputs `loss`, its parts (LOSSES) and
 * `health`. Batch norms have no weight decay, as in detectron2.
 */
export function trainingStep(batch: Batch, spec: DetectorSpec): DetectorStep {
  const { graph: g, rng, forward: { loss, losses, parameters, norms }, gradients } = detectorGradients(batch, spec);
  const lr = g.input("lr", [1]);
  const check = guard(g, loss, rng);
  const isNormed = (i: number) => g.states.has(parameters[i]!.name.replace(/\w+$/, "running_mean"));
  const normed = [...parameters.keys()].filter(isNormed);
  const others = [...parameters.keys()].filter((i) => !isNormed(i));
  g.scope("update", () => {
    for (const [weightDecay, chosen] of [[spec.weight_decay, others], [0, normed]] as const) {
      const [some, theirs] = [chosen.map((i) => parameters[i]!), chosen.map((i) => gradients[i]!)];
      sgd(g, some, theirs, lr, { momentum: spec.momentum, weightDecay }, check);
    }
    updateRunning(g, norms, check);
  });
  g.output("loss", loss);
  g.output("health", check.health);
  LOSSES.forEach((name, i) => g.output(name, losses[i]!));
  const states = [...g.states].filter(([name]) => name !== "health").map(([name, t]) => [name, t.shape] as const);
  return { graph: g, states: new Map(states) };
}

/** A graph of statistics, and the states that they are for, in the order of its output. */
export interface StatisticsStep {
  readonly graph: Graph;
  readonly names: readonly { readonly name: string; readonly size: number }[];
}

/** The batch's mean and unbiased variance at every batch norm, one after another as the output `statistics`. */
export function statisticsStep(
  batch: Batch,
  spec: DetectorSpec,
  drawing: (rng: Tensor) => Draw = drawBy,
): StatisticsStep {
  const { graph: g, forward: { norms } } = forwardGraph(batch, spec, drawing);
  const parts = norms.flatMap(({ running, batch, count }) => [
    { state: running.mean, values: batch.mean },
    { state: running.variance, values: affine(g, batch.variance, count / Math.max(1, count - 1), 0) },
  ]);
  g.output("statistics", concat(g, parts.map(({ values }) => values), 0));
  return { graph: g, names: parts.map(({ state }) => ({ name: state.name, size: sizeOf(state.shape) })) };
}

/** A graph of detection, and how many boxes of each class an image can have in its output. */
export interface DetectionStep {
  readonly graph: Graph;
  readonly each: number;
}

/**
 * Detection: outputs `boxes` [n, m, 4] on the canvas, `scores` [n, m], best first, -Infinity where there are no more, and
 * `places` i32 [n, m], which are class * each + a number.
 */
export function detectionStep(batch: Batch, spec: DetectorSpec): DetectionStep {
  const { resnet, classes, roi } = spec;
  const g = new Graph();
  const { images, limits } = imageInputs(g, batch, spec.normalization);
  const { features, rpn, anchors } = firstStage(g, images, spec, false);
  const proposed = proposals(g, rpn, anchors, limits, spec.rpn.test);
  const [n, count] = proposed.scores.shape as [number, number];
  const head = { resnet, classes, stride: strideOf(resnet), resolution: roi.resolution };
  const second = boxHead(g, features, proposed.boxes, head, false);

  const chances = reshape(g, softmax(g, second.logits, 1), [n, count, classes + 1]);
  const shares = slice(g, chances, { axes: [2], starts: [0], ends: [classes] });
  const there = reshape(g, areBoxes(g, proposed.scores), [n, count, 1]);
  const good = binary(g, "And", binary(g, "Greater", shares, g.scalar(spec.score)), there);
  const scores = where(g, good, shares, g.scalar(-Infinity));
  const boxes = clipBoxes(g, boxesOf(g, proposed.boxes, second), reshape(g, limits, [n, 1, 1, 4]));

  // A row for each image and class: sorted and suppressed apart from the others, then the best of all classes.
  const rows = n * classes;
  const ranked = topK(g, reshape(g, transpose(g, scores, [0, 2, 1]), [rows, count]), count);
  const sorted = gatherLines(g, reshape(g, transpose(g, boxes, [0, 2, 1, 3]), [rows, count, 4]), ranked.places);
  const each = Math.min(spec.detections, count);
  const left = suppressRanked(g, { boxes: sorted, scores: ranked.values }, SUPPRESSION, each);
  const best = topK(g, reshape(g, left.scores, [n, classes * each]), Math.min(spec.detections, classes * each));
  g.output("boxes", gatherLines(g, reshape(g, left.boxes, [n, classes * each, 4]), best.places));
  g.output("scores", best.values);
  g.output("places", best.places);
  return { graph: g, each };
}
