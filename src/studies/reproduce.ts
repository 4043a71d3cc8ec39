/**
 * The paper's tables, row by row: a training and probe for each row and seed. Rows that need the same run share it.
 * Runs that are finished are read back, one that was cut off continues from its checkpoint; one that fails is noted,
 * and the others go on. The walks of steered rows are learned when they are first needed.
 */

import type { Config } from "../config.ts";
import { messageOf, UserError, WorkError } from "../errors.ts";
import type { Evaluation } from "../evaluation/evaluate.ts";
import type { ProtocolName } from "../evaluation/protocols/mod.ts";
import type { Gpu } from "../gpu/device.ts";
import { protocolsOf, runsOf, type Scale, type Table, type TableRow } from "./paper_tables.ts";
import { writeReproduction } from "./reproduce_report.ts";
import { refuseOtherSettings, restartableRun, type RunResult } from "./restartable_run.ts";
import { provideWalks, refuseOtherWalks, rowSettingsWithWalks } from "./row_walks.ts";

/** What to run and where to write. */
export interface ReproduceOptions {
  readonly scale: Scale;
  readonly tables: readonly Table[];
  readonly seeds: readonly number[];
  /** Protocols that judge every checkpoint beside the probes at the end of each training; null: its table's. */
  readonly protocols: readonly ProtocolName[] | null;
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

/** A run that failed, and why. */
export interface FailedRun {
  readonly run: string;
  readonly seed: number;
  readonly message: string;
}

/** What there is so far. */
export interface Reproduction {
  readonly runs: readonly ReproducedRun[];
  readonly failures: readonly FailedRun[];
}

/**
 * Runs what is missing; the report is written anew after every run. Folders that hold runs of other settings are a
 * UserError before anything is run.
 */
export async function reproduce(gpu: Gpu, options: ReproduceOptions): Promise<Reproduction> {
  const { tables, seeds, out, signal, log } = options;
  const folderOf = (run: string, seed: number) => `${out}/runs/${run}-seed-${seed}`;
  const settingsOf = (table: Table, row: TableRow, seed: number) =>
    rowSettingsWithWalks(table, row, { ...options, seed }, out);
  const wanted = seeds.flatMap((seed) => runsOf(tables).map((entry) => ({ ...entry, seed })));
  for (const { table, row, run, seed } of wanted) {
    const settings = settingsOf(table, row, seed);
    refuseOtherSettings(folderOf(run, seed), settings);
    refuseOtherWalks(settings, out);
  }
  const runs: ReproducedRun[] = [];
  const failures: FailedRun[] = [];
  const untrained = new Map<string, Evaluation>();
  for (const [i, { table, row, run, seed }] of wanted.entries()) {
    if (signal.aborted) break;
    log(`run ${i + 1} of ${wanted.length}: ${run}, seed ${seed}`);
    try {
      const settings = settingsOf(table, row, seed);
      const folder = folderOf(run, seed);
      if (!await provideWalks(gpu, settings, options)) break;
      const network = JSON.stringify([settings.encoder, settings.probe, seed]);
      const known = untrained.get(network);
      const protocols = options.protocols ?? protocolsOf(table, settings);
      const result = await restartableRun(gpu, settings, { out: folder, signal, log, untrained: known, protocols });
      if (!result) break;
      untrained.set(network, result.probes.untrained);
      runs.push({ ...result, run, folder, settings });
    } catch (error) {
      if (!(error instanceof WorkError || error instanceof UserError)) throw error;
      gpu.check(); // a lost device fails all that follows
      log(`${run}, seed ${seed} failed: ${messageOf(error)}`);
      failures.push({ run, seed, message: messageOf(error) });
    }
    await writeReproduction({ runs, failures }, options, gpu.info.name);
  }
  return { runs, failures };
}
