/** Latents of anchors, their views in latent space, and labels, as nodes of a graph. */

import type { Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { add, mul } from "../ops/binary.ts";
import { expand } from "../ops/expand.ts";
import { matmul } from "../ops/matmul.ts";
import { randomCoefficients } from "../ops/random_coefficients.ts";
import { randomLabels } from "../ops/random_labels.ts";
import { randomNormal, type RandomNormalAttrs } from "../ops/random_normal.ts";
import { reshape } from "../ops/reshape.ts";
import { sampleKeys, type SampleKeysAttrs } from "../ops/sample_keys.ts";
import { where } from "../ops/where.ts";
import { spreadChunks } from "./chunks.ts";
import { STREAMS } from "./random.ts";
import type { Walks } from "./walks.ts";

/** Which samples a step draws; see SampleKeysAttrs. */
export type SampleLaw =
  & Pick<SampleKeysAttrs, "batch" | "samples" | "shuffle" | "neighbors">
  & Partial<Pick<SampleKeysAttrs, "images">>;

/** A view in latent space; std and truncation as in the configuration (truncation in units of the std). */
export type LatentView =
  | { readonly kind: "none" }
  | {
    readonly kind: "gaussian";
    /** One for all values, or one for each of the latent's equal chunks. */
    readonly std: number | readonly number[];
    readonly truncation: number | null;
  }
  | { readonly kind: "independent"; readonly truncation: number | null }
  | {
    readonly kind: "steered";
    readonly walks: Walks;
    /** What the coefficients of rot3d are multiplied by: 5 in the authors' code, 1 by their laws. */
    readonly rot3dFactor: number;
  };

/** How the values of a latent [n, ...shape] belong together. */
export interface LatentForm {
  /** Whether all rows of a latent [layers, ...] are one draw, as the layers of StyleGAN's W; false by default. */
  readonly tied?: boolean;
  /** 1 for each of the equal chunks that a view changes, else 0; null by default, when all values change. */
  readonly changed?: readonly number[] | null;
}

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
  { shape, truncation, tied = false }: {
    readonly shape: readonly number[];
    readonly truncation: number | null;
    readonly tied?: boolean;
  },
): Tensor {
  return normals(g, rng, keys, shape, { stream: STREAMS.anchor, scale: 1, truncation, variants: false }, tied);
}

/**
 * The latents z' of the views of z. none: z itself; gaussian: z + w, w normal of this std cut to
 * +-truncation * std, and z' is not cut again; independent: a new draw, cut as the anchors are; steered: z + the sum
 * of the walks, each times a coefficient drawn by its law. Chunks that do not change are those of z.
 */
export function latentView(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  z: Tensor,
  view: LatentView,
  { tied = false, changed = null }: LatentForm = {},
): Tensor {
  if (view.kind === "none") return z;
  const whole = changedLatent(g, rng, keys, z, view, tied);
  if (changed === null || whole === z) return whole;
  const shape = z.shape.slice(1);
  const chosen = Uint32Array.from(spreadChunks(changed, sizeOf(shape)));
  return where(g, g.constant(chosen, shape, "bool", "changed"), whole, z);
}

/** The view in all its values. */
function changedLatent(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  z: Tensor,
  view: Exclude<LatentView, { kind: "none" }>,
  tied: boolean,
): Tensor {
  const shape = z.shape.slice(1);
  const draw = (scale: number, truncation: number | null) =>
    normals(g, rng, keys, shape, { stream: STREAMS.neighbor, scale, truncation, variants: true }, tied);
  switch (view.kind) {
    case "gaussian": {
      const { std, truncation } = view;
      if (typeof std !== "number") {
        const scale = g.constant(spreadChunks(std, sizeOf(shape)), shape, "f32", "std");
        return add(g, z, mul(g, draw(1, truncation), scale));
      }
      return std === 0 ? z : add(g, z, draw(std, truncation));
    }
    case "independent":
      return draw(1, view.truncation);
    case "steered": {
      const { walks: { laws, vectors, size }, rot3dFactor } = view;
      const coefficients = randomCoefficients(g, rng, keys, { stream: STREAMS.steering, laws, rot3dFactor });
      return steer(g, z, coefficients, g.constant(vectors, [laws.length, size], "f32", "walks"));
    }
    default:
      throw new TypeError(`internal: latent view ${(view satisfies never as { kind: string }).kind}`);
  }
}

/** z [n, ...shape] + coefficients [n, columns] times walks [columns, size], size the product of the shape. */
export function steer(g: Graph, z: Tensor, coefficients: Tensor, walks: Tensor): Tensor {
  return add(g, z, reshape(g, matmul(g, coefficients, walks), z.shape));
}

/** Normal draws [n, ...shape]; tied: one draw [n, 1, ...] for all rows. */
function normals(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  shape: readonly number[],
  law: Omit<RandomNormalAttrs, "shape">,
  tied: boolean,
): Tensor {
  const drawn = randomNormal(g, rng, keys, { ...law, shape: tied ? [1, ...shape.slice(1)] : shape });
  return expand(g, drawn, [keys.shape[0]!, ...shape]);
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
