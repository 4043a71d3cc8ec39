/** A probe over several seeds: means and confidence intervals. */

import type { ProbeResult } from "./linear_probe.ts";

/** Student's t for 95 % between two ends, by degrees of freedom from 1; from 31 on the normal law's is near enough. */
// deno-fmt-ignore
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
  2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const NORMAL95 = 1.96;

/** Mean of some values, and half the width of its 95 % confidence interval; null for a single value. */
export interface Estimate {
  readonly mean: number;
  readonly margin: number | null;
}

/** A run with the seed that it began from, and the rate that it used. */
export interface SeedResult extends ProbeResult {
  readonly seed: number;
  readonly lr: number;
}

/** What the seeds say together, in per cent; `best.epoch` is null where they differ. */
export interface ProbeSummary {
  readonly top1: number;
  readonly top5: number;
  readonly best: { readonly epoch: number | null; readonly top1: number; readonly top5: number };
  readonly loss: number;
  /** Half widths of the 95 % confidence intervals over the seeds; null for one seed. */
  readonly margin: { readonly top1: number; readonly top5: number; readonly best_top1: number } | null;
  readonly runs: readonly SeedResult[];
}

/** Mean and 95 % confidence interval by Student's t, the values being independent. */
export function estimate(values: readonly number[]): Estimate {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, margin: null };
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (n - 1);
  return { mean, margin: (T95[n - 2] ?? NORMAL95) * Math.sqrt(variance / n) };
}

/** Means over the runs of all seeds. */
export function summarize(runs: readonly SeedResult[]): ProbeSummary {
  const of = (pick: (run: SeedResult) => number) => estimate(runs.map(pick));
  const [top1, top5, best] = [of((r) => r.top1), of((r) => r.top5), of((r) => r.best.top1)];
  const epochs = new Set(runs.map((run) => run.best.epoch));
  return {
    top1: top1.mean,
    top5: top5.mean,
    best: { epoch: epochs.size === 1 ? [...epochs][0]! : null, top1: best.mean, top5: of((r) => r.best.top5).mean },
    loss: of((r) => r.loss).mean,
    margin: top1.margin === null ? null : { top1: top1.margin, top5: top5.margin!, best_top1: best.margin! },
    runs,
  };
}

/** The summary as lines for people. */
export function summaryLines({ top1, top5, best, margin, runs }: ProbeSummary): string[] {
  const plus = (value: number | undefined) => value === undefined ? "" : ` ± ${value.toFixed(2)}`;
  const seeds = runs.length > 1 ? `; 95 % interval of ${runs.length} seeds` : "";
  const epoch = best.epoch === null ? "" : `, ${best.epoch}`;
  const rates = [...new Set(runs.map(({ lr }) => lr))].join(", ");
  return [
    `top-1 ${top1.toFixed(2)}${plus(margin?.top1)}, top-5 ${top5.toFixed(2)}${plus(margin?.top5)} ` +
    `(last epoch, lr ${rates}${seeds})`,
    `top-1 ${best.top1.toFixed(2)}${plus(margin?.best_top1)}, top-5 ${best.top5.toFixed(2)} ` +
    `(best epoch${epoch}, chosen on the test set)`,
  ];
}
