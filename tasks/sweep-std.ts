/** `deno task sweep-std`: accuracy against the std of the Gaussian latent view (the paper's figure 5). */

import { listOf, realNumber, runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { sweepStd } from "../src/studies/sweep_std.ts";

await runTask({
  name: "sweep-std",
  summary: "One training and probe for each std of the Gaussian latent view and each seed; goes on where it stopped.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--stds <list>",
      description: "stds between commas; 0 takes both views from one latent",
      parse: listOf(realNumber(0)),
      default: [0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0],
    },
    { flags: "--seeds <list>", description: "seeds between commas", parse: listOf(wholeNumber()), default: [0, 1] },
    { flags: "--out <folder>", description: "where the sweep writes", default: "runs/sweep-std" },
    { flags: "--steps <n>", description: "steps of each run", parse: wholeNumber(1), set: "steps" },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const settings = config();
  const stds = [...new Set(options.stds as number[])].sort((a, b) => a - b);
  const seeds = [...new Set(options.seeds as number[])];
  const out = options.out as string;
  const gpu = await openGpu();
  const runs = await sweepStd(gpu, settings, { stds, seeds, out, signal: stopOnSignals(log), log });
  gpu.close();
  print("  std  seed  linear top-1  kNN top-1  untrained linear");
  for (const { std, seed, probes: { trained, untrained } } of runs) {
    print(
      `${String(std).padStart(5)} ${String(seed).padStart(5)} ${trained.linear.top1.toFixed(2).padStart(13)} ` +
        `${trained.knn.top1.toFixed(2).padStart(10)} ${untrained.linear.top1.toFixed(2).padStart(17)}`,
    );
  }
  print(`${out}/sweep.csv, sweep.json, sweep.svg, sweep.png`);
  if (runs.length < stds.length * seeds.length) print("stopped early: the same command goes on");
  return runs;
}
