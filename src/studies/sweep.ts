/**
 * A study of one setting: a training and probe for each of its values and each seed. Runs that are finished are read
 * back, one that was cut off continues from its checkpoint.
 */

import type { Config } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { type PaperCurve, type SweepAxis, type SweepRow, writeSweepPlot } from "../reports/sweep_plot.ts";
import { restartableRun, type RunResult } from "./restartable_run.ts";

/** The setting that a sweep varies. */
export interface SweepVariable {
  /** Name of the table's column, and of the runs' folders: NAME-VALUE-seed-SEED. */
  readonly name: string;
  readonly axis: SweepAxis;
  /** The paper's curve where its numbers are known. */
  readonly paper: PaperCurve | null;
  /** The settings of a run at one of the values. */
  readonly settings: (config: Config, value: number) => Config;
}

/** What to run and where to write. */
export interface SweepOptions {
  readonly values: readonly number[];
  readonly seeds: readonly number[];
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A finished run of a sweep. */
export interface SweepRun extends RunResult {
  readonly value: number;
}

/** Runs what is missing and writes sweep.csv, sweep.json, sweep.svg and sweep.png after every run. */
export async function sweep(
  gpu: Gpu,
  config: Config,
  variable: SweepVariable,
  { values, seeds, out, signal, log }: SweepOptions,
): Promise<readonly SweepRun[]> {
  const { name } = variable;
  const runs: SweepRun[] = [];
  for (const seed of seeds) {
    let untrained: Evaluation | undefined;
    for (const value of values) {
      if (signal.aborted) return runs;
      log(`run ${runs.length + 1} of ${values.length * seeds.length}: ${name} ${value}, seed ${seed}`);
      const settings = variable.settings({ ...config, seed }, value);
      const folder = `${out}/${name}-${value}-seed-${seed}`;
      const result = await restartableRun(gpu, settings, { out: folder, signal, log, untrained });
      if (!result) return runs;
      untrained = result.probes.untrained;
      runs.push({ value, ...result });
      await writeResults(runs, variable, out);
    }
  }
  return runs;
}

/** A run as a row of sweep.json, with the value under the variable's name. */
export function sweepRecord({ value, ...result }: SweepRun, { name }: SweepVariable): Record<string, unknown> {
  return { [name]: value, ...result };
}

/** sweep.csv (the paper's number in the last column where it has one), sweep.json and the plots, each whole or not at all. */
async function writeResults(runs: readonly SweepRun[], variable: SweepVariable, out: string): Promise<void> {
  const text = (name: string, value: string) => writeAtomic(`${out}/${name}`, value);
  const head = [
    variable.name,
    ...["seed", "linear_top1", "linear_best_top1", "knn_top1", "untrained_linear_top1", "untrained_knn_top1"],
    ...["loss", "seconds", "paper_top1"],
  ];
  const printed = new Map(variable.paper?.points);
  const lines = runs.map(({ value, seed, probes: { trained, untrained }, loss, seconds }) => [
    ...[value, seed, trained.linear.top1, trained.linear.best.top1, trained.knn.top1],
    ...[untrained.linear.top1, untrained.knn.top1, loss, seconds.toFixed(1), printed.get(value) ?? ""],
  ]);
  await text("sweep.csv", [head, ...lines].map((row) => row.join(",") + "\n").join(""));
  await text("sweep.json", JSON.stringify(runs.map((run) => sweepRecord(run, variable)), null, 2) + "\n");
  const rows: SweepRow[] = runs.map(({ value, seed, probes }) => ({ value, seed, top1: probes.trained.linear.top1 }));
  const untrained = runs.reduce((sum, run) => sum + run.probes.untrained.linear.top1, 0) / runs.length;
  await writeSweepPlot(`${out}/sweep`, rows, variable.axis, untrained, variable.paper);
}
