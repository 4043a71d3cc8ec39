/** `deno task evaluate`: encoders judged by the paper's protocols on real images. */

import type { Config } from "../src/config.ts";
import { listOf, oneOf, runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { writeAtomic } from "../src/data/atomic.ts";
import { UserError } from "../src/errors.ts";
import { COLUMNS, DATA_KINDS, type DataKind } from "../src/evaluation/protocol.ts";
import { DEFAULT_PROTOCOLS, PROTOCOL_NAMES, type ProtocolName, PROTOCOLS } from "../src/evaluation/protocols/mod.ts";
import { openGpu } from "../src/gpu/device.ts";
import { exists, locate } from "../src/paths.ts";
import { type Candidate, compareEncoders, refuseFailures } from "../src/studies/compare_encoders.ts";
import {
  comparisonJson,
  comparisonOf,
  comparisonText,
  type LeftOut,
  writeComparison,
} from "../src/studies/compare_report.ts";
import {
  evaluateCheckpoint,
  evaluationJson,
  type EvaluationOptions,
  evaluationText,
} from "../src/studies/evaluate_checkpoint.ts";
import { settingsOf } from "../src/training/checkpoint.ts";

/** Options that give --all its data. */
const FOLDERS: Readonly<Record<DataKind, string>> = { labelled: "imagenet", voc: "voc", cars: "cars" };

await runTask({
  name: "evaluate",
  summary: "Measures frozen encoders on real images.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--checkpoint <files>",
      description:
        "a checkpoint; ResNet weights with torchvision's names (.safetensors, .pth); an ONNX encoder or its " +
        "card (.onnx, .yaml); random for the untrained network; or several of these between commas",
    },
    {
      flags: "--protocol <names>",
      description: `some of ${PROTOCOL_NAMES.map((name) => `${name} (${PROTOCOLS[name].summary})`).join(", ")}`,
      parse: listOf(oneOf(PROTOCOL_NAMES)),
      default: DEFAULT_PROTOCOLS,
    },
    {
      flags: "--all",
      description: "every protocol of the paper's tables whose data are given, and a report beside the paper's rows",
    },
    {
      flags: "--data <folder>",
      description: "data of the protocols that are named: IDX files, class folders in train/ and test/ or val/, or " +
        "Stanford Cars; for voc07 and detection a VOC devkit (default: the settings' data)",
    },
    { flags: "--imagenet <folder>", description: "labelled images in any of these forms, for --all" },
    { flags: "--voc <folder>", description: "a VOC devkit, for --all" },
    { flags: "--cars <folder>", description: "Stanford Cars, as published or as class folders, for --all" },
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
    {
      flags: "--out <folder>",
      description: "writes numbers, tables and pictures there, and for several encoders or --all the report; what is " +
        "finished there already is not done again",
    },
    { flags: "--resume", description: "goes on with the detector whose training was stopped in --out" },
  ],
  run,
});

async function run(context: TaskContext): Promise<unknown> {
  const { options, log } = context;
  const sources = sourcesOf(options.checkpoint as string | undefined);
  const all = options.all === true;
  const out = options.out as string | undefined ?? null;
  if (all && out === null) throw new UserError("--all writes a report: give --out and a folder for it");
  if (all && options.data !== undefined) {
    throw new UserError("--data is for the protocols that --protocol names: with --all give --imagenet, --voc, --cars");
  }
  const candidates = await candidatesOf(sources, context);
  const protocols = all ? withDataOf(candidates[0]!.settings) : options.protocol as ProtocolName[];
  if (all) log(`protocols: ${protocols.join(", ")}`);
  if (out !== null) await Deno.mkdir(out, { recursive: true });
  // Protocols that take seconds are ended by the first signal, as any program.
  const long = protocols.some((name) => PROTOCOLS[name].resumable);
  const signal = long ? stopOnSignals(log) : new AbortController().signal;
  const work = { out, resume: options.resume === true, signal, log };
  return all || candidates.length > 1
    ? await compare(candidates, protocols, all, work, context)
    : await evaluateOne(candidates[0]!, protocols, work, context);
}

async function evaluateOne(
  { source, settings }: Candidate,
  protocols: readonly ProtocolName[],
  work: EvaluationOptions,
  { print }: TaskContext,
): Promise<unknown> {
  const gpu = await openGpu();
  const evaluation = await evaluateCheckpoint(gpu, source, settings, protocols, work);
  const { out } = work;
  gpu.close();
  const result = evaluationJson(evaluation);
  if (out !== null) await writeAtomic(`${out}/evaluation.json`, JSON.stringify(result, null, 2) + "\n");
  print(evaluationText(evaluation));
  return result;
}

