/**
 * Checkpoints: one safetensors file with every state of a run (`encoder.*`, `head.*`, `momentum.*`) and, in the
 * header's metadata, the step, the resolved configuration and the format's version.
 */

import { type Config, configToYaml, parseConfig } from "../config.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../data/safetensors.ts";
import { fromTorchLayout, toTorchLayout, toTorchShape } from "../encoders/weights.ts";
import { UserError, WorkError } from "../errors.ts";
import type { StateStore } from "../gpu/store.ts";
import { sizeOf } from "../graph/tensor.ts";
import { SCALE_STATES } from "../ops/loss_scale.ts";
import { lowerRate, type RateSetting } from "./divergence.ts";

/** Raised when a reader of older files would misread newer ones. */
export const FORMAT_VERSION = 1;

/** A checkpoint in memory, tensors in torch's layout (OIHW). */
export interface Checkpoint {
  readonly path: string;
  /** Updates done. */
  readonly step: number;
  readonly config: Config;
  /** All of the header's metadata. */
  readonly notes: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>;
}

/** What a checkpoint says beside its states. */
export interface CheckpointHeader {
  /** Updates done. */
  readonly step: number;
  readonly config: Config;
  /** For the message about states that are not finite. */
  readonly rate: RateSetting;
  /** More entries of the header's metadata. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Shapes of the states to keep, on the device's layout, by name. */
export type StateShapes = ReadonlyMap<string, readonly number[]>;

/** Values of states by name, on the device's layout. */
export type Snapshot = ReadonlyMap<string, Float32Array>;

/**
 * The states as the runs submitted so far leave them. The copies stand in the device's queue when this returns its
 * promise, so that later runs may follow at once.
 */
export async function takeSnapshot(store: StateStore, shapes: StateShapes): Promise<Snapshot> {
  // All at once: a read alone waits for the device's next poll, which is longer than the copy.
  const read = async ([name, shape]: readonly [string, readonly number[]]) =>
    [name, await store.read(name, sizeOf(shape))] as const;
  return new Map(await Promise.all([...shapes].map(read)));
}

/** Milliseconds of work after which others get their turn. */
const TURN_MS = 10;

/**
 * Writes states beside `path` and renames, so that a kill leaves the old file or the new one. States that are not finite,
 * which the next step's loss would show, are a WorkError and the old file stays. Other work goes on in between.
 */
export async function writeSnapshot(
  path: string,
  states: Snapshot,
  shapes: StateShapes,
  { step, config, rate, notes = {} }: CheckpointHeader,
): Promise<void> {
  const tensors: [string, StoredTensor][] = [];
  let turn = performance.now();
  for (const [name, data] of states) {
    if (!allFinite(data)) {
      throw new WorkError(`${name} holds values that are not finite after step ${step}; ${lowerRate(rate)}`);
    }
    tensors.push([name, { dtype: "F32", ...toTorchLayout(shapes.get(name)!, data) }]);
    if (performance.now() - turn < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    turn = performance.now();
  }
  const metadata = {
    ...notes,
    format: "latent-views",
    version: String(FORMAT_VERSION),
    step: String(step),
    config: configToYaml(config),
  };
  await writeSafetensors(path, tensors, metadata);
}

/** Whether no value is NaN or infinite: zero times one of those is NaN. Five times as fast as to ask each. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += 0 * values[i]!;
  return sum === 0;
}

/** Writes the states as they are after all runs submitted so far. */
export async function saveCheckpoint(
  path: string,
  store: StateStore,
  shapes: StateShapes,
  header: CheckpointHeader,
): Promise<void> {
  await writeSnapshot(path, await takeSnapshot(store, shapes), shapes, header);
}

/** The settings in the header of a checkpoint of ours; null for other files. */
export async function settingsOf(path: string): Promise<Config | null> {
  if (!path.endsWith(".safetensors")) return null;
  const { metadata } = await readSafetensors(path);
  if (metadata.format !== "latent-views" || metadata.config === undefined) return null;
  return parseConfig(metadata.config, [], `the configuration in ${path}`);
}

/** Reads a checkpoint. A file that is none, or of a newer version, is a UserError. */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readSafetensors(path);
  const { format, version, step, config } = file.metadata;
  if (format !== "latent-views" || step === undefined || config === undefined) {
    throw new UserError(`${path} is not a checkpoint of latent-views: its header names no step and no configuration`);
  }
  if (Number(version) > FORMAT_VERSION) {
    throw new UserError(`${path} has format version ${version}, this program reads up to ${FORMAT_VERSION}: update it`);
  }
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, tensor] of file.tensors) {
    if (tensor.dtype !== "F32") throw new UserError(`${path}: ${name} is ${tensor.dtype}, a checkpoint holds F32`);
    tensors.set(name, { shape: tensor.shape, data: tensor.data });
  }
  const settings = parseConfig(config, [], `the configuration in ${path}`);
  return { path, step: Number(step), config: settings, notes: file.metadata, tensors };
}

/** States of loss scaling, which a run has or has not: they are not asked for where it goes on in another precision. */
const OPTIONAL: ReadonlySet<string> = new Set(Object.values(SCALE_STATES));

/**
 * Puts a checkpoint's tensors into the states. Missing, unexpected and misshapen ones are a UserError; a missing loss scale
 * keeps its first value.
 */
export function restoreStates(checkpoint: Checkpoint, store: StateStore, shapes: StateShapes): void {
  const needed = (names: Iterable<string>) => [...names].filter((name) => !OPTIONAL.has(name));
  const missing = needed(shapes.keys()).filter((name) => !checkpoint.tensors.has(name));
  const unknown = needed(checkpoint.tensors.keys()).filter((name) => !shapes.has(name));
  if (missing.length || unknown.length) {
    const parts = [
      missing.length ? `${missing.length} missing (${missing[0]})` : "",
      unknown.length ? `${unknown.length} unexpected (${unknown[0]})` : "",
    ].filter(Boolean);
    throw new UserError(
      `${checkpoint.path} does not fit the run's network: ${parts.join(", ")}; resume with the same encoder settings`,
    );
  }
  for (const [name, shape] of shapes) {
    const stored = checkpoint.tensors.get(name);
    if (!stored) continue;
    const device = fromTorchLayout(stored.shape, stored.data);
    if (device.data.length !== sizeOf(shape) || device.shape.some((d, i) => d !== shape[i])) {
      throw new UserError(
        `${checkpoint.path}: ${name} has shape [${stored.shape}], the run's is [${toTorchShape(shape)}]`,
      );
    }
    store.write(name, device.data);
  }
}
