/** Runs of `deno task benchmark`: this program alone, or beside its peers; a line a result as soon as it is there. */

import { type Gpu, openGpu } from "../../gpu/device.ts";
import { printProfile, profileTable, timeSteps } from "../../gpu/profile.ts";
import { printFullest, printMemory } from "../../graph/program.ts";
import { type BenchmarkRow, timeWork } from "./alone.ts";
import { compare } from "./compare.ts";
import { type FeedName, type FeedRow, FEEDS, timeFeed } from "./feeding.ts";
import { ownEngine } from "./own.ts";
import { PEERS } from "./peers/list.ts";
import { peerEngine } from "./peers/process.ts";
import { merge, originOf, readResults, type Results, writeResults } from "./results.ts";
import { type Work, WORK_NAMES, WORKS } from "./works.ts";

/** Everything that --only can name. */
export const NAMES: readonly string[] = [...WORK_NAMES, ...FEEDS];

/** What is run, and who hears of it. */
export interface RunOptions {
  /** Names of works and feeds; all where left out. */
  readonly only?: readonly string[] | undefined;
  /** Takes results. */
  readonly print: (line: string) => void;
  /** Takes lines about the work. */
  readonly log: (line: string) => void;
}

const TIMES = [["batch", 5], ["size", 6], ["ms_median", 10], ["ms_min", 10], ["ms_max", 10], ["gflops", 8]] as const;
const SIZES = [["dispatches", 11], ["mib", 6], ["mib_activations", 12]] as const;
const HEAD = "work                batch   size  median ms     min ms     max ms  GFLOP/s";

/** Times this program; with `profile` also every kernel. */
export async function runAlone(
  { only, profile, print, log }: RunOptions & { readonly profile: boolean },
): Promise<(BenchmarkRow | (FeedRow & { adapter: string }))[]> {
  const gpu = await openGpu();
  const rows: (BenchmarkRow | (FeedRow & { adapter: string }))[] = [];
  print(`${HEAD}  dispatches    MiB  activations`);
  for (const work of worksOf(gpu, only)) {
    rows.push(
      await timeWork(gpu, work, async ({ session, program }, row) => {
        print(line(row.work, row, [...TIMES, ...SIZES]));
        if (!profile) return;
        log(printProfile(profileTable(await timeSteps(session)), row.ms_median));
        log(printMemory(program));
        log(printFullest(program));
      }),
    );
  }
  for (const name of feedsOf(only)) {
    const row = await timeFeed(gpu, name);
    rows.push({ ...row, adapter: gpu.info.name });
    print(feedLine(row));
  }
  print(`on ${gpu.info.name}`);
  gpu.close();
  return rows;
}

/** Times this program beside its peers. With `folder` each result is kept there at once. */
export async function runBeside(
  { only, folder, print, log }: RunOptions & { readonly folder: string | null },
): Promise<Results> {
  const gpu = await openGpu();
  const engines = [ownEngine(gpu), ...PEERS.map((peer) => peerEngine(peer))];
  const origin = await originOf(gpu.info.name);
  const results: Results = { comparisons: [], feeds: [] };
  const keep = async (fresh: Results) => {
    results.comparisons.push(...fresh.comparisons);
    results.feeds.push(...fresh.feeds);
    if (folder !== null) await writeResults(folder, merge(readResults(folder), fresh));
  };
  print(HEAD);
  for (const work of worksOf(gpu, only)) {
    const { rows, ...identity } = await compare(work, engines, log);
    for (const row of rows) {
      print(
        "failed" in row
          ? `${work.work} by ${row.engine}: ${row.failed}`
          : line(work.work, { ...identity, ...row }, TIMES, row.engine),
      );
    }
    await keep({ comparisons: [{ ...origin, ...identity, rows }], feeds: [] });
  }
  for (const name of feedsOf(only)) {
    const row = await timeFeed(gpu, name);
    print(feedLine(row));
    await keep({ comparisons: [], feeds: [{ ...origin, ...row }] });
  }
  gpu.close();
  return results;
}

function worksOf(gpu: Gpu, only: readonly string[] | undefined): Work[] {
  return WORKS.filter((w) => (!only || only.includes(w.work)) && (!w.on || w.on === gpu.info.kind));
}

function feedsOf(only: readonly string[] | undefined): FeedName[] {
  return FEEDS.filter((name) => !only || only.includes(name));
}

function line<K extends string>(
  work: string,
  values: Readonly<Record<K, number>>,
  cells: readonly (readonly [K, number])[],
  end = "",
): string {
  const numbers = cells.map(([key, width]) => String(values[key]).padStart(width));
  return [work.padEnd(19), ...numbers, end].join(" ").trimEnd();
}

function feedLine({ data_wait, images_per_second, ...row }: FeedRow): string {
  const cells = [["batch", 5], ["size", 6], ["ms_median", 10]] as const;
  const waiting = `${(100 * data_wait).toFixed(1)} % of it waiting for images`;
  return line(row.work, row, cells, `${images_per_second} images/s, ${waiting}`);
}
