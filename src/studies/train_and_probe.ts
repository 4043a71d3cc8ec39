/** One run from settings to numbers: training, then the probes of the trained encoder beside the untrained one. */

import { type Config, trainingLength } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { openEncoder } from "../evaluation/encoder.ts";
import { evaluate, type Evaluation, openProbeData, type ProbeData } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { StateStore } from "../gpu/store.ts";
import { startProgress } from "../progress.ts";
import { openSource } from "../training/open_source.ts";
import type { Source } from "../training/source.ts";
import { imagesPerStep } from "../training/step.ts";
import { type StepReport, train, type TrainResult } from "../training/trainer.ts";

/** The same probes of both encoders. */
export interface ProbePair {
  readonly trained: Evaluation;
  readonly untrained: Evaluation;
}

/** What a run gave. */
export interface RunOutcome {
  readonly training: TrainResult;
  /** Null where the run was stopped, or no probe was asked for. */
  readonly probes: ProbePair | null;
}

/** Where a run writes, and what it listens to. */
export interface RunOptions {
  readonly out: string;
  readonly resume: string | null;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly probe: boolean;
  /** The untrained network's probes where they are known already. */
  readonly untrained?: Evaluation;
}

/** Trains and probes; `probe.json` joins the run's files when the probes are done. */
export async function trainAndProbe(gpu: Gpu, wantedConfig: Config, options: RunOptions): Promise<RunOutcome> {
  const { source, config, close } = await openSource(wantedConfig, options.log);
  const looks = config.watch.every !== null && config.watch.images > 0;
  const wanted = (options.probe || looks) && (config.probe.data.path ?? config.probe.data.train) !== null;
  const data = wanted ? await openProbeData(config.probe.data, config.encoder.input, options.log) : null;
  const store = new StateStore(gpu);
  try {
    const training = await trainWithProgress(gpu, store, source, config, data, options);
    const done = training.step === training.steps && !options.signal.aborted;
    if (!data || !options.probe || !done) return { training, probes: null };
    const probes: ProbePair = {
      untrained: options.untrained ?? await evaluateUntrained(gpu, config, data),
      trained: await withImages(
        data,
        "features",
        (onImages) => evaluate(gpu, store, config, data, onImages),
      ),
    };
    await writeAtomic(`${options.out}/probe.json`, JSON.stringify(probes, null, 2) + "\n");
    return { training, probes };
  } finally {
    store.close();
    await close();
  }
}

async function trainWithProgress(
  gpu: Gpu,
  store: StateStore,
  source: Source,
  config: Config,
  data: ProbeData | null,
  { out, resume, signal, log }: RunOptions,
): Promise<TrainResult> {
  const { steps } = trainingLength(config);
  const progress = startProgress({ label: "training", total: steps, unitsPerStep: imagesPerStep(config) });
  try {
    return await train(gpu, store, source, config, {
      out,
      resume,
      signal,
      labelled: data?.train ?? null,
      onStep: (report) => progress.update(report.step, noteOf(report)),
      log,
    });
  } finally {
    progress.stop();
  }
}

/** What stands behind the bar. */
function noteOf({ loss, gradientNorm, look }: StepReport): string {
  const parts = [`loss ${loss.toFixed(4)}`, `gradient ${gradientNorm?.toPrecision(3) ?? "not finite"}`];
  if (look) {
    const { knn_top1: knn, alignment, uniformity, effective_rank: rank } = look;
    if (knn !== null) parts.push(`kNN ${knn.toFixed(1)} %`);
    if (alignment !== null) parts.push(`alignment ${alignment.toFixed(2)}`);
    parts.push(`uniformity ${uniformity.toFixed(2)}`, `rank ${rank.toFixed(1)}`);
  }
  return parts.join(", ");
}

/** The probes of the network as a run with this seed begins. */
export async function evaluateUntrained(gpu: Gpu, config: Config, data: ProbeData): Promise<Evaluation> {
  const { store } = await openEncoder(gpu, "random", config);
  try {
    return await withImages(
      data,
      "untrained features",
      (onImages) => evaluate(gpu, store, config, data, onImages),
    );
  } finally {
    store.close();
  }
}

async function withImages<T>(
  data: ProbeData,
  label: string,
  work: (onImages: (done: number) => void) => Promise<T>,
): Promise<T> {
  const progress = startProgress({ label, total: data.train.n + data.test.n });
  try {
    return await work((done) => progress.update(done));
  } finally {
    progress.stop();
  }
}

/** The probes side by side, for people. */
export function compareText({ trained, untrained }: ProbePair): string {
  const { n_train, n_test, classes } = trained;
  const row = (name: string, a: number, b: number) =>
    `${name.padEnd(34)} ${a.toFixed(2).padStart(8)} ${b.toFixed(2).padStart(10)} ${
      (a - b >= 0 ? "+" : "") + (a - b).toFixed(2)
    }`;
  const [t, u] = [trained.linear, untrained.linear];
  return [
    `probe on ${n_train} training and ${n_test} test images of ${classes} classes, per cent`,
    `${"".padEnd(34)}  trained  untrained`,
    row("linear top-1, last epoch", t.top1, u.top1),
    row(`linear top-1, best epoch (${t.best.epoch}, ${u.best.epoch})`, t.best.top1, u.best.top1),
    row("linear top-5, last epoch", t.top5, u.top5),
    row(`kNN top-1 (k ${trained.knn.k})`, trained.knn.top1, untrained.knn.top1),
  ].join("\n");
}
