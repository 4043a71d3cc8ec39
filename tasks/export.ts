/** `deno task export`: a checkpoint's encoder for other programs. */

import { oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { resnetSpec } from "../src/encoders/resnet.ts";
import { saveEncoder } from "../src/encoders/weights.ts";
import { saveEncoderOnnx } from "../src/studies/export_encoder.ts";
import { openGpu } from "../src/gpu/device.ts";
import { locate } from "../src/paths.ts";
import { openEncoder, reserveResnet } from "../src/evaluation/encoder.ts";
import { settingsOf } from "../src/training/checkpoint.ts";

const FORMATS = ["safetensors", "onnx"] as const;

await runTask({
  name: "export",
  summary: "Writes a checkpoint's encoder: safetensors with torchvision's names, or an ONNX model.",
  options: [
    { flags: "--checkpoint <file>", description: "a checkpoint of `train`" },
    { flags: "--format <name>", description: FORMATS.join(", "), parse: oneOf(FORMATS), default: FORMATS[0] },
    { flags: "--out <file>", description: "file to write (default: encoder.safetensors or encoder.onnx)" },
  ],
  run,
});

async function run({ options, print }: TaskContext): Promise<unknown> {
  if (options.checkpoint === undefined) throw new UserError("--checkpoint is missing: give a checkpoint of train");
  const file = locate(options.checkpoint as string);
  const settings = await settingsOf(file);
  if (!settings) throw new UserError(`${file} is not a checkpoint of latent-views: its header names no configuration`);
  const gpu = await openGpu();
  const { store } = await openEncoder(gpu, file, settings);
  const shapes = reserveResnet(store, resnetSpec(settings.encoder), settings.encoder.input);
  const format = options.format as typeof FORMATS[number];
  const out = options.out as string | undefined ?? `encoder.${format}`;
  if (format === "onnx") await saveEncoderOnnx(out, store, settings.encoder);
  else await saveEncoder(out, store, shapes, { arch: settings.encoder.arch, stem: settings.encoder.stem });
  store.close();
  gpu.close();
  print(`${shapes.size} tensors in ${out}`);
  return { out, tensors: shapes.size };
}
