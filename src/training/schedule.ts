/**
 * Learning rates as GenRep's util.py sets them. Cosine moves once an epoch, counted from 1, down to lr * decay^3:
 *   lr(e) = floor + (lr - floor) (1 + cos(pi e / E)) / 2,
 * so that already the first epoch runs below lr. Warm-up is linear in steps over the first epochs, from 0.01 to the
 * rate of the epoch after it. A run whose length is given in steps has no epochs of its own: its steps count as them.
 */

import { type Config, trainingLength } from "../config.ts";

/** Where warm-up begins, whatever the rate. */
const WARMUP_FROM = 0.01;

/** What a schedule depends on. */
export interface Schedule {
  readonly schedule: "cosine" | "step" | "constant";
  readonly lr: number;
  readonly decay_rate: number;
  readonly decay_epochs: readonly number[];
  readonly warmup_epochs: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
}

/** Rate of a step, counted from 0. */
export function scheduledRate(s: Schedule, step: number): number {
  const warmSteps = s.warmup_epochs * s.stepsPerEpoch;
  if (step < warmSteps) {
    const target = s.schedule === "cosine" ? cosineRate(s.lr, s.warmup_epochs, s.epochs, s.decay_rate) : s.lr;
    return WARMUP_FROM + step / warmSteps * (target - WARMUP_FROM);
  }
  const epoch = Math.floor(step / s.stepsPerEpoch) + 1;
  switch (s.schedule) {
    case "cosine":
      return cosineRate(s.lr, epoch, s.epochs, s.decay_rate);
    case "step":
      return s.lr * s.decay_rate ** s.decay_epochs.filter((e) => epoch > e).length;
    case "constant":
      return s.lr;
    default:
      s.schedule satisfies never;
      throw new TypeError(`internal: schedule ${s.schedule}`);
  }
}

/** Rate of epoch e of E. */
export function cosineRate(lr: number, epoch: number, epochs: number, decay: number): number {
  const floor = lr * decay ** 3;
  return floor + (lr - floor) * (1 + Math.cos(Math.PI * epoch / epochs)) / 2;
}

/** Rate of a run's step, counted from 0. */
export function learningRate(config: Config, step: number): number {
  const { stepsPerEpoch, steps } = trainingLength(config);
  const length = config.steps === null
    ? { epochs: config.epochs!, stepsPerEpoch }
    : { epochs: steps, stepsPerEpoch: 1 };
  return scheduledRate({ ...config.optimizer, ...length }, step);
}

/**
 * The share of a target network that a step, counted from 0, keeps: constant for MoCo; for BYOL
 *   1 - (1 - ema) (cos(pi step / steps) + 1) / 2,
 * which rises from ema to 1 (Grill et al. 2020, section 3.3). Objectives without a target network do not read it.
 */
export function emaRate(config: Config, step: number): number {
  const { kind, ema } = config.objective;
  if (kind !== "byol") return ema ?? 0.999;
  return 1 - (1 - (ema ?? 0.996)) * (Math.cos(Math.PI * step / trainingLength(config).steps) + 1) / 2;
}
