/**
 * The paper's tables, row by row: a training and probe for each row and seed. Rows that need the same run share it.
 * Runs that are finished are read back, one that was cut off continues from its checkpoint.
 */

import type { Config } from "../config.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { rowSettings, runsOf, type Table } from "./paper_tables.ts";
import { writeReproduction } from "./reproduce_report.ts";
import { restartableRun, type RunResult } from "./restartable_run.ts";

/** What to run and where to write. */
export interface ReproduceOptions {
  readonly tables: readonly Table[];
  readonly seeds: readonly number[];
  /** Where the real training images are; null: the probe's. */
  readonly real: string | null;
  /** Overrides of every row's settings. */
  readonly sets: readonly string[];
  readonly out: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A finished run and the rows it stands for. */
export interface ReproducedRun extends RunResult {
  /** Folder of the run below OUT/runs, without the seed: the settings file's name and the method. */
  readonly run: string;
  readonly folder: string;
  readonly settings: Config;
}

/** Runs what is missing; the report is written anew after every run. */
export async function reproduce(gpu: Gpu, options: ReproduceOptions): Promise<readonly ReproducedRun[]> {
  const { tables, seeds, out, signal, log } = options;
  const wanted = runsOf(tables);
  const done: ReproducedRun[] = [];
  const untrained = new Map<string, Evaluation>();
  for (const seed of seeds) {
    for (const { table, row, run } of wanted) {
      if (signal.aborted) return done;
      log(`run ${done.length + 1} of ${wanted.length * seeds.length}: ${run}, seed ${seed}`);
      const settings = rowSettings(table, row, { ...options, seed, walks: `${out}/walks/${table.base}.safetensors` });
      const folder = `${out}/runs/${run}-seed-${seed}`;
      const network = JSON.stringify([settings.encoder, settings.probe, seed]);
      const result = await restartableRun(gpu, settings, {
        out: folder,
        signal,
        log,
        untrained: untrained.get(network),
      });
      if (!result) return done;
      untrained.set(network, result.probes.untrained);
      done.push({ ...result, run, folder, settings });
      await writeReproduction(done, options);
    }
  }
  return done;
}
