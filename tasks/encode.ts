/** `deno task encode`: images to features, by a checkpoint's encoder. */

import { runTask, type TaskContext } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { openGpu } from "../src/gpu/device.ts";
import { exists, locate } from "../src/paths.ts";
import { encode } from "../src/studies/encode.ts";
import { settingsOf } from "../src/training/checkpoint.ts";

await runTask({
  name: "encode",
  summary: "Writes the features of images: average-pooled, before any head.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--checkpoint <file>",
      description: "a checkpoint, torchvision-named weights (their network comes from the settings), or random",
    },
    {
      flags: "--images <path>",
      description: "a folder of images, or a safetensors file with normalised images [n, 3, h, w]",
    },
    { flags: "--out <file>", description: "safetensors file to write", default: "features.safetensors" },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const required = (name: string): string => {
    if (options[name] === undefined) throw new UserError(`--${name} is missing: see --help`);
    return options[name] as string;
  };
  const [checkpoint, images] = [locate(required("checkpoint")), required("images")];
  if (!exists(images)) throw new UserError(`${images} does not exist: check --images`);
  const settings = config();
  const own = checkpoint === "random" ? null : await settingsOf(checkpoint);
  const gpu = await openGpu();
  const out = options.out as string;
  const result = await encode(
    gpu,
    checkpoint,
    images,
    out,
    own ? { ...settings, encoder: own.encoder } : settings,
    log,
  );
  gpu.close();
  print(`${result.n} features of ${result.size} numbers in ${result.out}`);
  return result;
}
