/**
 * The training loop: submits steps, reads losses some steps late, looks at what the encoder learns, writes metrics,
 * checkpoints and the view sheet, and stops with a checkpoint when asked to. All that is random follows from (seed, step), so a run
 * that is resumed continues bit for bit.
 */

import { type Config, configToYaml, trainingLength } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import type { LabelledSet } from "../data/labelled_set.ts";
import { UserError } from "../errors.ts";
import { initializeStates } from "../encoders/init.ts";
import { loadEncoder } from "../encoders/weights.ts";
import { type EmbeddingMeasures, measureEmbeddings } from "../evaluation/embeddings.ts";
import { rngValues } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Session } from "../gpu/session.ts";
import type { StateStore } from "../gpu/store.ts";
import { plan } from "../graph/plan.ts";
import { printMemory } from "../graph/program.ts";
import { locate } from "../paths.ts";
import { BackgroundSave } from "./background_save.ts";
import { loadCheckpoint, restoreStates, type StateShapes, writeSnapshot } from "./checkpoint.ts";
import { divergence, type RateSetting } from "./divergence.ts";
import { MetricsFile, type MetricsLine } from "./metrics.ts";
import { type Feed, FeedRing } from "./feed.ts";
import { imagesPerSample } from "./objectives/mod.ts";
import { requirePrecision, skippedStep } from "./precision.ts";
import { emaRate, learningRate } from "./schedule.ts";
import type { Source } from "./source.ts";
import { buildStep, imagesPerStep } from "./step.ts";
import { writeViewSheet } from "./view_sheet.ts";
import { NeighborWatch } from "./watch.ts";

/** Steps whose losses may be on their way while new ones are submitted. */
const STEPS_IN_FLIGHT = 3;
/** Steps whose stored images are prepared before their turn. */
const STEPS_AHEAD = 4;

/** Where a run writes and what it listens to. */
export interface TrainOptions {
  readonly out: string;
  /** A checkpoint to continue from. */
  readonly resume: string | null;
  /** Stops the run after the current step, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Labelled images for the watch's nearest neighbours; null where there are none. */
  readonly labelled: LabelledSet | null;
  readonly onStep: (report: StepReport) => void;
  readonly log: (line: string) => void;
}

/** A step that is done. */
export interface StepReport {
  /** Updates done, from 1. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  /** Null where the gradient was not finite, so that the step changed nothing but the loss scale. */
  readonly gradientNorm: number | null;
  /** What the last look found; null before the first one. */
  readonly look: Look | null;
}

/** What a look at the encoder finds (settings `watch`). */
export interface Look extends EmbeddingMeasures {
  /** Per cent; null without labelled images. */
  readonly knn_top1: number | null;
}

/** How a run ended. */
export interface TrainResult {
  readonly step: number;
  readonly steps: number;
  /** Loss of the last step; null where none was done here and the metrics do not tell. */
  readonly loss: number | null;
  readonly checkpoint: string;
  readonly seconds: number;
}

/**
 * Trains from the first step, or from a checkpoint, to the last step or to the signal. The states are in `store`
 * afterwards, where an evaluation finds them.
 */
export async function train(
  gpu: Gpu,
  store: StateStore,
  source: Source,
  config: Config,
  options: TrainOptions,
): Promise<TrainResult> {
  const resumed = options.resume === null ? null : await loadCheckpoint(options.resume);
  const { steps } = trainingLength(config);
  requirePrecision(gpu.info, config);
  if (resumed && resumed.step > steps) {
    throw new UserError(
      `${resumed.path} is at step ${resumed.step}, the run ends at ${steps}: raise --steps or --epochs`,
    );
  }
  const built = buildStep(source, config);
  const program = plan(built.graph, await tunedTarget(gpu, built.graph, options.log));
  options.log(`a step is ${program.steps.length} dispatches and copies; ${printMemory(program)}`);
  const session = await Session.create(gpu, program, store);
  let neighbors: NeighborWatch | null = null;
  try {
    initializeStates(store, built.states, config.seed);
    if (resumed) restoreStates(resumed, store, built.states);
    else if (config.encoder.weights !== null) await loadEncoder(locate(config.encoder.weights), store, built.states);
    if (config.watch.every !== null && config.watch.images > 0 && options.labelled) {
      neighbors = await NeighborWatch.open(gpu, store, options.labelled, config);
    }
    // Only now, so that what does not fit leaves an older run's files alone.
    await writeAtomic(`${options.out}/config.yaml`, configToYaml(config));
    const views = await writeViewSheet(gpu, source, config, `${options.out}/views.png`);
    const start = resumed?.step ?? 0;
    if (neighbors && start === 0) {
      options.log(`nearest neighbours before the first step: ${(await neighbors.top1()).toFixed(1)} %`);
    }
    const metrics = await MetricsFile.open(options.out, start, views);
    try {
      const feed = source.feed?.(config.batch, imagesPerSample(config)) ?? null;
      return await new Run(session, store, built.states, config, options, start, metrics, feed, neighbors).go();
    } finally {
      metrics.close();
    }
  } finally {
    neighbors?.close();
    session.close();
  }
}

