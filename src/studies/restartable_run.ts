/** A training and its probes in a folder of their own: read back where they are finished, gone on with where cut off. */

import { type Config, configToYaml, loadConfig } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { UserError } from "../errors.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { exists } from "../paths.ts";
import { type ProbePair, trainAndProbe } from "./train_and_probe.ts";

/** What a finished run gave. */
export interface RunResult {
  readonly seed: number;
  /** Loss of the last step; null where the metrics do not tell. */
  readonly loss: number | null;
  readonly probes: ProbePair;
  /** Of training, without what an earlier, cut-off attempt took. */
  readonly seconds: number;
}

/** Where a run writes, and what it listens to. */
export interface RestartableOptions {
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  /** The untrained network's probes where they are known already: they depend on the encoder and the seed alone. */
  readonly untrained?: Evaluation | undefined;
}

/** The run's result, or null when the signal cut it off: called again, it continues from its checkpoint. */
export async function restartableRun(
  gpu: Gpu,
  settings: Config,
  { out, signal, log, untrained }: RestartableOptions,
): Promise<RunResult | null> {
  const done = `${out}/result.json`;
  const checkpoint = `${out}/last.safetensors`;
  refuseOtherSettings(out, settings);
  if (exists(done)) return JSON.parse(await Deno.readTextFile(done));
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
  await writeAtomic(done, JSON.stringify(result, null, 2) + "\n");
  return result;
}

/** Throws UserError when a run that was begun in `out` has other settings: its numbers would be mixed with the new ones. */
function refuseOtherSettings(out: string, settings: Config): void {
  const file = `${out}/config.yaml`;
  // Read as settings, so that a run from before a setting existed is one with its default.
  if (!exists(file) || configToYaml(loadConfig(file)) === configToYaml(settings)) return;
  throw new UserError(`${out} was begun with other settings: give another --out, or remove that folder`);
}
