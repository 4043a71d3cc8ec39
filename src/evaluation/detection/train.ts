/**
 * The training of a detector: submits steps, each on the canvas that its images lie on, reads the losses some steps late,
 * writes metrics and checkpoints, and stops with a checkpoint when asked to. Everything random follows from (seed, step),
 * so that a run that is resumed continues bit for bit.
 */

import type { Config } from "../../config.ts";
import { UserError, WorkError } from "../../errors.ts";
import { rngValues } from "../../generators/random.ts";
import { exists } from "../../paths.ts";
import { startProgress } from "../../progress.ts";
import { type Checkpoint, loadCheckpoint, restoreStates, saveCheckpoint } from "../../training/checkpoint.ts";
import { divergence, type RateSetting } from "../../training/divergence.ts";
import { FeedRing } from "../../training/feed.ts";
import { MetricsFile } from "../../training/metrics.ts";
import type { FrozenEncoder } from "../encoder.ts";
import { batchPlans } from "./batches.ts";
import { canvasOf, type Size } from "./canvas.ts";
import type { DetectionSet } from "./dataset.ts";
import { type DetectorSpec, LOSSES, trainingStep } from "./detector.ts";
import { batchInputs, type CanvasInputs, mostObjects } from "./feed.ts";
import { CanvasSessions, type SessionPlace } from "./sessions.ts";
import { encoderDigest, initializeDetector } from "./states.ts";

/** Steps whose losses may be on their way while new ones are submitted. */
const STEPS_IN_FLIGHT = 2;
/** Steps whose images are decoded before their turn. */
const STEPS_AHEAD = 3;
/** What the rate begins from in the warm-up, and falls by. */
const WARMUP_FACTOR = 0.001;
const DECAY = 0.1;

type Settings = Config["detection"];

/** Where a training writes and what it listens to. */
export interface TrainOptions {
  /** Folder of the checkpoint and the metrics; null writes neither. */
  readonly out: string | null;
  /** Whether to go on with the checkpoint there. */
  readonly resume: boolean;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** How a training ended. */
export interface TrainedDetector {
  readonly step: number;
  /** The last step's; null where none was done here and the metrics do not tell. */
  readonly loss: number | null;
}

/** detectron2's rule: a linear warm-up from a thousandth, then steps down by ten. `step` counts from 0. */
export function detectorRate({ lr, warmup_steps: warmup, decay_steps: decays }: Settings, step: number): number {
  const share = step < warmup ? step / warmup : 1;
  return lr * (WARMUP_FACTOR * (1 - share) + share) * DECAY ** decays.filter((at) => step >= at).length;
}

/** The plans of the steps on a set. */
export function plansOf({ images }: DetectionSet, { detection, seed }: Config) {
  const { batch, sizes, aspects, flip } = detection;
  return batchPlans(images, { seed, batch, sizes, aspects, flip });
}

/** The largest canvas of training, whose session takes the most memory. */
export function largestCanvas({ sizes, aspects }: Settings): Size {
  return canvasOf({ aspect: Math.max(...aspects), high: false }, Math.max(...sizes));
}

/** Trains a detector from an encoder. Its states are in the place's store afterwards. */
export async function trainDetector(
  place: SessionPlace,
  encoder: FrozenEncoder,
  set: DetectionSet,
  spec: DetectorSpec,
  config: Config,
  options: TrainOptions,
): Promise<TrainedDetector> {
  const { detection: settings } = config;
  const path = options.out === null ? null : `${options.out}/last.safetensors`;
  if (path !== null && !options.resume && exists(path)) {
    throw new UserError(`${path} holds a detector: go on with --resume, or give another --out`);
  }
  const batch = { n: settings.batch, most: mostObjects(set.images) };
  const sessions = new CanvasSessions(place, "a step", (canvas) => trainingStep({ ...batch, ...canvas }, spec));
  try {
    // The largest first, so that the others find their work memory there.
    const { states } = (await sessions.at(largestCanvas(settings))).step;
    const digest = await encoderDigest(encoder, states);
    const resumed = path === null || !exists(path) ? null : await openCheckpoint(path, digest, config);
    await initializeDetector(place.store, states, encoder, config.seed);
    if (resumed) restoreStates(resumed, place.store, states);
    const start = resumed?.step ?? 0;
    const metrics = options.out === null ? null : await MetricsFile.open(options.out, start, null);
    const save = async (step: number) => {
      const header = { step, config, rate: rateOf(settings), notes: { began: digest } };
      if (path !== null) await saveCheckpoint(path, place.store, states, header);
    };
    try {
      return await new Run(sessions, set, config, options, start, metrics, save, batch.most).go();
    } finally {
      metrics?.close();
    }
  } finally {
    sessions.close();
  }
}

function rateOf({ lr }: Settings): RateSetting {
  return { key: "detection.lr", value: lr };
}

/** The checkpoint to go on with. One that does not fit the encoder and the settings is a UserError. */
async function openCheckpoint(path: string, digest: string, config: Config): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(path);
  const { step, notes } = checkpoint;
  if (notes.began !== digest) throw new UserError(`${path} was begun from another encoder: give another --out`);
  const changed = changedSetting(checkpoint.config, config);
  if (changed) throw new UserError(`${path} was begun with ${changed}: use the same settings, or give another --out`);
  if (step > config.detection.steps) {
    throw new UserError(`${path} is at step ${step}, the run ends at ${config.detection.steps}: raise detection.steps`);
  }
  return checkpoint;
}

