/** The first values of a detector: its encoder's, and detectron2's for what is new. */

import { initialValues, normalValues } from "../../encoders/init.ts";
import type { StateStore } from "../../gpu/store.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { FrozenEncoder } from "../encoder.ts";

/** Deviations of the new layers' weights. */
const STDS: readonly (readonly [name: RegExp, std: number])[] = [
  [/^rpn\.\w+\.weight$/, 0.01],
  [/^box\.scores\.weight$/, 0.01],
  [/^box\.deltas\.weight$/, 0.001],
];

/** Fills the states of a detector, in `store`, from an encoder's and a seed. `shapes` are those of the device. */
export async function initializeDetector(
  store: StateStore,
  shapes: ReadonlyMap<string, readonly number[]>,
  encoder: FrozenEncoder,
  seed: number,
): Promise<void> {
  await Promise.all(Array.from(shapes, async ([name, shape]) => {
    const size = sizeOf(shape);
    if (name.startsWith("encoder.")) return store.write(name, await encoder.store.read(name, size));
    const std = STDS.find(([pattern]) => pattern.test(name))?.[1];
    store.write(name, std === undefined ? initialValues(name, shape, seed) : normalValues(name, size, std, seed));
  }));
}

/** A hash of an encoder's values: what a detector began from. */
export async function encoderDigest(
  { store }: FrozenEncoder,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<string> {
  const names = [...shapes.keys()].filter((state) => state.startsWith("encoder.")).sort();
  const values = await Promise.all(names.map((state) => store.read(state, sizeOf(shapes.get(state)!))));
  const bytes = await new Blob(values.map((v) => v as Float32Array<ArrayBuffer>)).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
