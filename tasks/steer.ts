/** `deno task steer`: learns the latent walks by which steered views move. */

import { realNumber, runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { openGpu } from "../src/gpu/device.ts";
import { exists } from "../src/paths.ts";
import { steerGenerator, steerPaths } from "../src/studies/steer.ts";
import { loadCheckpoint } from "../src/training/checkpoint.ts";

await runTask({
  name: "steer",
  summary: "Learns walks in a generator's latent space that shift, zoom, rotate and recolor its images.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    { flags: "--generator <file>", description: "an ONNX file or a model card", set: "generator.model" },
    {
      flags: "--out <path>",
      description: "a folder, or the .safetensors file of the walks, beside which a folder of its name is made",
      default: "runs/steer",
    },
    {
      flags: "--walks <list>",
      description: "the walks to learn, between commas (default: color,rot3d,rot2d,zoom,shiftx,shifty)",
      parse: (text) => `[${text}]`,
      set: "steer.walks",
    },
    { flags: "--steps <n>", description: "steps to learn (default: 5000)", parse: wholeNumber(1), set: "steer.steps" },
    { flags: "--batch <n>", description: "samples a step (default: 32)", parse: wholeNumber(1), set: "steer.batch" },
    { flags: "--lr <rate>", description: "rate of Adam (default: 0.001)", parse: realNumber(0), set: "steer.lr" },
    {
      flags: "--std <s>",
      description: "std of the walks' first values (default: 0.1)",
      parse: realNumber(0),
      set: "steer.std",
    },
    {
      flags: "--rule <name>",
      description:
        "paper: exact zooms, masks of all warps (default); code: the authors' zooms in whole pixels, and their masks, " +
        "which forget what the rotations lost",
      set: "steer.rule",
    },
    { flags: "--seed <n>", description: "seed of everything random", parse: wholeNumber(), set: "seed" },
    {
      flags: "--resume [checkpoint]",
      description:
        "continue from a checkpoint (default: the one of --out) with its settings, unless --config names others",
    },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const out = options.out as string;
  const { folder, walks } = steerPaths(out);
  const own = `${folder}/last.safetensors`;
  const resume = options.resume === undefined ? null : options.resume === true ? own : String(options.resume);
  const held = [own, walks].find(exists);
  if (resume === null && held !== undefined) {
    throw new UserError(`${held} is there already: continue it with --resume, or give another --out`);
  }
  const settings = config(resume === null ? undefined : (await loadCheckpoint(resume)).config);
  const gpu = await openGpu();
  const outcome = await steerGenerator(gpu, settings, { out, resume, signal: stopOnSignals(log), log });
  gpu.close();
  const { step, steps, seconds, loss } = outcome;
  print(`learned ${step} of ${steps} steps in ${seconds.toFixed(0)} s, loss ${loss?.toFixed(4) ?? "-"}`);
  if (outcome.walks === null) print(`stopped early: continue with --resume --out ${out}`);
  else print(`walks ${outcome.walks}: use them with views.latent.kind=steered and views.latent.walks`);
  print(`pictures ${outcome.pictures.join(", ")}`);
  return outcome;
}
