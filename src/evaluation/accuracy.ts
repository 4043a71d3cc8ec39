/** Top-k accuracy in per cent, as GenRep's util.py counts it. */

/** Whether the label's score is among the k largest of a row; of equal scores the lower class goes first. */
export function inTop(scores: ArrayLike<number>, offset: number, classes: number, label: number, k: number): boolean {
  const own = scores[offset + label]!;
  let ahead = 0;
  for (let j = 0; j < classes; j++) {
    const v = scores[offset + j]!;
    if (v > own || (v === own && j < label) || (Number.isNaN(own) && j !== label)) ahead++;
  }
  return ahead < k;
}

/** Per cent of rows [n, classes] whose label is among the k largest scores. */
export function topAccuracy(scores: ArrayLike<number>, labels: ArrayLike<number>, classes: number, k: number): number {
  let hits = 0;
  for (let i = 0; i < labels.length; i++) if (inTop(scores, i * classes, classes, labels[i]!, k)) hits++;
  return 100 * hits / labels.length;
}
