/** `deno task evaluate`: the probes of a checkpoint on labelled real images. */

import { type Config, parseConfig } from "../src/config.ts";
import { listOf, oneOf, runTask, type TaskContext, wholeNumber } from "../src/cli.ts";
import { writeAtomic } from "../src/data/atomic.ts";
import { UserError } from "../src/errors.ts";
import { openGpu } from "../src/gpu/device.ts";
import { exists, locate } from "../src/paths.ts";
import {
  type CheckpointEvaluation,
  evaluateCheckpoint,
  type Protocol,
  PROTOCOLS,
} from "../src/studies/evaluate_checkpoint.ts";
import { settingsOf } from "../src/training/checkpoint.ts";

await runTask({
  name: "evaluate",
  summary: "Probes an encoder on labelled images: a linear classifier and nearest neighbours on its features.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--checkpoint <file>",
      description: "a checkpoint, torchvision-named weights, or random for the untrained network",
    },
    { flags: "--protocol <names>", description: `some of ${PROTOCOLS.join(", ")}`, parse: listOf(oneOf(PROTOCOLS)) },
    {
      flags: "--data <folder>",
      description: "IDX files, or class folders in train/ and test/ or val/ (default: the settings' probe data)",
    },
    {
      flags: "--seed <n>",
      description: "seed of the classifier and of the untrained network",
      parse: wholeNumber(),
      set: "seed",
    },
    { flags: "--out <folder>", description: "writes evaluation.json there" },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const checkpoint = options.checkpoint as string | undefined;
  if (checkpoint === undefined) {
    throw new UserError("--checkpoint is missing: give a file, or random for the untrained network");
  }
  const file = checkpoint === "random" ? checkpoint : locate(checkpoint);
  const settings = withData(await encoderSettings(file, config()), options.data as string | undefined);
  const gpu = await openGpu();
  const result = await evaluateCheckpoint(gpu, file, settings, options.protocol as Protocol[] ?? PROTOCOLS, log);
  gpu.close();
  if (options.out !== undefined) {
    await Deno.mkdir(options.out as string, { recursive: true });
    await writeAtomic(`${options.out}/evaluation.json`, JSON.stringify(result, null, 2) + "\n");
  }
  print(tableOf(result));
  return result;
}

/** The settings, with the encoder of the checkpoint where it names one, and its probe data where the settings have none. */
async function encoderSettings(file: string, config: Config): Promise<Config> {
  const own = file === "random" ? null : await settingsOf(file);
  if (!own) return config;
  const data = config.probe.data.path ?? config.probe.data.train ? config.probe.data : own.probe.data;
  return { ...config, encoder: own.encoder, probe: { ...config.probe, data } };
}

/** The settings with another data set: IDX where the folder holds such files, else class folders. */
function withData(config: Config, folder: string | undefined): Config {
  if (folder === undefined) return config;
  const path = locate(folder);
  if (!exists(path)) throw new UserError(`data folder ${folder} does not exist: check --data`);
  const idx = [...Deno.readDirSync(path)].some((entry) => /-idx\d-ubyte(\.gz)?$/.test(entry.name));
  const data = parseConfig(JSON.stringify({ probe: { data: { kind: idx ? "idx" : "folder", path } } })).probe.data;
  return { ...config, probe: { ...config.probe, data } };
}

function tableOf({ checkpoint, n_train, n_test, classes, linear, knn }: CheckpointEvaluation): string {
  const lines = [`${checkpoint}: ${n_train} training and ${n_test} test images of ${classes} classes, per cent`];
  if (linear) {
    lines.push(`linear  top-1 ${linear.top1.toFixed(2)}, top-5 ${linear.top5.toFixed(2)} (last epoch)`);
    lines.push(
      `        top-1 ${linear.best.top1.toFixed(2)} (best epoch, ${linear.best.epoch}, chosen on the test set)`,
    );
  }
  if (knn) lines.push(`kNN     top-1 ${knn.top1.toFixed(2)}, top-5 ${knn.top5.toFixed(2)} (k ${knn.k})`);
  return lines.join("\n");
}
