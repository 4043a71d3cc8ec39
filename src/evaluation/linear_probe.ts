/**
 * The linear probe: a linear classifier on frozen features, trained by SGD with momentum and the cosine rule. GenRep
 * main_linear.py: momentum 0.9, no weight decay, batch 256, floor lr * 0.2^3. Deviations: the classifier has as many
 * outputs as the data has classes, where the authors' has 1000 for ImageNet100 too; rows that fill no batch are left
 * to the next epoch's order, where theirs make a smaller batch.
 */

import { below, philox4x32, STREAMS } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { cosineRate } from "../training/schedule.ts";
import { topAccuracy } from "./accuracy.ts";
import type { LabelledFeatures } from "./features.ts";
import { LinearHead } from "./linear_head.ts";

/** How the classifier is trained. */
export interface ProbeSettings {
  readonly epochs: number;
  readonly lr: number;
  readonly batch: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly seed: number;
}

/** Accuracies in per cent. */
export interface ProbeResult {
  /** Of the last epoch. */
  readonly top1: number;
  readonly top5: number;
  /** The epoch with the largest top-1 on the test set: a choice that sees the test set, and the authors' number. */
  readonly best: { readonly epoch: number; readonly top1: number; readonly top5: number };
  /** Of the last batch. */
  readonly loss: number;
}

/** Training features, batch by batch. */
export interface FeatureStream {
  /** Length of a feature. */
  readonly size: number;
  /** Rows of a batch. */
  readonly batch: number;
  /** Batches of an epoch. */
  readonly steps: number;
  /** Batch number `step`, counted over all epochs from 0: features [batch, size] with their labels. */
  take(step: number): Promise<{ readonly features: Float32Array; readonly labels: Int32Array }>;
}

/** A trained probe. */
export interface ProbeRun {
  readonly result: ProbeResult;
  /** The class with the largest logit for each test row, after the last epoch. */
  readonly predicted: Int32Array;
}

/** Factor whose cube is the floor of the rate. */
const DECAY = 0.2;

/** Trains on a stream and tests on `test` after every epoch; `onStep` hears how many steps are done. */
export async function trainProbe(
  gpu: Gpu,
  stream: FeatureStream,
  test: LabelledFeatures,
  classes: number,
  settings: ProbeSettings,
  onStep?: (done: number) => void,
): Promise<ProbeRun> {
  const { size, batch, steps } = stream;
  const head = await LinearHead.create(gpu, { size, classes, batch }, settings);
  try {
    let best = { epoch: 0, top1: -1, top5: 0 };
    let last = { top1: 0, top5: 0 };
    let loss = NaN;
    let logits: Float32Array = new Float32Array();
    for (let epoch = 1; epoch <= settings.epochs; epoch++) {
      const lr = cosineRate(settings.lr, epoch, settings.epochs, DECAY);
      for (let step = (epoch - 1) * steps; step < epoch * steps; step++) {
        const { features, labels } = await stream.take(step);
        await head.step(features, labels, lr);
        onStep?.(step + 1);
      }
      loss = await head.loss();
      logits = await head.logits(test.features.data);
      last = { top1: topAccuracy(logits, test.labels, classes, 1), top5: topAccuracy(logits, test.labels, classes, 5) };
      if (last.top1 > best.top1) best = { epoch, ...last };
    }
    return { result: { ...last, best, loss }, predicted: largest(logits, classes) };
  } finally {
    head.close();
  }
}

/** Features that were computed once, in another order each epoch. */
export function cachedStream({ features, labels }: LabelledFeatures, batch: number, seed: number): FeatureStream {
  const { n, size, data } = features;
  const rows = Math.min(batch, n);
  const steps = Math.floor(n / rows);
  const orderOf = epochOrder(n, seed);
  return {
    size,
    batch: rows,
    steps,
    take: (step) => {
      const at = (step % steps) * rows;
      const order = orderOf(Math.floor(step / steps)).subarray(at, at + rows);
      const values = new Float32Array(rows * size);
      order.forEach((row, i) => values.set(data.subarray(row * size, (row + 1) * size), i * size));
      return Promise.resolve({ features: values, labels: order.map((row) => labels[row]!) });
    },
  };
}

/** The quick form: trains on cached features and tests after every epoch. */
export async function linearProbe(
  gpu: Gpu,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  settings: ProbeSettings,
): Promise<ProbeRun> {
  return await trainProbe(gpu, cachedStream(train, settings.batch, settings.seed), test, classes, settings);
}

/** The numbers below n in an order that follows from seed and epoch, counted from 0; asking for one twice is cheap. */
export function epochOrder(n: number, seed: number): (epoch: number) => Int32Array {
  const known = new Map<number, Int32Array>();
  return (epoch) => {
    const order = known.get(epoch) ?? shuffled(n, seed, epoch + 1);
    known.delete(epoch - 2); // batches are asked for some steps ahead, never an epoch back
    known.set(epoch, order);
    return order;
  };
}

/** Fisher and Yates. */
function shuffled(n: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = below(philox4x32([i, epoch, 0, STREAMS.dataOrder], [seed, 0])[0], i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** The place of each row's largest value; of equal ones the first. */
function largest(logits: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: logits.length / classes }, (_, i) => {
    let best = 0;
    for (let j = 1; j < classes; j++) if (logits[i * classes + j]! > logits[i * classes + best]!) best = j;
    return best;
  });
}
