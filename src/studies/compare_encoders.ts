/**
 * Several encoders judged by the same protocols, with one report beside the paper's rows. Each outcome is kept in a file
 * of its own when it is there, so that a run that was cut off does not begin again.
 */

import type { Config } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { messageOf, UnsuitableError, UserError, WorkError } from "../errors.ts";
import type { Outcome } from "../evaluation/protocol.ts";
import type { ProtocolName } from "../evaluation/protocols/mod.ts";
import type { Gpu } from "../gpu/device.ts";
import { exists } from "../paths.ts";
import {
  type CheckpointEvaluation,
  type DataSizes,
  evaluateCheckpoint,
  type EvaluationOptions,
} from "./evaluate_checkpoint.ts";

/** An encoder to judge (see `openEncoder`), with all settings. */
export interface Candidate {
  readonly source: string;
  readonly settings: Config;
}

/** A protocol that could not judge an encoder. */
export interface Failure {
  readonly protocol: ProtocolName;
  readonly message: string;
  /** The encoder is not made for it; what was asked for was wrong; or the work failed. */
  readonly kind: "unsuitable" | "asked" | "work";
}

/** An encoder that was judged. */
export interface Judged extends CheckpointEvaluation {
  /** What tables call it. */
  readonly label: string;
  /** Where the protocols' files of it are; null where nothing is written. */
  readonly folder: string | null;
  readonly failures: readonly Failure[];
}

/** What is kept of an outcome. */
interface Kept {
  /** Everything that the outcome follows from, as text. */
  readonly from: string;
  readonly outcome: Outcome;
  readonly data: DataSizes | null;
}

/** Judges encoders one after another; what fails is told and left out. `out` is a folder, or null. */
export async function compareEncoders(
  gpu: Gpu,
  candidates: readonly Candidate[],
  protocols: readonly ProtocolName[],
  options: Omit<EvaluationOptions, "onOutcome">,
): Promise<readonly Judged[]> {
  const { out, log } = options;
  const labels = labelsOf(candidates);
  const judged: Judged[] = [];
  for (const [i, candidate] of candidates.entries()) {
    const label = labels[i]!;
    const folder = out === null ? null : `${out}/${fileName(label)}`;
    if (folder !== null) await Deno.mkdir(folder, { recursive: true });
    log(`encoder ${i + 1} of ${candidates.length}: ${label}`);
    judged.push({ label, folder, ...await judge(gpu, candidate, protocols, { ...options, out: folder }) });
  }
  return judged;
}

function kindOf(error: unknown): Failure["kind"] {
  if (error instanceof UnsuitableError) return "unsuitable";
  return error instanceof UserError ? "asked" : "work";
}

/** Throws what a comparison with failures ends with; an encoder that is unsuitable for a protocol is none. */
export function refuseFailures(judged: readonly Judged[]): void {
  const failed = judged.flatMap(({ label, failures }) => failures.map((failure) => ({ label, ...failure })))
    .filter(({ kind }) => kind !== "unsuitable");
  const [first] = failed;
  if (!first) return;
  const count = judged.reduce((sum, { outcomes, failures }) => sum + outcomes.size + failures.length, 0);
  const message = `${failed.length} of ${count} evaluations failed, first ${first.protocol} of ${first.label}: ` +
    first.message;
  throw failed.every(({ kind }) => kind === "asked") ? new UserError(message) : new WorkError(message);
}

/** Names of all candidates: their paths, each once. */
function labelsOf(candidates: readonly Candidate[]): string[] {
  const names = candidates.map(({ source }) => source === "random" ? "untrained network" : source);
  return names.map((name, i) => names.indexOf(name) === i ? name : `${name} (${i + 1})`);
}

/** A label as the name of a folder. */
function fileName(label: string): string {
  return label.replace(/\.(safetensors|pth?|bin|onnx|ya?ml)$/, "").replaceAll(/[^\w.]+/g, "-").replaceAll(
    /^-+|-+$/g,
    "",
  );
}

async function judge(
  gpu: Gpu,
  { source, settings }: Candidate,
  protocols: readonly ProtocolName[],
  options: Omit<EvaluationOptions, "onOutcome">,
): Promise<CheckpointEvaluation & { failures: readonly Failure[] }> {
  const { out: folder, signal, log } = options;
  const outcomes = new Map<ProtocolName, Outcome>();
  const failures: Failure[] = [];
  let data: DataSizes | null = null;
  const from = fingerprint(source, settings);
  const fileOf = (name: ProtocolName) => `${folder}/${name}.json`;
  const missing: ProtocolName[] = [];
  for (const name of protocols) {
    const kept = folder === null ? null : await readKept(fileOf(name));
    if (kept?.from !== from) {
      missing.push(name);
      continue;
    }
    log(`${name}: read back from ${fileOf(name)}`);
    outcomes.set(name, kept.outcome);
    data ??= kept.data;
  }
  const onOutcome = async (name: ProtocolName, outcome: Outcome, sizes: DataSizes | null) => {
    outcomes.set(name, outcome);
    data ??= sizes;
    const kept: Kept = { from, outcome, data: sizes };
    if (folder !== null) await writeAtomic(fileOf(name), JSON.stringify(kept, null, 2) + "\n");
  };
  // A protocol that fails takes none of the others with it.
  for (let left = missing; left.length > 0;) {
    try {
      await evaluateCheckpoint(gpu, source, settings, left, { ...options, onOutcome });
      left = [];
    } catch (error) {
      if (signal.aborted) throw error;
      gpu.check(); // a lost device fails all that follows
      left = left.filter((name) => !outcomes.has(name));
      const protocol = left.shift()!;
      failures.push({ protocol, message: messageOf(error), kind: kindOf(error) });
      log(`${protocol}: ${messageOf(error)}`);
    }
  }
  const ordered = protocols.flatMap((name) => outcomes.has(name) ? [[name, outcomes.get(name)!] as const] : []);
  return { checkpoint: source, data, outcomes: new Map(ordered), failures };
}

async function readKept(path: string): Promise<Kept | null> {
  return exists(path) ? JSON.parse(await Deno.readTextFile(path)) : null;
}

/** What an outcome follows from: the file as it is now, and all settings. */
function fingerprint(source: string, settings: Config): string {
  const file = source === "random" ? null : Deno.statSync(source);
  return JSON.stringify([source, file && [file.size, file.mtime], settings]);
}
