/** `deno task benchmark`: speed of the works that users wait for, on this adapter. */

import { listOf, oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { printProfile, profileTable, timeSteps } from "../src/gpu/profile.ts";
import { printMemory } from "../src/graph/program.ts";
import { type BenchmarkRow, timeWork } from "../src/studies/benchmark/alone.ts";
import { WORK_NAMES, WORKS } from "../src/studies/benchmark/works.ts";

const HEAD = "work                batch   size  median ms     min ms     max ms  GFLOP/s  dispatches    MiB";

await runTask({
  name: "benchmark",
  summary: "Times training steps, generators, matrix products and convolutions; medians, GFLOP/s.",
  options: [
    { flags: "--only <works>", description: `some of ${WORK_NAMES.join(", ")}`, parse: listOf(oneOf(WORK_NAMES)) },
    { flags: "--profile", description: "also print the time of every kernel, and the memory by what it is for" },
  ],
  run,
});

async function run({ options, print, log }: TaskContext): Promise<unknown> {
  const only = options.only as string[] | undefined;
  const gpu = await openGpu();
  const rows: BenchmarkRow[] = [];
  print(HEAD);
  for (const work of WORKS.filter((w) => (!only || only.includes(w.work)) && (!w.on || w.on === gpu.info.kind))) {
    rows.push(
      await timeWork(gpu, work, async ({ session, program }, row) => {
        print(lineOf(row));
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

function lineOf(row: BenchmarkRow): string {
  const cells = [
    [row.batch, 5],
    [row.size, 6],
    [row.ms_median, 10],
    [row.ms_min, 10],
    [row.ms_max, 10],
    [row.gflops, 8],
    [row.dispatches, 11],
    [row.mib, 6],
  ] as const;
  return [row.work.padEnd(19), ...cells.map(([value, width]) => String(value).padStart(width))].join(" ");
}
