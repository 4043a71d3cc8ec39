/** Learning the walks of a generator, with progress and pictures. */

import type { Config } from "../config.ts";
import { loadGenerator } from "../generators/model.ts";
import type { Gpu } from "../gpu/device.ts";
import { locate } from "../paths.ts";
import { startProgress } from "../progress.ts";
import { learnWalks } from "../training/steering.ts";
import { writeWalkSheets } from "../training/walk_sheets.ts";

/** Where a run writes, and what it listens to. */
export interface SteerOptions {
  /** See steerPaths. */
  readonly out: string;
  readonly resume: string | null;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** What a run gave. */
export interface SteerOutcome {
  readonly step: number;
  readonly steps: number;
  readonly loss: number | null;
  readonly seconds: number;
  readonly checkpoint: string;
  /** The file of the walks; null where the run was stopped early. */
  readonly walks: string | null;
  /** A picture of each walk. */
  readonly pictures: readonly string[];
}

/** A run's folder and the file of its walks: walks.safetensors in it, or a file that `out` names, beside its folder. */
export function steerPaths(out: string): { folder: string; walks: string } {
  const folder = out.replace(/\.safetensors$/, "");
  return { folder, walks: folder === out ? `${out}/walks.safetensors` : out };
}

/** Learns the walks of the configuration's generator, and pictures them as they are when the run ends or is stopped. */
export async function steerGenerator(gpu: Gpu, config: Config, options: SteerOptions): Promise<SteerOutcome> {
  const { folder, walks } = steerPaths(options.out);
  const generator = await loadGenerator(locate(config.generator.model));
  const { steps, batch } = config.steer;
  const progress = startProgress({ label: "learning walks", total: steps, unitsPerStep: batch });
  try {
    const result = await learnWalks(gpu, generator, config, {
      folder,
      walks,
      resume: options.resume,
      signal: options.signal,
      onStep: ({ step, loss }) => progress.update(step, `loss ${loss.toFixed(4)}`),
      log: options.log,
    });
    const pictures = await writeWalkSheets(gpu, generator, result.form, result.walks, config, folder);
    const { step, loss, seconds, checkpoint } = result;
    return { step, steps, loss, seconds, checkpoint, walks: step === steps ? walks : null, pictures };
  } finally {
    progress.stop();
  }
}
