/** `deno task benchmark`: speed of the works that users wait for, on this adapter. */

import { listOf, oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { timeWork, WORKS } from "../src/studies/benchmark.ts";

const NAMES = [...new Set(WORKS.map((w) => w.work))];

await runTask({
  name: "benchmark",
  summary: "Times training steps, generators and matrix products; medians, GFLOP/s.",
  options: [
    { flags: "--only <works>", description: `some of ${NAMES.join(", ")}`, parse: listOf(oneOf(NAMES)) },
    { flags: "--profile", description: "also print the time of every kernel" },
  ],
  run,
});

async function run({ options, print, log }: TaskContext): Promise<unknown> {
  const only = options.only as string[] | undefined;
  const gpu = await openGpu();
  const rows = [];
  print(`${"work".padEnd(16)} batch   size  median ms     min ms  GFLOP/s  dispatches    MiB`);
  for (const work of WORKS.filter((w) => !only || only.includes(w.work))) {
    const { row, profile } = await timeWork(gpu, work, options.profile === true);
    rows.push(row);
    print(
      `${row.work.padEnd(16)} ${String(row.batch).padStart(5)} ${String(row.size).padStart(6)} ` +
        `${String(row.ms_median).padStart(10)} ${String(row.ms_min).padStart(10)} ${String(row.gflops).padStart(8)} ` +
        `${String(row.dispatches).padStart(11)} ${String(row.mib).padStart(6)}`,
    );
    if (profile) log(profile);
  }
  print(`on ${gpu.info.name}`);
  gpu.close();
  return rows;
}
