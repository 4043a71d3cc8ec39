/** `deno task benchmark`: speed of the works that users wait for, on this adapter, alone or beside other programs. */

import { listOf, oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { type Gpu, openGpu } from "../src/gpu/device.ts";
import { printProfile, profileTable, timeSteps } from "../src/gpu/profile.ts";
import { printMemory } from "../src/graph/program.ts";
import { UserError } from "../src/errors.ts";
import { PROJECT_ROOT } from "../src/paths.ts";
import { type BenchmarkRow, timeWork } from "../src/studies/benchmark/alone.ts";
import { compareWithPeers } from "../src/studies/benchmark/peers_run.ts";
import {
  BENCHMARKS,
  merge,
  readBaseline,
  readResults,
  type StoredComparison,
  writeResults,
} from "../src/studies/benchmark/results.ts";
import { writeSpeedReport } from "../src/studies/benchmark/speed_report.ts";
import { type Work, WORK_NAMES, WORKS } from "../src/studies/benchmark/works.ts";

const ROW = [["batch", 5], ["size", 6], ["ms_median", 10], ["ms_min", 10], ["ms_max", 10], ["gflops", 8]] as const;
const OWN = [...ROW, ["dispatches", 11], ["mib", 6]] as const;
const HEAD = "work                batch   size  median ms     min ms     max ms  GFLOP/s";

await runTask({
  name: "benchmark",
  summary: "Times training steps, generators, matrix products and convolutions; medians, GFLOP/s.",
  options: [
    { flags: "--only <works>", description: `some of ${WORK_NAMES.join(", ")}`, parse: listOf(oneOf(WORK_NAMES)) },
    { flags: "--profile", description: "also print the time of every kernel, and the memory by what it is for" },
    {
      flags: "--peers",
      description:
        "run the works on onnxruntime, tfjs, jax-js and PyTorch too, in turn (packages are fetched; about an hour)",
    },
    {
      flags: "--report",
      description:
        "with --peers keep the figures in benchmarks/; write the report and the README's section from all kept",
    },
  ],
  run,
});

async function run(context: TaskContext): Promise<unknown> {
  const { options } = context;
  const { peers, profile, report } = options;
  if (profile && (peers || report)) {
    throw new UserError("--profile is of this program alone: leave out --peers and --report");
  }
  if (options.only && report && !peers) {
    throw new UserError("--only chooses what is run, and --report alone runs nothing: add --peers");
  }
  if (!peers && !report) return await alone(context);
  const rows = peers ? await beside(context) : undefined;
  if (!report) return rows;
  const results = readResults(BENCHMARKS);
  await writeSpeedReport(
    { folder: BENCHMARKS, readme: `${PROJECT_ROOT}/README.md` },
    results,
    readBaseline(BENCHMARKS),
  );
  context.print(`wrote ${BENCHMARKS}/report.md and the section of README.md`);
  return rows ?? results;
}

function chosen({ options }: TaskContext, gpu: Gpu): Work[] {
  const only = options.only as string[] | undefined;
  return WORKS.filter((w) => (!only || only.includes(w.work)) && (!w.on || w.on === gpu.info.kind));
}

async function alone(context: TaskContext): Promise<BenchmarkRow[]> {
  const { options, print, log } = context;
  const gpu = await openGpu();
  const rows: BenchmarkRow[] = [];
  print(`${HEAD}  dispatches    MiB`);
  for (const work of chosen(context, gpu)) {
    rows.push(
      await timeWork(gpu, work, async ({ session, program }, row) => {
        print(line(row.work, row, OWN));
        if (!options.profile) return;
        log(printProfile(profileTable(await timeSteps(session)), row.ms_median));
        log(printMemory(program));
      }),
    );
  }
  print(`on ${gpu.info.name}`);
  gpu.close();
  return rows;
}

/** Comparisons, each kept at once where a report is to be made of them. */
async function beside(context: TaskContext): Promise<StoredComparison[]> {
  const { options, print, log } = context;
  const gpu = await openGpu();
  const comparisons: StoredComparison[] = [];
  print(HEAD);
  for await (const comparison of compareWithPeers(gpu, chosen(context, gpu), log)) {
    const { work, batch, size } = comparison;
    for (const row of comparison.rows) {
      print(
        "failed" in row
          ? `${work} by ${row.engine}: ${row.failed}`
          : line(work, { batch, size, ...row }, ROW, row.engine),
      );
    }
    comparisons.push(comparison);
    if (!options.report) continue;
    await writeResults(BENCHMARKS, merge(readResults(BENCHMARKS), { comparisons: [comparison], feeds: [] }));
  }
  gpu.close();
  return comparisons;
}

function line<K extends string>(
  work: string,
  values: Readonly<Record<K, number>>,
  cells: readonly (readonly [K, number])[],
  end = "",
): string {
  return [work.padEnd(19), ...cells.map(([key, width]) => String(values[key]).padStart(width)), end].join(" ")
    .trimEnd();
}
