/** Images made a part of the batch at a time, so that a generator's activations are those of the part. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { concat, split } from "../ops/concat.ts";
import type { Generator } from "./model.ts";

/**
 * Images of latents [n, ...shape] and one-hot labels [n, classes], `most` at a time; null: all at once. Weights are shared,
 * and what a generator draws by itself is drawn for each part.
 */
export function generate(
  g: Graph,
  generator: Pick<Generator, "build">,
  latents: Tensor,
  labels: Tensor | null,
  most: number | null,
): Tensor {
  const n = latents.shape[0]!;
  if (most === null || n <= most) return generator.build(g, latents, labels);
  const sizes = Array.from({ length: Math.ceil(n / most) }, (_, i) => Math.min(most, n - i * most));
  const [z, y] = [split(g, latents, sizes, 0), labels && split(g, labels, sizes, 0)];
  return concat(g, z.map((part, i) => g.scope(`part${i}`, () => generator.build(g, part, y ? y[i]! : null))), 0);
}
