/**
 * First values of parameters, a function of the seed and the parameter's name alone: He's normal law for convolutions
 * (Kaiming normal, fan-out, as GenRep and torchvision), 1 and 0 for batch norm, PyTorch's uniform law for linear layers.
 * A target network (`target.*`) begins as a copy of the network it follows, a queue of keys as random unit vectors.
 */

import { normalOfWord, philox4x32, STREAMS, uniformOpen } from "../generators/random.ts";
import type { StateStore } from "../gpu/store.ts";
import { sizeOf } from "../graph/tensor.ts";
import { FIRST_SCALE, SCALE_STATES } from "../ops/loss_scale.ts";

/** Values of a state that is no linear layer's, of this name and shape on the device's layout. */
export function initialValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const size = sizeOf(shape);
  if (name.startsWith("momentum.") || name === "health" || name === SCALE_STATES.steps) return new Float32Array(size);
  if (name === SCALE_STATES.scale) return new Float32Array(size).fill(FIRST_SCALE);
  if (name === "queue") return unitRows(draw(name, size, seed, (word) => normalOfWord(word, null)), shape[1]!);
  if (shape.length === 4) {
    const [kh, kw, , co] = shape as [number, number, number, number];
    const std = Math.sqrt(2 / (kh * kw * co));
    return normalValues(name, size, std, seed);
  }
  const part = /\.(weight|bias|running_mean|running_var)$/.exec(name)?.[1];
  if (shape.length !== 1 || !part) throw new TypeError(`internal: no first values for ${name}`);
  return new Float32Array(size).fill(part === "weight" || part === "running_var" ? 1 : 0);
}

/** Values of a linear layer [out, in] or its bias: U(-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear. */
export function linearValues(name: string, size: number, fanIn: number, seed: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return draw(name, size, seed, (word) => bound * (2 * uniformOpen(word) - 1));
}

/** Normal values of mean 0. */
export function normalValues(name: string, size: number, std: number, seed: number): Float32Array {
  return draw(name, size, seed, (word) => std * normalOfWord(word, null));
}

/** Fills states that hold no values yet: encoder and heads. `shapes` are those of the device. */
export function initializeStates(
  store: Pick<StateStore, "write">,
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): void {
  for (const [name, shape] of shapes) {
    const layer = name.startsWith("momentum.") ? null : /^(.*)\.(weight|bias)$/.exec(name);
    const weight = layer ? shapes.get(`${layer[1]}.weight`) : undefined;
    const followed = name.replace(/^target\./, "");
    const values = weight?.length === 2
      ? linearValues(followed, sizeOf(shape), weight[1]!, seed)
      : initialValues(followed, shape, seed);
    store.write(name, values);
  }
}

/** Rows of `length` values, each divided by its norm. */
function unitRows(values: Float32Array, length: number): Float32Array {
  for (let at = 0; at < values.length; at += length) {
    const norm = Math.hypot(...values.subarray(at, at + length));
    for (let i = at; i < at + length; i++) values[i]! /= norm;
  }
  return values;
}

function draw(name: string, size: number, seed: number, law: (word: number) => number): Float32Array {
  const key = [seed, Math.floor(seed / 2 ** 32)];
  const id = hash(name);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i += 4) {
    const words = philox4x32([i >>> 2, id, 0, STREAMS.initialization], key);
    for (let k = 0; k < 4 && i + k < size; k++) values[i + k] = law(words[k]!);
  }
  return values;
}

/** FNV-1a of a name, 32 bits. */
function hash(name: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}
