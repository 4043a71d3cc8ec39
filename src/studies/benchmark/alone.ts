/** The works on this program alone, one after the other. */

import type { Gpu } from "../../gpu/device.ts";
import { memoryOf } from "../../graph/program.ts";
import { fourDigits, type Round, runsOf, type Times, timesOf } from "./engine.ts";
import { type OwnWork, startOwn } from "./own.ts";
import { type PreparedWork, prepareWork, type Work } from "./works.ts";

/** One timed work. */
export interface BenchmarkRow extends Times {
  readonly work: string;
  readonly batch: number;
  readonly size: number;
  readonly gflops: number;
  readonly dispatches: number;
  /** Memory in MiB of the whole program, and of its intermediate results with their texture twins. */
  readonly mib: number;
  readonly mib_activations: number;
  readonly adapter: string;
}

const LEAST_ROUNDS = 5;
const LEAST_MS = 1000;

/** Times a work for at least a second and five rounds; `look` sees it run when that is done. */
export async function timeWork(
  gpu: Gpu,
  work: Work,
  look: (started: OwnWork, row: BenchmarkRow) => Promise<void> = async () => {},
): Promise<BenchmarkRow> {
  const prepared = await prepareWork(work);
  const started = await startOwn(gpu, prepared);
  try {
    const times = await timeRounds(started);
    const row = { ...rowOf(prepared, started, gpu), ...times, gflops: gflopsOf(prepared, times) };
    await look(started, row);
    return row;
  } finally {
    await started.close();
  }
}

async function timeRounds(started: OwnWork): Promise<Times> {
  const runs = runsOf((await started.run(1)).ms);
  const rounds: Round[] = [];
  for (let total = 0; rounds.length < LEAST_ROUNDS || total < LEAST_MS; total += rounds.at(-1)!.ms) {
    rounds.push(await started.run(runs));
  }
  return timesOf(rounds, runs);
}

function rowOf({ work: { work, batch, size } }: PreparedWork, { program }: OwnWork, gpu: Gpu) {
  const memory = memoryOf(program);
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  return {
    work,
    batch,
    size,
    dispatches: program.steps.length,
    mib: mib(Object.values(memory).reduce((a, b) => a + b, 0)),
    mib_activations: mib((memory.work ?? 0) + (memory.texture ?? 0)),
    adapter: gpu.info.name,
  };
}

/** GFLOP/s of a work's convolutions and products over its whole median time. */
export function gflopsOf({ flops }: PreparedWork, { ms_median }: Times): number {
  return fourDigits(flops / ms_median / 1e6);
}
