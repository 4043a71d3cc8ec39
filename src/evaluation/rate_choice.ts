/** The learning rate of a probe, chosen without the test set: on a part of the training set that is held out. */

import { below, philox4x32, STREAMS } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import type { LabelledFeatures } from "./features.ts";
import { linearProbe, type ProbeSettings } from "./linear_probe.ts";

/** One in this many of each class's images is held out. */
const HELD_OUT = 5;

/** Top-1 of each rate on the held-out part, in per cent, and the best rate; of equal ones the smallest. */
export interface RateChoice {
  readonly lr: number;
  /** Empty where the training set is too small to hold a part out: then `lr` is the first rate. */
  readonly tried: readonly { readonly lr: number; readonly top1: number }[];
}

/** Trains with each rate on four fifths of the training set and tests on the rest. */
export async function chooseRate(
  gpu: Gpu,
  train: LabelledFeatures,
  classes: number,
  rates: readonly number[],
  settings: Omit<ProbeSettings, "lr">,
): Promise<RateChoice> {
  const { kept, held } = holdOut(train.labels, settings.seed);
  if (rates.length === 1 || held.length === 0) return { lr: rates[0]!, tried: [] };
  const [a, b] = [pickRows(train, kept), pickRows(train, held)];
  const tried: { lr: number; top1: number }[] = [];
  for (const lr of rates.toSorted((x, y) => x - y)) {
    const { result } = await linearProbe(gpu, a, b, classes, { ...settings, lr });
    tried.push({ lr, top1: result.top1 });
  }
  const best = tried.reduce((a, b) => b.top1 > a.top1 ? b : a);
  return { lr: best.lr, tried };
}

/** Rows of a set. */
export function pickRows({ features, labels }: LabelledFeatures, rows: readonly number[]): LabelledFeatures {
  const { size, data: all } = features;
  const data = new Float32Array(rows.length * size);
  rows.forEach((row, i) => data.set(all.subarray(row * size, (row + 1) * size), i * size));
  return { features: { data, n: rows.length, size }, labels: Int32Array.from(rows, (row) => labels[row]!) };
}

/** The same share of each class, rounded down, drawn by the seed. */
function holdOut(labels: Int32Array, seed: number): { kept: number[]; held: number[] } {
  const kept: number[] = [];
  const held: number[] = [];
  for (const rows of shuffledByClass(labels, seed)) {
    const count = Math.floor(rows.length / HELD_OUT);
    held.push(...rows.slice(0, count));
    kept.push(...rows.slice(count));
  }
  return { kept, held };
}

/** The rows of each class in an order that follows from the seed. */
export function shuffledByClass(labels: Int32Array, seed: number): number[][] {
  const byClass = new Map<number, number[]>();
  labels.forEach((label, row) => byClass.get(label)?.push(row) ?? byClass.set(label, [row]));
  return [...byClass].sort(([a], [b]) => a - b).map(([label, rows]) => {
    for (let i = rows.length - 1; i > 0; i--) {
      const j = below(philox4x32([i, label, 0, STREAMS.subset], [seed, 0])[0], i + 1);
      [rows[i], rows[j]] = [rows[j]!, rows[i]!];
    }
    return rows;
  });
}
