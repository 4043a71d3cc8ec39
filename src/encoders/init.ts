/**
 * First values of parameters, a function of the seed and the parameter's name alone: He's normal law for convolutions
 * (Kaiming normal, fan-out, as GenRep and torchvision), 1 and 0 for batch norm, PyTorch's uniform law for linear layers.
 */

import { normalOfWord, philox4x32, STREAMS, uniformOpen } from "../generators/random.ts";
import type { StateStore } from "../gpu/store.ts";
import { sizeOf } from "../graph/tensor.ts";

/** Values of a state of this name and shape on the device's layout. */
export function initialValues(name: string, shape: readonly number[], seed: number): Float32Array {
  const size = sizeOf(shape);
  if (shape.length === 4) {
    const [kh, kw, , co] = shape as [number, number, number, number];
    const std = Math.sqrt(2 / (kh * kw * co));
    return draw(name, size, seed, (word) => std * normalOfWord(word, null));
  }
  if (name.startsWith("encoder.")) {
    return new Float32Array(size).fill(/\.(weight|running_var)$/.test(name) ? 1 : 0);
  }
  if (name.startsWith("momentum.") || name === "health") return new Float32Array(size);
  throw new TypeError(`internal: no first values for ${name}`);
}

/** Values of a linear layer [out, in] or its bias: U(-1/sqrt(in), 1/sqrt(in)), as torch.nn.Linear. */
export function linearValues(name: string, size: number, fanIn: number, seed: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return draw(name, size, seed, (word) => bound * (2 * uniformOpen(word) - 1));
}

/** Fills states that hold no values yet: encoder and heads. `shapes` are those of the device. */
export function initializeStates(
  store: StateStore,
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): void {
  for (const [name, shape] of shapes) {
    const layer = /^(.*)\.(weight|bias)$/.exec(name);
    const weight = !name.startsWith("encoder.") && !name.startsWith("momentum.") && layer
      ? shapes.get(`${layer[1]}.weight`)
      : undefined;
    store.write(name, weight ? linearValues(name, sizeOf(shape), weight[1]!, seed) : initialValues(name, shape, seed));
  }
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
