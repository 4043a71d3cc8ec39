/**
 * The laboratory of `deno task kernel-lab`: every kernel of convolution, matrix product and element-wise work over
 * the shapes of ResNet-50, first checked against sums in f64, then timed as the planner would run it, texture
 * copies included. Beside the candidates of the operators stand forms that lost: planes instead of pixels (NCHW),
 * operands from storage buffers, single elements instead of vec4.
 */

import process from "node:process";
import type { Gpu } from "../gpu/device.ts";
import { targetOf } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { candidateFor } from "../graph/choose.ts";
import type { AnyOp } from "../graph/op.ts";
import { plan } from "../graph/plan.ts";
import { sizeOf } from "../graph/tensor.ts";
import { labWorks } from "./kernel_lab_works.ts";

/** One work: an operator on inputs of given shapes, under each of some candidates. */
export interface LabWork {
  readonly group: "conv" | "matmul" | "elementwise";
  readonly name: string;
  readonly op: AnyOp;
  readonly attrs: unknown;
  readonly shapes: readonly (readonly number[])[];
  readonly candidates: readonly string[];
  /** Floating-point operations, or bytes moved for element-wise work. */
  readonly amount: number;
  /** Element `i` of the result in f64, where `candidate` lays it out so. */
  expect(inputs: readonly Float32Array[], i: number, candidate: string): number;
}

/** A timed candidate. */
export interface LabRow {
  readonly group: string;
  readonly work: string;
  readonly candidate: string;
  readonly ms: number;
  /** GFLOP/s, or GB/s for element-wise work. */
  readonly rate: number;
  readonly fastest: boolean;
  /** What the planner runs on this adapter. */
  readonly chosen: boolean;
}

const SAMPLES = 48;
const ROUNDS = 5;
const ROUND_MS = 120;

/** Checks and times the candidates of the works in turn. Throws where a kernel is wrong. */
export async function* runLab(gpu: Gpu, groups: readonly string[]): AsyncGenerator<LabRow[]> {
  const idle = await waitTime(gpu);
  for (const work of labWorks(groups)) {
    const timed: { candidate: string; ms: number }[] = [];
    for (const candidate of work.candidates) {
      timed.push({ candidate, ms: await timeCandidate(gpu, work, candidate, idle) });
    }
    const best = Math.min(...timed.map((t) => t.ms));
    const chosen = choiceOf(gpu, work);
    yield timed.map(({ candidate, ms }) => ({
      group: work.group,
      work: work.name,
      candidate,
      ms,
      rate: work.amount / ms / 1e6,
      fastest: ms === best,
      chosen: candidate === chosen,
    }));
  }
}

/** The candidate that the planner takes when none is forced. */
function choiceOf(gpu: Gpu, work: LabWork): string | undefined {
  if (work.group === "elementwise") return undefined; // forms that no operator has
  const target = targetOf(gpu.info);
  const { node } = buildGraph(work);
  return candidateFor(node, target).name;
}

function buildGraph(work: LabWork) {
  const g = new Graph();
  const y = g.apply(work.op, work.shapes.map((shape, i) => g.input(`x${i}`, shape)), work.attrs);
  g.output("y", y);
  return { g, y, node: y.producer! };
}

async function timeCandidate(gpu: Gpu, work: LabWork, candidate: string, idle: number): Promise<number> {
  const { g, y } = buildGraph(work);
  const store = new StateStore(gpu);
  const program = plan(g, targetOf(gpu.info, { [work.op.name]: candidate }));
  const session = await Session.create(gpu, program, store);
  try {
    const inputs = work.shapes.map((shape, i) => values(sizeOf(shape), i));
    inputs.forEach((data, i) => session.write(`x${i}`, data));
    await session.run();
    check(work, candidate, inputs, await session.read("y") as Float32Array, sizeOf(y.shape));
    const round = async (runs: number) => {
      const clock = startClock(gpu, idle);
      for (let i = 0; i < runs; i++) session.run();
      await gpu.device.queue.onSubmittedWorkDone();
      return Math.max(1e-3, clock()) / runs;
    };
    const runs = Math.max(1, Math.ceil(ROUND_MS / await round(1)));
    const times: number[] = [];
    for (let i = 0; i < ROUNDS; i++) times.push(await round(runs));
    return times.sort((a, b) => a - b)[ROUNDS >> 1]!;
  } finally {
    session.close();
    store.close();
  }
}

/**
 * Milliseconds of work since the call. A software adapter is timed by its processor time spread over the cores,
 * which other programs on the machine do not lengthen; a real GPU by the wall clock less the idle wait.
 */
function startClock(gpu: Gpu, idle: number): () => number {
  if (gpu.info.kind === "gpu") {
    const begun = performance.now();
    return () => performance.now() - begun - idle;
  }
  const begun = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000 / navigator.hardwareConcurrency;
  };
}

/** What waiting for an empty queue costs: a poll interval of the platform, no work. */
async function waitTime(gpu: Gpu): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const begun = performance.now();
    gpu.device.queue.submit([]);
    await gpu.device.queue.onSubmittedWorkDone();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[4]!;
}

function check(work: LabWork, candidate: string, inputs: Float32Array[], result: Float32Array, size: number): void {
  let largest = 0, worst = 0;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const i = sample === 0 ? size - 1 : sample * 7919117 % size;
    const want = work.expect(inputs, i, candidate);
    largest = Math.max(largest, Math.abs(want));
    worst = Math.max(worst, Math.abs(want - result[i]!));
  }
  if (!(worst <= 1e-4 * largest)) {
    throw new Error(`${work.name} by ${candidate} is off by ${worst} in values of up to ${largest}`);
  }
}

/** Values in [-0.5, 0.5) with 16 bits after the point, whose products f32 holds well. */
function values(count: number, seed: number): Float32Array {
  let state = seed + 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) / 65536 - 0.5;
  });
}