/** A step under way. */
interface Pending {
  readonly step: number;
  readonly lr: number;
  readonly result: Promise<StepValues>;
  /** Of the encoder as the step leaves it; undefined where nobody looks. */
  knn?: number | null;
}

/** What a step tells. */
interface StepValues {
  readonly loss: number;
  readonly health: number;
  readonly gradientNorm: number;
  /** After the step; null in f32, which needs none. */
  readonly lossScale: number | null;
  /** Of a step that is looked at. */
  readonly embeddings: Float32Array | null;
}

/** One run of the loop. */
class Run {
  readonly #length;
  readonly #pending: Pending[] = [];
  readonly #begun = performance.now();
  #measured: { time: number; step: number; waited: number };
  #loss: number | null;
  #look: Look | null = null;
  readonly #ring: FeedRing | null;
  readonly #checkpoint: string;
  readonly #saves: BackgroundSave;

  constructor(
    readonly session: Session,
    readonly store: StateStore,
    readonly states: StateShapes,
    readonly config: Config,
    readonly options: TrainOptions,
    readonly start: number,
    readonly metrics: MetricsFile,
    feed: Feed | null,
    readonly neighbors: NeighborWatch | null,
  ) {
    this.#length = trainingLength(config);
    this.#ring = feed && new FeedRing(feed, STEPS_AHEAD, this.#length.steps);
    this.#measured = { time: performance.now(), step: start, waited: 0 };
    this.#loss = metrics.last?.step === start ? metrics.last.loss : null;
    this.#checkpoint = `${options.out}/last.safetensors`;
    this.#saves = new BackgroundSave(
      store,
      states,
      start,
      (values, step) => writeSnapshot(this.#checkpoint, values, states, { step, config, rate: rateOf(config) }),
    );
  }

