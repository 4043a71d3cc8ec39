/**
 * A work on several programs, one after the other in each round, so that whatever else the machine does hits all of
 * them alike. Everyone gets the same inputs and weights, and the results are compared.
 */

import { messageOf } from "../../errors.ts";
import { writeAtomic } from "../../data/atomic.ts";
import { writeSafetensors } from "../../data/safetensors.ts";
import {
  type Engine,
  fourDigits,
  gflopsOf,
  type ProgramSize,
  type Round,
  runsOf,
  type Started,
  type Times,
  timesOf,
} from "./engine.ts";
import { FILES } from "./peers/serve.ts";
import { type PreparedWork, prepareWork, type Work } from "./works.ts";

/** What a program took for a work, or why it did not do it. */
export type EngineRow =
  & { readonly engine: string }
  & (
    | (Times & Partial<ProgramSize> & {
      /** Version, and what it computed on. */
      readonly about: string;
      readonly gflops: number;
      /** Largest difference of a result to the first program's, over the largest value. */
      readonly difference: number;
    })
    | { readonly failed: string }
  );

/** A work on all programs that take it. */
export interface Comparison {
  readonly work: string;
  readonly batch: number;
  readonly size: number;
  /** Operations of convolutions and products, the same for all. */
  readonly flops: number;
  /** The first one is this program's. */
  readonly rows: EngineRow[];
}

const ROUNDS = 7;
/** A program that has taken so long is not asked again, once it has two rounds. */
const ENOUGH_MS = 60_000;
/** A run that takes so long is a round, although the others were not asked in between. */
const LONG_MS = 10_000;
/** A larger difference is none of rounding: the program computes something else. */
export const TOLERANCE = 2e-3;

/** A program with a started work. */
interface Lane {
  readonly engine: string;
  readonly started: Started;
  readonly difference: number;
  readonly runs: number;
  readonly rounds: Round[];
}

/** Runs a work on the programs that take it; the first one is what the others' results are compared with. */
export async function compare(
  work: Work,
  engines: readonly Engine[],
  log: (line: string) => void,
): Promise<Comparison> {
  const prepared = await prepareWork(work);
  const folder = await Deno.makeTempDir({ prefix: "latent-views-work-" });
  const lanes: Lane[] = [];
  const failures = new Map<string, string>();
  try {
    await writeWork(folder, prepared);
    let reference: Reference | null = null;
    for (const engine of engines.filter((e) => e.takes(work))) {
      log(`${work.work}, batch ${work.batch}: ${engine.name}`);
      try {
        const { lane, results } = await enter(engine, prepared, folder, reference);
        lanes.push(lane);
        reference ??= results;
      } catch (error) {
        if (!reference) throw error;
        failures.set(engine.name, messageOf(error));
      }
    }
    await rounds(lanes, failures);
  } finally {
    for (const { started } of lanes) await started.close();
    await Deno.remove(folder, { recursive: true });
  }
  const rows = engines.filter((e) => e.takes(work)).map(({ name }): EngineRow => {
    const failed = failures.get(name);
    if (failed !== undefined) return { engine: name, failed };
    const { started: { about, size }, difference, runs, rounds } = lanes.find((lane) => lane.engine === name)!;
    const times = timesOf(rounds, runs);
    const gflops = gflopsOf(prepared.flops, times);
    return { engine: name, about, ...times, gflops, difference: fourDigits(difference), ...size };
  });
  return { work: work.work, batch: work.batch, size: work.size, flops: prepared.flops, rows };
}

/** The first run's result, and the loss of the second one. */
interface Reference {
  readonly first: Float32Array;
  readonly loss: number | null;
}

/**
 * Starts a work, lets it run once more, and compares its results. A program whose results differ is timed all the same:
 * what it does instead is seldom more work, and tables mark it.
 */
async function enter(
  engine: Engine,
  prepared: PreparedWork,
  folder: string,
  reference: Reference | null,
): Promise<{ lane: Lane; results: Reference }> {
  const started = await engine.start(prepared, folder);
  try {
    const warm = await started.run(1);
    const results = { first: started.first, loss: warm.loss };
    const difference = reference ? differenceOf(results, reference) : 0;
    if (Number.isNaN(difference)) throw new Error("its result is not finite");
    const rounds = warm.ms > LONG_MS ? [warm] : [];
    return { lane: { engine: engine.name, started, difference, runs: runsOf(warm.ms), rounds }, results };
  } catch (error) {
    await started.close();
    throw error;
  }
}

function differenceOf(a: Reference, b: Reference): number {
  if (a.first.length !== b.first.length) {
    throw new Error(`its result has ${a.first.length} values, the first program's ${b.first.length}`);
  }
  const losses = a.loss !== null && b.loss !== null ? [Math.abs(a.loss - b.loss) / Math.abs(b.loss)] : [];
  let [largest, worst] = [0, 0];
  for (let i = 0; i < b.first.length; i++) {
    largest = Math.max(largest, Math.abs(b.first[i]!));
    const difference = Math.abs(a.first[i]! - b.first[i]!);
    if (!(difference <= worst)) worst = difference; // NaN comes through
  }
  return Math.max(worst / largest, ...losses);
}

/** Rounds in turn, every second one from the back. A program that fails in between leaves with its reason. */
async function rounds(lanes: Lane[], failures: Map<string, string>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    for (const lane of round % 2 === 0 ? lanes : lanes.toReversed()) {
      const spent = lane.rounds.reduce((sum, { ms }) => sum + ms, 0);
      const enough = lane.rounds.length === ROUNDS || lane.rounds.length >= 2 && spent > ENOUGH_MS;
      if (enough || failures.has(lane.engine)) continue;
      try {
        lane.rounds.push(await lane.started.run(lane.runs));
      } catch (error) {
        failures.set(lane.engine, messageOf(error));
      }
    }
  }
}

/** Puts what a peer needs into a folder. Momenta begin as zeros everywhere and are left out. */
async function writeWork(folder: string, { work, inputs, states, model }: PreparedWork): Promise<void> {
  const tensors = [...inputs, ...states].filter(([name]) => !name.startsWith("momentum."))
    .map(([name, { shape, data }]) => [name, { dtype: "F32" as const, shape, data }] as const);
  await writeSafetensors(`${folder}/${FILES.tensors}`, tensors);
  if (model) await writeAtomic(`${folder}/${FILES.model}`, model);
  await writeAtomic(`${folder}/${FILES.work}`, JSON.stringify({ spec: work.spec, model: model !== null }));
}
