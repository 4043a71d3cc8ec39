/** A training and its probes in a folder of their own: read back where they are finished, gone on with where cut off. */

import { type Config, loadConfig } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { UserError } from "../errors.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { Outcome } from "../evaluation/protocol.ts";
import type { ProtocolName } from "../evaluation/protocols/mod.ts";
import type { Gpu } from "../gpu/device.ts";
import { exists } from "../paths.ts";
import { evaluateCheckpoint } from "./evaluate_checkpoint.ts";
import { type ProbePair, trainAndProbe } from "./train_and_probe.ts";

/** What a finished run gave. */
export interface RunResult {
  readonly seed: number;
  /** Loss of the last step; null where the metrics do not tell. */
  readonly loss: number | null;
  readonly probes: ProbePair;
  /** Of training, without what an earlier, cut-off attempt took. */
  readonly seconds: number;
  /** What further protocols said of the checkpoint, by their names. */
  readonly outcomes?: Readonly<Partial<Record<ProtocolName, Pick<Outcome, "result" | "figures">>>>;
}

/** Where a run writes, and what it listens to. */
export interface RestartableOptions {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** The untrained network's probes where they are known already: they depend on the encoder and the seed alone. */
  readonly untrained?: Evaluation | undefined;
  /** Protocols that judge the checkpoint beside the probes at the end of a training. */
  readonly protocols?: readonly ProtocolName[];
}

/** The run's result, or null when the signal cut it off: called again, it continues from its checkpoint. */
export async function restartableRun(
  gpu: Gpu,
  settings: Config,
  options: RestartableOptions,
): Promise<RunResult | null> {
  const { out, signal, log, protocols = [] } = options;
  const done = `${out}/result.json`;
  refuseOtherSettings(out, settings);
  const known: RunResult | null = exists(done) ? JSON.parse(await Deno.readTextFile(done)) : null;
  let result = known ?? await trainAndRecord(gpu, settings, options);
  for (const name of result ? protocols.filter((name) => !(name in (result?.outcomes ?? {}))) : []) {
    const context = { out, resume: true, signal, log };
    const judged = await evaluateCheckpoint(gpu, `${out}/last.safetensors`, settings, [name], context).catch(
      (error) => {
        if (signal.aborted) return null; // it left what it goes on with
        throw error;
      },
    );
    if (!judged) return null;
    const { result: said, figures } = judged.outcomes.get(name)!;
    result = { ...result!, outcomes: { ...result!.outcomes, [name]: { result: said, figures } } };
    await writeAtomic(done, JSON.stringify(result, null, 2) + "\n");
  }
  return result;
}

/** Trains, or continues from the run's checkpoint, and writes the result; null when the signal cut it off. */
async function trainAndRecord(
  gpu: Gpu,
  settings: Config,
  { out, signal, log, untrained }: RestartableOptions,
): Promise<RunResult | null> {
  const checkpoint = `${out}/last.safetensors`;
  const { training, probes } = await trainAndProbe(gpu, settings, {
    out,
    resume: exists(checkpoint) ? checkpoint : null,
    signal,
    log,
    probe: true,
    ...(untrained ? { untrained } : {}),
  });
  if (!probes) return null;
  const result: RunResult = { seed: settings.seed, loss: training.loss, probes, seconds: training.seconds };
  await writeAtomic(`${out}/result.json`, JSON.stringify(result, null, 2) + "\n");
  return result;
}

/** Throws UserError when a run that was begun in `out` has other settings: its numbers would be mixed with the new ones. */
export function refuseOtherSettings(out: string, settings: Config): void {
  const file = `${out}/config.yaml`;
  // Read as settings, so that a run from before a setting existed is one with its default.
  if (!exists(file) || numbersOf(loadConfig(file), settings) === numbersOf(settings, settings)) return;
  throw new UserError(`${out} was begun with other settings: give another --out, or remove that folder`);
}

/** What a run's numbers follow from, as text: not how often it is looked at, nor what only its data tell. */
function numbersOf({ watch: _, log: __, checkpoint: ___, ...config }: Config, wanted: Config): string {
  const counted = wanted.data.samples === null && config.data.kind !== "generator"; // see OpenSource
  return JSON.stringify(counted ? { ...config, data: { ...config.data, samples: null } } : config);
}
