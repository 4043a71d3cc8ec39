/** `deno task sample`: looks at a generator, and stores its samples. */

import { listOf, realNumber, runTask, type TaskContext, wholeNumber } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { startProgress } from "../src/progress.ts";
import { checkSampleOptions, sample } from "../src/studies/sample.ts";

await runTask({
  name: "sample",
  summary: "Draws images from a generator: a contact sheet, anchors over their latent views, or shards to train from.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    { flags: "--generator <file>", description: "an ONNX file or a model card", set: "generator.model" },
    { flags: "--count <n>", description: "samples to draw", parse: wholeNumber(1), default: 64 },
    { flags: "--seed <n>", description: "seed of the draws", parse: wholeNumber(), set: "seed" },
    {
      flags: "--labels <list>",
      description: "classes to draw from, between commas, of a conditional generator (default: all)",
      parse: listOf(wholeNumber()),
      set: "generator.labels",
    },
    {
      flags: "--truncation <t>",
      description: "cut of the anchors' normal draws, in units of their std",
      parse: realNumber(0),
      set: "generator.latent.truncation",
    },
    { flags: "--views", description: "draw latent views of each sample too (views.latent.images of them)" },
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
    {
      flags: "--stds <list>",
      description: "anchors beside a Gaussian neighbour of each of these stds, such as 0.1,0.2,0.4",
      parse: listOf(realNumber(0)),
    },
    { flags: "--files", description: "also write every image as a file of its own" },
    {
      flags: "--shards",
      description: "write packed shards with latents and labels, for data.kind shards, and no sheet",
    },
    { flags: "--out <folder>", description: "where to write", default: "runs/sample" },
  ],
  run,
});

async function run({ options, config, print }: TaskContext): Promise<unknown> {
  const settings = config();
  const wanted = {
    count: options.count as number,
    views: options.views === true,
    stds: options.stds as number[] | undefined ?? null,
    files: options.files === true,
    shards: options.shards === true,
    out: options.out as string,
  };
  checkSampleOptions(wanted);
  const gpu = await openGpu();
  const progress = startProgress({ label: "sampling", total: wanted.count, unit: "samples" });
  let result;
  try {
    result = await sample(gpu, settings, { ...wanted, onProgress: (done) => progress.update(done) });
  } finally {
    progress.stop();
    gpu.close();
  }
  print(
    result.sheet ? `${result.count} samples in ${result.sheet}` : `${result.count} samples in ${result.shards} shards`,
  );
  return result;
}
