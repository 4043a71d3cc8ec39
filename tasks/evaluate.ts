/** `deno task evaluate`: the probes of a checkpoint on labelled real images. */

import type { Config } from "../src/config.ts";
import { listOf, oneOf, runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { writeAtomic } from "../src/data/atomic.ts";
import { UserError } from "../src/errors.ts";
import { DEFAULT_PROTOCOLS, PROTOCOL_NAMES, type ProtocolName, PROTOCOLS } from "../src/evaluation/protocols/mod.ts";
import { openGpu } from "../src/gpu/device.ts";
import { locate } from "../src/paths.ts";
import { evaluateCheckpoint, evaluationJson, evaluationText } from "../src/studies/evaluate_checkpoint.ts";
import { settingsOf } from "../src/training/checkpoint.ts";

await runTask({
  name: "evaluate",
  summary: "Measures a frozen encoder on labelled images.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--checkpoint <file>",
      description: "a checkpoint, torchvision-named weights, or random for the untrained network",
    },
    {
      flags: "--protocol <names>",
      description: `some of ${PROTOCOL_NAMES.map((name) => `${name} (${PROTOCOLS[name].summary})`).join(", ")}`,
      parse: listOf(oneOf(PROTOCOL_NAMES)),
      default: DEFAULT_PROTOCOLS,
    },
    {
      flags: "--data <folder>",
      description:
        "IDX files, class folders in train/ and test/ or val/, or Stanford Cars; for voc07 and detection a VOC devkit (default: the settings' data)",
    },
    {
      flags: "--seed <n>",
      description: "seed of the classifier and of the untrained network",
      parse: wholeNumber(),
      set: "seed",
    },
    {
      flags: "--classes <file>",
      description: "uses some class folders alone: imagenet100 (CMC's list), or a file that names them, one a line",
      set: "probe.data.classes",
    },
    {
      flags: "--strict",
      description: "ends the run at the first file that cannot be used, instead of leaving it out",
      set: "probe.data.strict",
    },
    {
      flags: "--seeds <list>",
      description: "seeds of the classifiers between commas, for a confidence interval",
      parse: listOf(wholeNumber()),
    },
    { flags: "--out <folder>", description: "writes evaluation.json, tables by class, pictures and checkpoints there" },
    { flags: "--resume", description: "goes on with the detector whose training was stopped in --out" },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const checkpoint = options.checkpoint as string | undefined;
  if (checkpoint === undefined) {
    throw new UserError("--checkpoint is missing: give a file, or random for the untrained network");
  }
  const file = checkpoint === "random" ? checkpoint : locate(checkpoint);
  const protocols = options.protocol as ProtocolName[];
  const own = file === "random" ? null : await settingsOf(file);
  const settings = withSeeds(
    withData(withEncoder(config(own ?? undefined), own), options.data as string | undefined, protocols),
    options.seeds as number[] | undefined,
  );
  const out = options.out as string | undefined ?? null;
  if (out !== null) await Deno.mkdir(out, { recursive: true });
  const gpu = await openGpu();
  // Protocols that take seconds are ended by the first signal, as any program.
  const long = protocols.some((name) => PROTOCOLS[name].resumable);
  const signal = long ? stopOnSignals(log) : new AbortController().signal;
  const resume = options.resume === true;
  const evaluation = await evaluateCheckpoint(gpu, file, settings, protocols, { out, resume, signal, log });
  gpu.close();
  const result = evaluationJson(evaluation);
  if (out !== null) await writeAtomic(`${out}/evaluation.json`, JSON.stringify(result, null, 2) + "\n");
  print(evaluationText(evaluation));
  return result;
}

/** The settings, with the encoder of the checkpoint where it names one, and its probe data where the settings have none. */
function withEncoder(config: Config, own: Config | null): Config {
  if (!own) return config;
  const data = config.probe.data.path ?? config.probe.data.train ? config.probe.data : own.probe.data;
  return { ...config, encoder: own.encoder, probe: { ...config.probe, data } };
}

/** The settings with the seeds of --seeds, each once. */
function withSeeds(config: Config, seeds: readonly number[] | undefined): Config {
  return seeds ? { ...config, probe: { ...config.probe, seeds: [...new Set(seeds)] } } : config;
}

/** The settings with the folder of --data as the data of every protocol that is asked for. */
function withData(config: Config, folder: string | undefined, protocols: readonly ProtocolName[]): Config {
  if (folder === undefined) return config;
  return protocols.reduce((settings, name) => PROTOCOLS[name].withData(settings, folder), config);
}
