/** `deno task sweep-samples`: accuracy against the number of different samples (the paper's figures 6 and 8). */

import { listOf, runTask, wholeNumber } from "../src/cli.ts";
import { sweepTask } from "./shared/sweep_task.ts";
import { SAMPLES } from "../src/studies/sweep_variables.ts";

await runTask(sweepTask({
  name: "sweep-samples",
  summary: "One training and probe for each number of different samples and each seed, all of the same number of steps",
  values: {
    flags: "--samples <list>",
    description: "numbers of samples between commas",
    parse: listOf(wholeNumber(2)),
    default: [128, 512, 2048, 8192],
  },
  key: "samples",
  variable: () => SAMPLES,
}));
