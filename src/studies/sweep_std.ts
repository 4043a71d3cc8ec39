/**
 * The study of figure 5: one training and probe for each std of the Gaussian latent view and each seed. Runs that
 * are finished are read back, one that was cut off continues from its checkpoint.
 */

import { type Config, configToYaml } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { UserError } from "../errors.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { exists } from "../paths.ts";
import { type SweepRow, writeStdPlot } from "../plot.ts";
import { type ProbePair, trainAndProbe } from "./train_and_probe.ts";

/** What to run and where to write. */
export interface SweepOptions {
  readonly stds: readonly number[];
  readonly seeds: readonly number[];
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A finished run of the sweep. */
export interface SweepRun {
  readonly std: number;
  readonly seed: number;
  readonly loss: number | null;
  readonly probes: ProbePair;
  readonly seconds: number;
}

/** Runs what is missing and writes sweep.csv, sweep.json, sweep.svg and sweep.png after every run. */
export async function sweepStd(gpu: Gpu, config: Config, options: SweepOptions): Promise<readonly SweepRun[]> {
  const runs: SweepRun[] = [];
  const total = options.stds.length * options.seeds.length;
  for (const seed of options.seeds) {
    let untrained: Evaluation | undefined; // depends on the seed alone
    for (const std of options.stds) {
      if (options.signal.aborted) return runs;
      options.log(`run ${runs.length + 1} of ${total}: std ${std}, seed ${seed}`);
      const run: SweepRun | null = await oneRun(gpu, config, std, seed, options, untrained);
      if (!run) return runs;
      untrained = run.probes.untrained;
      runs.push(run);
      await writeResults(runs, options.out);
    }
  }
  return runs;
}

/** One run, from its result file where it is finished; null when the signal cut it off. */
async function oneRun(
  gpu: Gpu,
  config: Config,
  std: number,
  seed: number,
  options: SweepOptions,
  untrained: Evaluation | undefined,
): Promise<SweepRun | null> {
  const out = `${options.out}/std-${std}-seed-${seed}`;
  const done = `${out}/result.json`;
  const checkpoint = `${out}/last.safetensors`;
  const settings: Config = {
    ...config,
    seed,
    views: { ...config.views, latent: { ...config.views.latent, kind: std === 0 ? "none" : "gaussian", std } },
  };
  await refuseOtherSettings(out, settings);
  if (exists(done)) return JSON.parse(await Deno.readTextFile(done));
  const { training, probes } = await trainAndProbe(gpu, settings, {
    out,
    resume: exists(checkpoint) ? checkpoint : null,
    signal: options.signal,
    log: options.log,
    probe: true,
    ...(untrained ? { untrained } : {}),
  });
  if (!probes) return null;
  const run: SweepRun = { std, seed, loss: training.loss, probes, seconds: training.seconds };
  await writeAtomic(done, JSON.stringify(run, null, 2) + "\n");
  return run;
}

/** Throws UserError when a run that was begun in `out` has other settings: its numbers would be mixed with the new ones. */
async function refuseOtherSettings(out: string, settings: Config): Promise<void> {
  const file = `${out}/config.yaml`;
  if (!exists(file) || await Deno.readTextFile(file) === configToYaml(settings)) return;
  throw new UserError(`${out} was begun with other settings: give the sweep another --out, or remove that folder`);
}

/** sweep.csv, sweep.json and the plots, each whole or not at all. */
async function writeResults(runs: readonly SweepRun[], out: string): Promise<void> {
  const text = (name: string, value: string) => writeAtomic(`${out}/${name}`, value);
  const head = "std,seed,linear_top1,linear_best_top1,knn_top1,untrained_linear_top1,untrained_knn_top1,loss,seconds\n";
  const lines = runs.map(({ std, seed, probes: { trained, untrained }, loss, seconds }) =>
    [
      std,
      seed,
      trained.linear.top1,
      trained.linear.best.top1,
      trained.knn.top1,
      untrained.linear.top1,
      untrained.knn.top1,
      loss,
      seconds.toFixed(1),
    ].join(",") + "\n"
  );
  await text("sweep.csv", head + lines.join(""));
  await text("sweep.json", JSON.stringify(runs, null, 2) + "\n");
  const rows: SweepRow[] = runs.map(({ std, seed, probes }) => ({ std, seed, top1: probes.trained.linear.top1 }));
  const untrained = runs.reduce((sum, run) => sum + run.probes.untrained.linear.top1, 0) / runs.length;
  await writeStdPlot(`${out}/sweep`, rows, { untrained });
}
