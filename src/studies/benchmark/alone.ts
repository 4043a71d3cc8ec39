/** The works on this program alone, one after the other. */

import type { Gpu } from "../../gpu/device.ts";
import { gflopsOf, type ProgramSize, type Round, runsOf, type Times, timesOf } from "./engine.ts";
import { type OwnWork, startOwn } from "./own.ts";
import { prepareWork, type Work } from "./works.ts";

/** One timed work. */
export interface BenchmarkRow extends Times, ProgramSize {
  readonly work: string;
  readonly batch: number;
  readonly size: number;
  readonly gflops: number;
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
    const identity = { work: work.work, batch: work.batch, size: work.size };
    const gflops = gflopsOf(prepared.flops, times);
    const row = { ...identity, ...times, gflops, ...started.size, adapter: gpu.info.name };
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