  async go(): Promise<TrainResult> {
    const { steps } = this.#length;
    const { every } = this.config.checkpoint;
    let step = this.start;
    let saved = -1;
    const save = async () => {
      while (this.#saves.isWaiting) await this.#settle();
      await this.#saves.begin(saved = step);
    };
    try {
      while (step < steps && !this.options.signal.aborted) {
        await this.#submit(step++);
        if (step % every === 0) await save();
        if (this.#isWatched(step)) await this.#watch();
        if (this.#pending.length >= STEPS_IN_FLIGHT) await this.#settle();
      }
      if (saved !== step) await save();
      while (this.#pending.length) await this.#settle();
    } catch (error) {
      await this.#saves.finish().catch(() => {}); // the first thing that went wrong is told
      throw error;
    }
    await this.#saves.finish();
    await this.#ring?.close();
    const seconds = (performance.now() - this.#begun) / 1000;
    return { step, steps, loss: this.#loss, checkpoint: this.#checkpoint, seconds };
  }

  async #submit(step: number): Promise<void> {
    const lr = learningRate(this.config, step);
    await this.#inputs(step, lr);
    const scaled = this.config.precision === "f16" ? ["loss_scale"] : [];
    const looked = this.#isWatched(step + 1) ? ["embeddings"] : [];
    const outputs = ["loss", "health", "gradient_norm", ...scaled, ...looked];
    const result = this.session.run(outputs).then((values) => ({
      loss: values.loss![0]!,
      health: values.health![0]!,
      gradientNorm: values.gradient_norm![0]!,
      lossScale: values.loss_scale?.[0] ?? null,
      embeddings: values.embeddings as Float32Array | undefined ?? null,
    }));
    result.catch(() => {}); // reported by #settle
    this.#pending.push({ step, lr, result });
  }

  async #inputs(step: number, lr: number): Promise<void> {
    const stored = await this.#ring?.take(step) ?? {};
    for (const [name, values] of Object.entries(stored)) this.session.write(name, values);
    this.session.write("rng", rngValues(this.config.seed, step));
    this.session.write("lr", Float32Array.of(lr));
    this.session.write("ema", Float32Array.of(emaRate(this.config, step)));
  }

  /** Whether the encoder is looked at when so many steps are done. */
  #isWatched(done: number): boolean {
    const { every } = this.config.watch;
    return every !== null && (done % every === 0 || done === this.#length.steps);
  }

  /** Looks at the encoder after the last step that was submitted. The time that takes is none of training. */
  async #watch(): Promise<void> {
    while (this.#pending.length > 1) await this.#settle();
    const [last] = this.#pending as [Pending];
    await last.result;
    const begun = performance.now();
    last.knn = await this.neighbors?.top1() ?? null;
    this.#measured = { ...this.#measured, time: this.#measured.time + performance.now() - begun };
    await this.#settle();
  }

  /** Waits for the oldest step under way and reports it. */
  async #settle(): Promise<void> {
    const { step, lr, result, knn } = this.#pending.shift()!;
    const { loss, health, lossScale, embeddings, ...values } = await result;
    if (health !== 0 || !Number.isFinite(loss)) await this.#diverged(step, lr, loss);
    const gradientNorm = Number.isFinite(values.gradientNorm) ? values.gradientNorm : null;
    if (gradientNorm === null && lossScale !== null) this.options.log(skippedStep(step + 1, lossScale));
    this.#loss = loss;
    const look = embeddings ? { knn_top1: knn ?? null, ...this.#measure(embeddings) } : null;
    if (look) this.#look = look;
    const done = step + 1;
    this.options.onStep({ step: done, loss, lr, gradientNorm, look: this.#look });
    if (look || done % this.config.log.every === 0 || done === this.#length.steps) {
      const scaled = lossScale !== null && { loss_scale: lossScale };
      this.#record({ loss, lr, gradient_norm: gradientNorm, ...scaled, ...look }, done);
    }
    this.#saves.settled(done);
  }

  /** Writes a line of metrics after so many updates. */
  #record(
    values: Pick<MetricsLine, "loss" | "lr" | "gradient_norm" | "loss_scale"> & Partial<Look>,
    done: number,
  ): void {
    const { loss, lr, ...rest } = values;
    const now = performance.now();
    const waited = this.#ring?.waited ?? 0;
    const ms = now - this.#measured.time;
    const images = imagesPerStep(this.config) * (done - this.#measured.step);
    this.metrics.write({
      step: done,
      epoch: Math.floor((done - 1) / this.#length.stepsPerEpoch) + 1,
      loss,
      lr,
      images_per_second: Number((images / ms * 1000).toFixed(2)),
      ...(this.#ring && { data_wait: Number(((waited - this.#measured.waited) / ms).toFixed(4)) }),
      ...rest,
    });
    this.#measured = { time: now, step: done, waited };
  }

  #measure(data: Float32Array): EmbeddingMeasures {
    const [rows, size] = this.session.place("embeddings").shape as [number, number];
    const n = this.config.batch;
    return measureEmbeddings({ data, n, views: rows / n, size });
  }

  async #diverged(step: number, lr: number, loss: number): Promise<never> {
    await Promise.allSettled(this.#pending.map((p) => p.result));
    await this.#inputs(step, lr);
    throw await divergence(this.session, step, loss, rateOf(this.config));
  }
}

function rateOf({ optimizer: { lr }, precision }: Config): RateSetting {
  return { key: "optimizer.lr", value: lr, half: precision === "f16" };
}