/** The first setting of training that is not the same, with both values. */
function changedSetting(then: Config, now: Config): string | null {
  const law = ({ seed, detection: d }: Config): Record<string, unknown> => ({
    seed,
    "detection.data.train": d.data.train,
    "detection.batch": d.batch,
    "detection.lr": d.lr,
    "detection.momentum": d.momentum,
    "detection.weight_decay": d.weight_decay,
    "detection.decay_steps": d.decay_steps,
    "detection.warmup_steps": d.warmup_steps,
    "detection.sizes": d.sizes,
    "detection.aspects": d.aspects,
    "detection.flip": d.flip,
    "detection.anchors": d.anchors,
    "detection.rpn.batch": d.rpn.batch,
    "detection.rpn.train": d.rpn.train,
    "detection.roi": d.roi,
    "detection.smooth_l1": d.smooth_l1,
  });
  const [before, after] = [law(then), law(now)];
  const text = (value: unknown) => JSON.stringify(value);
  const key = Object.keys(after).find((name) => text(before[name]) !== text(after[name]));
  return key === undefined ? null : `${key} ${text(before[key])}, not ${text(after[key])}`;
}

/** A step under way. */
interface Pending {
  readonly step: number;
  readonly inputs: CanvasInputs;
  readonly result: Promise<Record<string, ArrayLike<number>>>;
}

/** One run of the loop. */
class Run {
  readonly #pending: Pending[] = [];
  readonly #ring: FeedRing<CanvasInputs>;
  #measured: { time: number; step: number };
  #loss: number | null;

  constructor(
    readonly sessions: CanvasSessions<ReturnType<typeof trainingStep>>,
    readonly set: DetectionSet,
    readonly config: Config,
    readonly options: TrainOptions,
    readonly start: number,
    readonly metrics: MetricsFile | null,
    readonly save: (step: number) => Promise<void>,
    most: number,
  ) {
    const plan = plansOf(set, config);
    this.#ring = new FeedRing(
      { at: (step) => batchInputs(set, plan(step), most) },
      STEPS_AHEAD,
      config.detection.steps,
    );
    this.#measured = { time: performance.now(), step: start };
    this.#loss = metrics?.last?.step === start ? metrics.last.loss : null;
  }

  async go(): Promise<TrainedDetector> {
    const { detection: { steps, batch }, checkpoint } = this.config;
    const progress = startProgress({ label: "detector", total: steps, done: this.start, unitsPerStep: batch });
    let step = this.start;
    let saved = this.start;
    const settle = async () => progress.update(await this.#settle(), this.#note());
    const save = async () => {
      while (this.#pending.length) await settle();
      if (saved !== step) await this.save(step);
      saved = step;
    };
    try {
      while (step < steps && !this.options.signal.aborted) {
        await this.#submit(step++);
        if (this.#pending.length >= STEPS_IN_FLIGHT) await settle();
        if (step % checkpoint.every === 0) await save();
      }
      await save();
    } finally {
      progress.stop();
      await this.#ring.close();
    }
    this.set.tellRejects();
    return { step, loss: this.#loss };
  }

  async #submit(step: number): Promise<void> {
    const inputs = await this.#ring.take(step);
    const session = await this.#inputs(step, inputs);
    const result = session.run(["loss", "health", ...LOSSES]);
    result.catch(() => {}); // reported by #settle
    this.#pending.push({ step, inputs, result });
  }

  async #inputs(step: number, { canvas, values }: CanvasInputs) {
    const { session } = await this.sessions.at(canvas);
    for (const [name, value] of Object.entries(values)) session.write(name, value);
    session.write("rng", rngValues(this.config.seed, step));
    session.write("lr", Float32Array.of(detectorRate(this.config.detection, step)));
    return session;
  }

  /** Waits for the oldest step under way and notes it; how many steps are done. */
  async #settle(): Promise<number> {
    const { step, inputs, result } = this.#pending.shift()!;
    const values = await result;
    const loss = values.loss![0]!;
    if (values.health![0] !== 0 || !Number.isFinite(loss)) {
      await Promise.allSettled(this.#pending.map((p) => p.result));
      throw await divergence(await this.#inputs(step, inputs), step, loss, rateOf(this.config.detection));
    }
    this.#loss = loss;
    const done = step + 1;
    const { log, detection: { steps, batch } } = this.config;
    if (done % log.every !== 0 && done !== steps) return done;
    const now = performance.now();
    const parts = Object.fromEntries(LOSSES.map((name) => [name, values[name]![0]!]));
    this.metrics?.write({
      step: done,
      epoch: Math.floor(step * batch / this.set.images.length) + 1,
      loss,
      lr: detectorRate(this.config.detection, step),
      images_per_second: Number((batch * (done - this.#measured.step) / (now - this.#measured.time) * 1000).toFixed(2)),
      ...parts,
    });
    this.#measured = { time: now, step: done };
    return done;
  }

  #note(): string {
    return this.#loss === null ? "" : `loss ${this.#loss.toFixed(4)}`;
  }
}

/** The failure of a run that was stopped before its end. */
export function stopped(step: number, { steps }: Settings, out: string | null): WorkError {
  const remedy = out === null ? "it had no --out to keep a checkpoint in" : "go on with --resume";
  return new WorkError(`the detector's training was stopped after ${step} of ${steps} steps: ${remedy}`);
}
