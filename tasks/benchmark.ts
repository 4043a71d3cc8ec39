/** `deno task benchmark`: speed of the works that users wait for, on this adapter, alone or beside other programs. */

import { listOf, oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { PROJECT_ROOT } from "../src/paths.ts";
import { BENCHMARKS, readResults } from "../src/studies/benchmark/results.ts";
import { NAMES, runAlone, runBeside } from "../src/studies/benchmark/run.ts";
import { checkReport, writeSpeedReport } from "../src/studies/benchmark/speed_report.ts";

await runTask({
  name: "benchmark",
  summary: "Times training steps, generators, matrix products and convolutions; medians, GFLOP/s.",
  options: [
    { flags: "--only <works>", description: `some of ${NAMES.join(", ")}`, parse: listOf(oneOf(NAMES)) },
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

async function run({ options, print, log }: TaskContext): Promise<unknown> {
  const { peers, profile, report } = options;
  const only = options.only as string[] | undefined;
  if (profile && (peers || report)) {
    throw new UserError("--profile is of this program alone: leave out --peers and --report");
  }
  if (only && report && !peers) {
    throw new UserError("--only chooses what is run, and --report alone runs nothing: add --peers");
  }
  if (!peers && !report) return await runAlone({ only, profile: profile === true, print, log });
  if (!report) return await runBeside({ only, folder: null, print, log });
  const paths = { folder: BENCHMARKS, readme: `${PROJECT_ROOT}/README.md` };
  checkReport(paths);
  if (peers) await runBeside({ only, folder: paths.folder, print, log });
  await writeSpeedReport(paths);
  print(`wrote ${paths.folder}/report.md and the section of ${paths.readme}`);
  return readResults(paths.folder);
}
