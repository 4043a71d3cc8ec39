/**
 * Average precision of detections as VOC's devkit counts it (detectron2's rewrite of voc_eval), at the ten overlaps of
 * COCO. A detection is a hit where its overlap with the object of its class and image that it overlaps most is larger
 * than the threshold and nothing better has hit that object; hard objects count neither way.
 */

import { areaAp, elevenPointAp, type PrecisionRecall } from "../average_precision.ts";

type Box = readonly [number, number, number, number];

/** An object of an image. */
export interface TrueObject {
  readonly image: number;
  readonly label: number;
  readonly box: Box;
  readonly difficult: boolean;
}

/** A detection in an image. */
export interface ScoredBox {
  readonly image: number;
  readonly label: number;
  readonly box: Box;
  readonly score: number;
}

/** COCO's thresholds of overlap: 0.5, 0.55, ... 0.95. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);

/** The two ways to make one number of a curve. */
export const METRICS = { eleven_point: elevenPointAp, area: areaAp } as const;
export type Metric = keyof typeof METRICS;

/** Average precisions of a class by threshold, as fractions; NaN without an object that counts. */
export interface ClassScore {
  readonly label: number;
  /** Objects that count. */
  readonly objects: number;
  readonly ap: Readonly<Record<Metric, readonly number[]>>;
}

/** Means over the classes that have objects, per cent. */
export interface MeanScore {
  readonly AP: number;
  readonly AP50: number;
  readonly AP75: number;
}

/** Overlap of boxes whose ends both belong to them. */
export function vocOverlap(a: Box, b: Box): number {
  const side = (i: 0 | 1) => Math.max(0, Math.min(a[i + 2]!, b[i + 2]!) - Math.max(a[i]!, b[i]!) + 1);
  const area = (box: Box) => (box[2] - box[0] + 1) * (box[3] - box[1] + 1);
  const shared = side(0) * side(1);
  return shared / (area(a) + area(b) - shared);
}

/** The curve of one class at one threshold. */
export function detectionCurve(
  objects: readonly TrueObject[],
  detections: readonly ScoredBox[],
  threshold: number,
): PrecisionRecall {
  const byImage = new Map<number, TrueObject[]>();
  for (const object of objects) byImage.set(object.image, [...byImage.get(object.image) ?? [], object]);
  const positives = objects.filter(({ difficult }) => !difficult).length;
  const taken = new Set<TrueObject>();
  const ranked = detections.map((d, i) => ({ d, i })).sort((a, b) => b.d.score - a.d.score || a.i - b.i);
  const recall: number[] = [];
  const precision: number[] = [];
  let hits = 0;
  let misses = 0;
  for (const { d } of ranked) {
    const { object, overlap } = closest(byImage.get(d.image) ?? [], d.box);
    if (!object || overlap <= threshold || (!object.difficult && taken.has(object))) misses++;
    else if (!object.difficult) {
      taken.add(object);
      hits++;
    }
    recall.push(hits / positives);
    precision.push(hits / Math.max(hits + misses, Number.EPSILON));
  }
  return { recall, precision };
}

/** The object that a box overlaps most; of equal ones the first. */
function closest(objects: readonly TrueObject[], box: Box): { object: TrueObject | null; overlap: number } {
  let best: { object: TrueObject | null; overlap: number } = { object: null, overlap: -Infinity };
  for (const object of objects) {
    const overlap = vocOverlap(object.box, box);
    if (overlap > best.overlap) best = { object, overlap };
  }
  return best;
}

/** Scores of each class. */
export function scoreClasses(
  objects: readonly TrueObject[],
  detections: readonly ScoredBox[],
  classes: number,
): ClassScore[] {
  return Array.from({ length: classes }, (_, label) => {
    const own = objects.filter((object) => object.label === label);
    const found = detections.filter((detection) => detection.label === label);
    const count = own.filter(({ difficult }) => !difficult).length;
    const curves = THRESHOLDS.map((threshold) => detectionCurve(own, found, threshold));
    const ap = (metric: Metric) => curves.map((curve) => count === 0 ? NaN : METRICS[metric](curve));
    return { label, objects: count, ap: { eleven_point: ap("eleven_point"), area: ap("area") } };
  });
}

/** Means over classes with objects: over all thresholds, at 0.5 and at 0.75. NaN where no class has any. */
export function meanScore(scores: readonly ClassScore[], metric: Metric): MeanScore {
  const counted = scores.filter(({ objects }) => objects > 0);
  const at = (threshold: number) => {
    const i = THRESHOLDS.indexOf(threshold);
    return 100 * counted.reduce((sum, { ap }) => sum + ap[metric][i]!, 0) / counted.length;
  };
  const all = THRESHOLDS.map(at);
  return { AP: all.reduce((a, b) => a + b, 0) / all.length, AP50: at(0.5), AP75: at(0.75) };
}
