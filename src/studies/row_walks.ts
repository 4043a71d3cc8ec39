/** The walks of the paper's steered rows: those that are named somewhere, or learned when they are first needed. */

import { basename } from "node:path";
import { type Config, parseConfig } from "../config.ts";
import type { Gpu } from "../gpu/device.ts";
import { exists } from "../paths.ts";
import { type RowOptions, rowSettings, type Table, type TableRow } from "./paper_tables.ts";
import { refuseOtherSettings } from "./restartable_run.ts";
import { steerGenerator, steerPaths } from "./steer.ts";

/**
 * The settings of a row. A steered one has the walks that the user or the generator's card names, else those of
 * OUT/walks/GENERATOR.safetensors: one learning serves all rows and seeds of a generator.
 */
export function rowSettingsWithWalks(
  table: Table,
  row: TableRow,
  options: Omit<RowOptions, "walks">,
  out: string,
): Config {
  const settings = rowSettings(table, row, { ...options, walks: null });
  if (!row.steered || settings.views.latent.walks !== null) return settings;
  return rowSettings(table, row, { ...options, walks: learnedWalks(settings, out) });
}

/** Throws UserError when walks that are still to be learned were begun with other settings. */
export function refuseOtherWalks(settings: Config, out: string): void {
  if (missing(settings, out)) {
    refuseOtherSettings(steerPaths(learnedWalks(settings, out)).folder, steerSettings(settings));
  }
}

/** Learns a run's walks where they are not there yet. False when the signal came first: called again, it goes on. */
export async function provideWalks(
  gpu: Gpu,
  settings: Config,
  { out, signal, log }: { readonly out: string; readonly signal: AbortSignal; readonly log: (line: string) => void },
): Promise<boolean> {
  if (!missing(settings, out)) return true;
  const walks = learnedWalks(settings, out);
  log(`the walks of ${settings.generator.model} are not there yet: learning them into ${walks}`);
  const last = `${steerPaths(walks).folder}/last.safetensors`;
  const resume = exists(last) ? last : null;
  return (await steerGenerator(gpu, steerSettings(settings), { out: walks, resume, signal, log })).walks !== null;
}

function missing({ views: { latent } }: Config, out: string): boolean {
  return latent.kind === "steered" && latent.walks !== null && latent.walks.startsWith(`${out}/walks/`) &&
    !exists(latent.walks);
}

function learnedWalks({ generator: { model } }: Config, out: string): string {
  return `${out}/walks/${basename(model).replace(/\.(ya?ml|onnx)$/, "")}.safetensors`;
}

/** What learning depends on: as in the paper with any of the generator's classes, whatever those of the row. */
function steerSettings({ generator, steer, log, checkpoint }: Config): Config {
  return { ...parseConfig(""), generator: { ...generator, labels: "random" }, steer, log, checkpoint };
}
