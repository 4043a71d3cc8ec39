/** `deno task sweep-mix`: accuracy against the share of generated images among real ones (the paper's figure 9). */

import { listOf, realNumber, runTask, type TaskContext } from "../src/cli.ts";
import { countImages } from "../src/data/image_set.ts";
import { UserError } from "../src/errors.ts";
import { locate } from "../src/paths.ts";
import { sweepTask } from "./shared/sweep_task.ts";
import { mixVariable } from "../src/studies/sweep_variables.ts";

await runTask(sweepTask({
  name: "sweep-mix",
  summary: "One training and probe for each share of generated images among real ones and each seed, pixel views alone",
  values: {
    flags: "--shares <list>",
    description: "shares of generated images between commas, from 0 to 1",
    parse: (text, flag) => listOf(realNumber(0))(text, flag).map((share) => atMostOne(share, flag)),
    default: [0, 0.05, 0.25, 0.5, 1],
  },
  key: "shares",
  options: [{ flags: "--real <path>", description: "real training images (default: those of the probe)" }],
  variable: async (context) => {
    const real = realImages(context);
    return mixVariable(real, await countImages(locate(real)));
  },
}));

function atMostOne(share: number, flag: string): number {
  if (share <= 1) return share;
  throw new UserError(`${flag} ${share} is not valid: a share is between 0 and 1`);
}

function realImages({ options, config }: TaskContext): string {
  const { path, train } = config().probe.data;
  const real = options.real as string | undefined ?? train ?? path;
  if (real !== null) return real;
  throw new UserError("sweep-mix has no real images: give --real, or set probe.data.path");
}
