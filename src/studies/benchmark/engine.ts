/**
 * What is timed: a program that takes works, and a work that has been started in it. The laws of timing that hold for
 * all of them stand here too.
 */

import process from "node:process";
import type { PreparedWork, Work } from "./works.ts";

/** A program that can be asked to do works: this one, or a peer. */
export interface Engine {
  readonly name: string;
  takes(work: Work): boolean;
  /** Loads, compiles and runs once; `folder` holds what a process of its own needs. Throws where that fails. */
  start(work: PreparedWork, folder: string): Promise<Started>;
}

/** A work that runs in a program. */
export interface Started {
  /** Version, and what it computes on. */
  readonly about: string;
  /** The result of the first run: images, a product, or the loss. */
  readonly first: Float32Array;
  /** Size of the program, where it can be seen. */
  readonly size?: ProgramSize;
  /** Runs `count` times and waits for the end. */
  run(count: number): Promise<Round>;
  close(): Promise<void>;
}

/** Steps of a program, and its memory. */
export interface ProgramSize {
  /** Dispatches, and copies into textures. */
  readonly dispatches: number;
  /** Memory in MiB of the whole program, and of its intermediate results with their texture twins. */
  readonly mib: number;
  readonly mib_activations: number;
}

/** Some runs in a row. */
export interface Round {
  /** From the first call to the last result, for all runs together. */
  readonly ms: number;
  /** Processor time of the program's own process, its threads together. */
  readonly cpuMs: number;
  /** Loss of the last run of a training step. */
  readonly loss: number | null;
}

/** A round lasts this long at least, so that waiting for its end (a poll of up to 10 ms) does not count. */
const ROUND_MS = 250;
const MOST_RUNS = 64;

/** Runs of a round where one takes `ms`. */
export function runsOf(ms: number): number {
  return Math.min(MOST_RUNS, Math.max(1, Math.ceil(ROUND_MS / ms)));
}

/** Wall and processor time of this process from now on. */
export function startClock(): () => Pick<Round, "ms" | "cpuMs"> {
  const [begun, used] = [performance.now(), process.cpuUsage()];
  return () => {
    const { user, system } = process.cpuUsage(used);
    return { ms: performance.now() - begun, cpuMs: (user + system) / 1000 };
  };
}

/** Milliseconds of a run, over some rounds of the same number of runs. */
export interface Times {
  readonly ms_median: number;
  readonly ms_min: number;
  readonly ms_max: number;
  /** Processor time, median. */
  readonly cpu_ms: number;
  readonly rounds: number;
  readonly runs_per_round: number;
}

/** The times of a run. */
export function timesOf(rounds: readonly Round[], runs: number): Times {
  const sorted = rounds.map(({ ms }) => ms / runs).sort((a, b) => a - b);
  return {
    ms_median: fourDigits(medianOf(sorted)),
    ms_min: fourDigits(sorted[0]!),
    ms_max: fourDigits(sorted.at(-1)!),
    cpu_ms: fourDigits(medianOf(rounds.map(({ cpuMs }) => cpuMs / runs))),
    rounds: rounds.length,
    runs_per_round: runs,
  };
}

/** GFLOP/s of a work of so many operations over its whole median time. */
export function gflopsOf(flops: number, { ms_median }: Times): number {
  return fourDigits(flops / ms_median / 1e6);
}

/** The middle one, or the mean of the two in the middle. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** What files and tables hold of a measured number. */
export function fourDigits(value: number): number {
  return Number(value.toPrecision(4));
}
