/** `deno task sweep-std`: accuracy against the std of the Gaussian latent view (the paper's figure 5). */

import { listOf, realNumber, runTask } from "../src/cli.ts";
import { sweepTask } from "./shared/sweep_task.ts";
import { STD } from "../src/studies/sweep_variables.ts";

await runTask(sweepTask({
  name: "sweep-std",
  summary: "One training and probe for each std of the Gaussian latent view and each seed",
  values: {
    flags: "--stds <list>",
    description: "stds between commas; 0 takes both views from one latent",
    parse: listOf(realNumber(0)),
    default: [0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0],
  },
  key: "stds",
  variable: () => STD,
}));
