/** Where a builder takes its weights from: a published file by its names, or random numbers of the same shapes. */

import type { StoredTensor } from "../src/data/safetensors.ts";
import { UserError } from "../src/errors.ts";
import { philox4x32, uniformOpen } from "../src/generators/random.ts";
import { sizeOf } from "../src/graph/tensor.ts";

/** How random values stand in for a tensor: uniform of this mean and standard deviation. */
export interface Law {
  readonly mean?: number;
  readonly std?: number;
}

/** Weights by their published names. */
export interface Weights {
  /** The values of a tensor. UserError where the file has none of this name, or one of another shape. */
  get(name: string, shape: readonly number[], law?: Law): Float32Array;
  /** Whether there is such a tensor. Random weights have those that every file has. */
  has(name: string): boolean;
}

/** The weights of a file; `path` stands for it in messages. */
export function publishedWeights(tensors: ReadonlyMap<string, StoredTensor>, path: string): Weights {
  return {
    has: (name) => tensors.has(name),
    get(name, shape) {
      const found = tensors.get(name);
      if (!found) throw new UserError(`${path} has no tensor ${name}: check that --kind fits the file`);
      if (squeezed(found.shape) !== squeezed(shape)) {
        throw new UserError(`${path}: ${name} has shape [${found.shape}], expected [${shape}]: check --kind`);
      }
      if (found.dtype !== "F32") throw new UserError(`${path}: ${name} is ${found.dtype}, expected F32`);
      return found.data;
    },
  };
}

/** A shape without dimensions of size 1: some files store a number as [], others as [1]. */
function squeezed(shape: readonly number[]): string {
  return shape.filter((d) => d !== 1).join();
}

/** FNV-1a of a name: the stream that its values are drawn from. */
function streamOf(name: string): number {
  let hash = 0x811C9DC5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Weights that are a function of (seed, name, place): Philox, for benchmarks and for checks of operators. */
export function randomWeights(seed: number): Weights {
  return {
    has: () => false,
    get(name, shape, { mean = 0, std = 1 } = {}) {
      const values = new Float32Array(sizeOf(shape));
      const width = std * Math.sqrt(12);
      const stream = streamOf(name);
      for (let i = 0; i < values.length; i += 4) {
        const words = philox4x32([i / 4, 0, 0, stream], [seed, 0]);
        for (let e = 0; e < 4 && i + e < values.length; e++) {
          values[i + e] = mean + width * (uniformOpen(words[e]!) - 0.5);
        }
      }
      return values;
    },
  };
}
