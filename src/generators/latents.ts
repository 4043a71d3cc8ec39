/** Latents of anchors, their views in latent space, and labels, as nodes of a graph. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add } from "../ops/binary.ts";
import { randomLabels } from "../ops/random_labels.ts";
import { randomNormal } from "../ops/random_normal.ts";
import { sampleKeys, type SampleKeysAttrs } from "../ops/sample_keys.ts";
import { STREAMS } from "./random.ts";

/** Which samples a step draws; see SampleKeysAttrs. */
export type SampleLaw =
  & Pick<SampleKeysAttrs, "batch" | "samples" | "shuffle" | "neighbors">
  & Partial<Pick<SampleKeysAttrs, "images">>;

/** A view in latent space; std and truncation as in the configuration (truncation in units of the std). */
export type LatentView =
  | { readonly kind: "none" }
  | { readonly kind: "gaussian"; readonly std: number; readonly truncation: number | null }
  | { readonly kind: "independent"; readonly truncation: number | null };

/** The graph input that changes from step to step: u32 [4] = (seed lo, seed hi, step, 0); see rngValues. */
export function rngInput(g: Graph, name = "rng"): Tensor {
  return g.input(name, [4], "u32");
}

/**
 * Keys u32 [images * batch, 2] of a step's samples (one image unless the law says more). An anchor and its label depend on (seed, sample), its neighbour on
 * (seed, sample, variant): with `neighbors` K the variant is one of K, drawn anew at each step, and with
 * `neighbors` null it is the step, so that no neighbour comes twice.
 */
export function stepSamples(g: Graph, rng: Tensor, law: SampleLaw): Tensor {
  const { shuffle: shuffleStream, neighborChoice: neighborStream } = STREAMS;
  return sampleKeys(g, rng, { images: 1, ...law, shuffleStream, neighborStream });
}

/** Latents z [n, ...shape] of unit std, cut to +-truncation by the exact truncated density; null: plain normal. */
export function anchors(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  { shape, truncation }: { shape: readonly number[]; truncation: number | null },
): Tensor {
  return randomNormal(g, rng, keys, { stream: STREAMS.anchor, shape, scale: 1, truncation, variants: false });
}

/**
 * The latents z' of the views of z. none: z itself; gaussian: z + w, w normal of this std cut to
 * +-truncation * std, and z' is not cut again; independent: a new draw, cut as the anchors are.
 */
export function latentView(g: Graph, rng: Tensor, keys: Tensor, z: Tensor, view: LatentView): Tensor {
  const draw = (scale: number, truncation: number | null) =>
    randomNormal(g, rng, keys, {
      stream: STREAMS.neighbor,
      shape: z.shape.slice(1),
      scale,
      truncation,
      variants: true,
    });
  switch (view.kind) {
    case "none":
      return z;
    case "gaussian":
      return view.std === 0 ? z : add(g, z, draw(view.std, view.truncation));
    case "independent":
      return draw(1, view.truncation);
    default:
      throw new TypeError(`internal: latent view ${(view satisfies never as { kind: string }).kind}`);
  }
}

/**
 * Classes of the samples for a conditional generator: labels i32 [n], one-hot [n, classes]. `choice` is
 * "random" for any class, one class for all, or a list to draw from.
 */
export function sampleLabels(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  { classes, choice }: { classes: number; choice: "random" | number | readonly number[] },
): { labels: Tensor; oneHot: Tensor } {
  const list = choice === "random" ? Array.from({ length: classes }, (_, i) => i) : [choice].flat();
  return randomLabels(g, rng, keys, list, { stream: STREAMS.label, classes });
}
