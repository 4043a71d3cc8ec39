/** `deno task sample`: looks at a generator. */

import { realNumber, runTask, type TaskContext, wholeNumber } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { sample } from "../src/studies/sample.ts";

await runTask({
  name: "sample",
  summary: "Draws images from a generator: a contact sheet, or anchors over their latent views.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    { flags: "--generator <file>", description: "an ONNX file or a model card", set: "generator.model" },
    { flags: "--count <n>", description: "images to draw", parse: wholeNumber(1), default: 64 },
    { flags: "--seed <n>", description: "seed of the draws", parse: wholeNumber(), set: "seed" },
    { flags: "--views", description: "draw a latent view of each image too" },
    {
      flags: "--view <kind>",
      description: "the kind of latent view: gaussian, independent, steered",
      set: "views.latent.kind",
    },
    {
      flags: "--walks <file>",
      description: "walks of steered views, as deno task steer writes",
      set: "views.latent.walks",
    },
    {
      flags: "--std <s>",
      description: "std of the Gaussian latent view",
      parse: realNumber(0),
      set: "views.latent.std",
    },
    { flags: "--files", description: "also write every image as a file of its own" },
    { flags: "--out <folder>", description: "where to write", default: "runs/sample" },
  ],
  run,
});

async function run({ options, config, print }: TaskContext): Promise<unknown> {
  const settings = config();
  const gpu = await openGpu();
  const result = await sample(gpu, settings, {
    count: options.count as number,
    views: options.views === true,
    files: options.files === true,
    out: options.out as string,
  });
  gpu.close();
  print(`${result.count} images in ${result.sheet}`);
  return result;
}
