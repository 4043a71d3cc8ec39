/** What an objective is: which images it needs of a sample, and what it adds to the graph of a step. */

import type { Config } from "../../config.ts";
import { UserError } from "../../errors.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Guard } from "../../ops/guard.ts";
import type { NormRecord } from "../../ops/running_stats.ts";

/** What an objective learns from. */
export interface Batch {
  /** Number of samples. */
  readonly n: number;
  /** Normalised views [views * n, input, input, 3], view-major: row v * n + i is view v of sample i. */
  readonly views: Tensor;
  /** Latents of the anchors [n, ...shape]; null where the images have none. */
  readonly latents: Tensor | null;
  /** Class numbers i32 [n]; null where there are none. */
  readonly labels: Tensor | null;
  readonly classes: number | null;
  /** What messages call the source of the samples. */
  readonly source: string;
  /** The step's seed and number, u32 [4]. */
  readonly rng: Tensor;
}

/** What an objective adds. */
export interface Learning {
  /** One value. */
  readonly loss: Tensor;
  /** [views * n, d], view-major: what the loss compares, or the features where it compares none. */
  readonly embeddings: Tensor;
  /** Parameters that follow the loss's gradient. */
  readonly parameters: readonly Tensor[];
  /** Batch normalisations whose running statistics follow the batch. */
  readonly norms: readonly NormRecord[];
  /** Adds what changes states otherwise than by a gradient, after the parameters' update. */
  update?(guard: Guard): void;
}

/** An objective. */
export interface Objective {
  /** Images of a sample: the anchor alone, the anchor and a view of it, or it and `views.latent.images` views. */
  readonly images: "anchor" | "pair" | "set";
  /** Whether pixel views are those of `views.pixel`; else they are centre crops, whatever that key says. */
  readonly augmented: boolean;
  /** Adds encoder, heads and loss. States are named `encoder.*` and `head.<i>.*`. */
  build(g: Graph, batch: Batch, config: Config): Learning;
}

/** The classes of a batch. A source without them is a UserError. */
export function requireLabels(
  { labels, classes, source }: Batch,
  { objective }: Config,
): { labels: Tensor; classes: number } {
  if (labels && classes !== null) return { labels, classes };
  throw new UserError(
    `objective.kind is ${objective.kind}, which needs classes, and ${source} has none: ` +
      "use objective.kind simclr, or a generator whose model card has labels",
  );
}

/** Pairs of a target network's parameters and those they follow, which are built in the same order. */
export function averagedStates(target: readonly Tensor[], online: readonly Tensor[]): [Tensor, Tensor][] {
  return target.map((average, i) => {
    const value = online[i];
    if (average.name !== `target.${value?.name}`) {
      throw new TypeError(`internal: ${average.name} follows ${value?.name}`);
    }
    return [average, value!];
  });
}
