/**
 * Hierarchical latents: equal chunks of the values, such as BigBiGAN's six levels of 20, or the rows of a latent
 * [layers, d]. A view may change some chunks alone, or each by its own std, as Serez et al. (2025, arXiv 2501.13718)
 * found useful.
 */

import { UserError } from "../errors.ts";
import { sizeOf } from "../graph/tensor.ts";

/** Chunks of a latent of this shape: as wanted, else its rows, where it has several. Wrong ones are a UserError. */
export function chunkCount(shape: readonly number[], wanted: number | null): number {
  const size = sizeOf(shape);
  const count = wanted ?? (shape.length > 1 && size > shape[0]! ? shape[0]! : 1);
  if (size % count === 0) return count;
  throw new UserError(`generator.latent.chunks is ${count}, which does not divide the latent's ${size} values`);
}

/** A value for each of the latent's `size` values from one for each chunk. */
export function spreadChunks(chunks: readonly number[], size: number): Float32Array {
  const each = size / chunks.length;
  return Float32Array.from({ length: size }, (_, i) => chunks[Math.floor(i / each)]!);
}

/** 1 for the chunks that change and 0 for the others; null where all do. A chunk that is not there is a UserError. */
export function changedChunks(chosen: readonly number[] | null, count: number): number[] | null {
  if (chosen === null) return null;
  const outside = chosen.find((chunk) => chunk >= count);
  if (outside !== undefined) {
    throw new UserError(
      `views.latent.chunks has chunk ${outside}, and the latent has ${
        count === 1 ? "only chunk 0: say in generator.latent.chunks how many it has" : `the chunks 0 to ${count - 1}`
      }`,
    );
  }
  const changed = Array.from({ length: count }, (_, i) => Number(chosen.includes(i)));
  return changed.includes(0) ? changed : null;
}
