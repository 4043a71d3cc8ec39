/** Between the device's layout of weights (HWIO) and torch's (OIHW), and encoder weights from files. */

import { type StoredTensor, writeSafetensors } from "../data/safetensors.ts";
import { suggest, UserError } from "../errors.ts";
import type { StateStore } from "../gpu/store.ts";
import { sizeOf } from "../graph/tensor.ts";
import { readEncoderWeights } from "./weight_file.ts";

/** A tensor on the host. */
export interface Weights {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** [kh, kw, ci, co] to [co, ci, kh, kw]; other ranks are the same in both. */
export function toTorchLayout(shape: readonly number[], data: Float32Array): Weights {
  return shape.length === 4 ? permute(shape, data, [3, 2, 0, 1]) : { shape, data };
}

/** [co, ci, kh, kw] to [kh, kw, ci, co]; other ranks are the same in both. */
export function fromTorchLayout(shape: readonly number[], data: Float32Array): Weights {
  return shape.length === 4 ? permute(shape, data, [2, 3, 1, 0]) : { shape, data };
}

function permute(shape: readonly number[], data: Float32Array, perm: readonly number[]): Weights {
  const out = perm.map((d) => shape[d]!);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const [s0, s1, s2, s3] = perm.map((d) => strides[d]!) as [number, number, number, number];
  const [n0, n1, n2, n3] = out as [number, number, number, number];
  const result = new Float32Array(data.length);
  let at = 0;
  for (let a = 0; a < n0; a++) {
    for (let b = 0; b < n1; b++) {
      for (let c = 0; c < n2; c++) {
        let from = a * s0 + b * s1 + c * s2;
        for (let d = 0; d < n3; d++, from += s3) result[at++] = data[from]!;
      }
    }
  }
  return { shape: out, data: result };
}

/**
 * Fills `encoder.*` states from a file that `readEncoderWeights` takes. Missing, unexpected and misshapen tensors are a
 * UserError.
 */
export async function loadEncoder(
  path: string,
  store: StateStore,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<void> {
  fillEncoder(path, (await readEncoderWeights(path)).tensors, store, shapes);
}

/** Fills `encoder.*` states from tensors with torchvision's names; `path` stands for them in messages. */
export function fillEncoder(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  store: StateStore,
  shapes: ReadonlyMap<string, readonly number[]>,
): void {
  const named = new Map([...tensors].map(([name, tensor]) => [`encoder.${name}`, tensor]));
  const wanted = [...shapes].filter(([name]) => name.startsWith("encoder."));
  const missing = wanted.filter(([name]) => !named.has(name)).map(([name]) => name);
  if (missing.length) {
    throw new UserError(
      `${path} lacks ${missing.length} of the encoder's tensors, first ${missing[0]}: check encoder.arch and stem`,
    );
  }
  const unexpected = [...named.keys()].filter((name) => !shapes.has(name));
  if (unexpected.length) {
    const hint = suggest(unexpected[0]!, wanted.map(([name]) => name));
    throw new UserError(
      `${path} has ${unexpected.length} tensors that the encoder has not, first ${unexpected[0]}: ${hint}`,
    );
  }
  for (const [name, shape] of wanted) {
    const { dtype, shape: stored, data } = named.get(name)!;
    const values = dtype === "F32" ? fromTorchLayout(stored, data) : null;
    if (!values || values.shape.join() !== shape.join()) {
      throw new UserError(`${path}: ${name} is ${dtype} [${stored}], the encoder takes F32 [${toTorchShape(shape)}]`);
    }
    store.write(name, values.data);
  }
}

/**
 * Writes the `encoder.*` states with torchvision's names (`conv1.weight`, ...) and layout: what `loadEncoder` takes and,
 * `fc` aside, torchvision's load_state_dict. `shapes` are those of the device.
 */
export async function saveEncoder(
  path: string,
  store: StateStore,
  shapes: ReadonlyMap<string, readonly number[]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tensors: [string, StoredTensor][] = [];
  for (const [name, shape] of shapes) {
    if (!name.startsWith("encoder.")) continue;
    const values = toTorchLayout(shape, await store.read(name, sizeOf(shape)));
    tensors.push([name.slice("encoder.".length), { dtype: "F32", ...values }]);
  }
  await writeSafetensors(path, tensors, metadata);
}

/** Shape in torch's order. */
export function toTorchShape(shape: readonly number[]): readonly number[] {
  return shape.length === 4 ? [shape[3]!, shape[2]!, shape[0]!, shape[1]!] : shape;
}
