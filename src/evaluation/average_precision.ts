/** Average precision in the three forms that VOC's protocols use. Precisions and recalls are fractions. */

/** A curve: recalls never fall along it. */
export interface PrecisionRecall {
  readonly recall: ArrayLike<number>;
  readonly precision: ArrayLike<number>;
}

/** VOC2007's: the mean over recalls 0, 0.1, ... 1 of the largest precision at that recall or beyond. */
export function elevenPointAp({ recall, precision }: PrecisionRecall): number {
  let sum = 0;
  for (let k = 0; k <= 10; k++) {
    const t = k * 0.1; // as numpy.arange: 3, 6 and 7 tenths lie a little above their nearest doubles, in the devkit too
    let best = 0;
    for (let i = 0; i < recall.length; i++) if (recall[i]! >= t) best = Math.max(best, precision[i]!);
    sum += best;
  }
  return sum / 11;
}

/** VOC2010's and later: the area below the curve, its precisions made non-increasing, by its exact steps. */
export function areaAp({ recall, precision }: PrecisionRecall): number {
  let area = 0;
  let best = 0;
  for (let i = recall.length - 1; i >= 0; i--) {
    best = Math.max(best, precision[i]!);
    area += (recall[i]! - (i === 0 ? 0 : recall[i - 1]!)) * best;
  }
  return area;
}

/**
 * The curve of scored samples, best first; of equal scores the first sample. `labels` are 1 for a positive, 0 for a
 * negative, -1 for a sample that counts neither way. Without a positive all recalls are NaN.
 */
export function precisionRecall(scores: ArrayLike<number>, labels: ArrayLike<number>): PrecisionRecall {
  const order = ranked(scores, labels);
  const positives = order.reduce((count, i) => count + labels[i]!, 0);
  const [recall, precision] = [new Float64Array(order.length), new Float64Array(order.length)];
  let hits = 0;
  order.forEach((sample, i) => {
    hits += labels[sample]!;
    recall[i] = hits / positives;
    precision[i] = hits / (i + 1);
  });
  return { recall, precision };
}

/**
 * scikit-learn's average_precision_score: the mean precision at the positives, samples of equal scores taken together.
 * NaN without a positive.
 */
export function meanPrecision(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = ranked(scores, labels);
  let hits = 0;
  let sum = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let found = 0;
    for (; end < order.length && scores[order[end]!] === scores[order[start]!]; end++) found += labels[order[end]!]!;
    hits += found;
    sum += found * hits / end;
    start = end;
  }
  return sum / hits;
}

/** Samples that count, best first. */
function ranked(scores: ArrayLike<number>, labels: ArrayLike<number>): number[] {
  const counted = Array.from({ length: scores.length }, (_, i) => i).filter((i) => labels[i] !== -1);
  return counted.sort((a, b) => scores[b]! - scores[a]! || a - b);
}