async function compare(
  candidates: readonly Candidate[],
  protocols: readonly ProtocolName[],
  all: boolean,
  work: EvaluationOptions,
  { print }: TaskContext,
): Promise<unknown> {
  const gpu = await openGpu();
  const judged = await compareEncoders(gpu, candidates, protocols, work);
  const { out } = work;
  gpu.close();
  const leftOut = all ? columnsWithout(protocols) : [];
  if (out !== null) await writeComparison(out, judged, leftOut);
  for (const one of judged) if (one.outcomes.size > 0) print(evaluationText(one));
  print(comparisonText(comparisonOf(judged)));
  if (leftOut.length > 0) {
    print(`left out, because no data were given: ${leftOut.map(({ column }) => column).join(", ")}`);
  }
  if (out !== null) print(`report: ${out}/report.html and report.md`);
  refuseFailures(judged);
  return comparisonJson(judged, leftOut);
}

/** The encoders that --checkpoint names. One that is not there is a UserError, before any work. */
function sourcesOf(checkpoint: string | undefined): string[] {
  if (checkpoint === undefined) {
    throw new UserError("--checkpoint is missing: give a file, or random for the untrained network");
  }
  const names = [...new Set(checkpoint.split(",").map((name) => name.trim()).filter(Boolean))];
  return names.map((name) => {
    const file = name === "random" ? name : locate(name);
    if (name !== "random" && !exists(file)) {
      throw new UserError(`checkpoint ${name} does not exist: check --checkpoint`);
    }
    return file;
  });
}

/**
 * The encoders with their settings. All are probed alike: by the settings of --config, else of the first checkpoint that
 * has some, whose network is the untrained one too.
 */
async function candidatesOf(sources: readonly string[], { options, config }: TaskContext): Promise<Candidate[]> {
  const owns: (Config | null)[] = [];
  for (const source of sources) owns.push(source === "random" ? null : await settingsOf(source));
  const first = owns.find((own) => own !== null) ?? null;
  const base = withSeeds(withFolders(withProbeDataOf(config(first ?? undefined), first), options), options);
  return sources.map((source, i) => ({
    source,
    settings: owns[i] ? { ...base, encoder: owns[i].encoder } : base,
  }));
}

/** The settings, with a checkpoint's own probe data where they name none. */
function withProbeDataOf(config: Config, own: Config | null): Config {
  if (!own || (config.probe.data.path ?? config.probe.data.train) !== null) return config;
  return { ...config, probe: { ...config.probe, data: own.probe.data } };
}

/** The settings with the folders of --data, or of --imagenet, --voc and --cars, as the data of their protocols. */
function withFolders(config: Config, options: TaskContext["options"]): Config {
  const named = options.all === true ? [] : options.protocol as ProtocolName[];
  const given = [
    ...named.map((name) => [name, options.data] as const),
    ...PROTOCOL_NAMES.map((name) => [name, options[FOLDERS[PROTOCOLS[name].data]]] as const),
  ];
  return given.reduce(
    (settings, [name, folder]) =>
      folder === undefined ? settings : PROTOCOLS[name].withData(settings, folder as string),
    config,
  );
}

/** The settings with the seeds of --seeds, each once. */
function withSeeds(config: Config, { seeds }: TaskContext["options"]): Config {
  return seeds ? { ...config, probe: { ...config.probe, seeds: [...new Set(seeds as number[])] } } : config;
}

/** The protocols that fill a column of the paper and whose data the settings name. */
function withDataOf(settings: Config): ProtocolName[] {
  const names = PROTOCOL_NAMES.filter((name) =>
    PROTOCOLS[name].columns.length > 0 && PROTOCOLS[name].dataOf(settings) !== null
  );
  if (names.length > 0) return names;
  const options = DATA_KINDS.map((kind) => `--${FOLDERS[kind]}`);
  throw new UserError(`--all has no data for any column of the paper: give some of ${options.join(", ")}`);
}

/** Columns of the paper that none of these protocols fills, in their order. */
function columnsWithout(protocols: readonly ProtocolName[]): LeftOut[] {
  const others = PROTOCOL_NAMES.filter((name) => !protocols.includes(name)).map((name) => PROTOCOLS[name]);
  return COLUMNS.flatMap((column) => {
    const protocol = others.find(({ columns }) => columns.includes(column));
    return protocol ? [{ column, option: `--${FOLDERS[protocol.data]}` }] : [];
  });
}
