/** Sources of stored images: a set alone, or mixed into the samples of a generator. */

import type { Config } from "../config.ts";
import type { ImageSet } from "../data/image_set.ts";
import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { concat, split } from "../ops/concat.ts";
import { unpackBytes, wordsOf } from "../ops/unpack_bytes.ts";
import { STORED, storedFeed } from "./feed.ts";
import type { Samples, Source } from "./source.ts";

/**
 * The images of a set. Views of a sample are its stored neighbours where it has some and `views.latent.kind` is not
 * none, else the image itself, which the pixel views then tell apart. `samples` is the number of images that are used.
 */
export function storedSource(set: ImageSet, config: Config, samples: number): Source {
  const { data: { shuffle }, seed, views: { latent: { kind, neighbors, images: wanted } } } = config;
  const stored = kind !== "none" && set.images > 1;
  const pool = Math.min(neighbors, set.images - 1);
  if (stored && pool < wanted) {
    throw new UserError(
      `views.latent.images is ${wanted}, ${set.name} and views.latent.neighbors (${neighbors}) have ${pool}: ` +
        "lower it, or raise neighbors",
    );
  }
  const fed = (count: number) => stored ? count : 1;
  return {
    classes: set.classes,
    name: set.name,
    build: (g, _rng, batch, count) => g.scope("stored", () => inputs(g, set, batch, count, fed(count))),
    feed: (batch, count) => storedFeed(set, { seed, batch, samples, shuffle, images: fed(count), pool }),
  };
}

/** The inputs of a step as samples: `fed` images of each come from the host, and the last is repeated to `count`. */
function inputs(g: Graph, set: ImageSet, batch: number, count: number, fed: number): Samples {
  const shape = [fed * batch, ...set.shape];
  const bytes = g.input(STORED.images, [wordsOf(shape)], "u32");
  const images = unpackBytes(g, bytes, shape);
  return {
    images: fed === count ? images : concat(g, new Array<Tensor>(count).fill(images), 0),
    latents: set.latentShape && g.input(STORED.latents, [batch, ...set.latentShape]),
    labels: set.classes === null ? null : g.input(STORED.labels, [batch], "i32"),
  };
}

/**
 * A generator's samples of which the share `ratio` of every step is stored images instead (paper, section 4.4 and
 * figure 9). The authors draw for each access whether to replace it (MixDataset of GenRep's util.py); here every step
 * has the same number of each, ratio times batch rounded, so that nothing is generated in vain.
 */
export function mixedSource(generated: Source, stored: Source, ratio: number): Source {
  const replaced = (batch: number) => Math.round(ratio * batch);
  const only = (batch: number) => replaced(batch) === batch ? stored : replaced(batch) === 0 ? generated : null;
  const sameClasses = generated.classes === stored.classes;
  const count = ({ classes }: Source) => sameClasses ? "" : ` (${classes ?? "no"} classes)`;
  return {
    classes: sameClasses ? generated.classes : null,
    name: `${generated.name}${count(generated)} mixed with ${stored.name}${count(stored)}`,
    build: (g, rng, batch, views) => {
      const m = replaced(batch);
      const alone = only(batch);
      const parts = alone
        ? [alone.build(g, rng, batch, views)]
        : [generated.build(g, rng, batch - m, views), stored.build(g, rng, m, views)];
      const labelled = sameClasses && parts.every(({ labels }) => labels);
      return {
        images: interleave(g, parts.map(({ images }) => images), views),
        latents: null, // stored images have none
        labels: labelled ? concat(g, parts.map(({ labels }) => labels!), 0) : null,
      };
    },
    feed: (batch, views) => stored.feed?.(replaced(batch), views) ?? null,
  };
}

/** Batches [views * n_i, ...], each view-major, as one that is view-major. */
function interleave(g: Graph, parts: readonly Tensor[], views: number): Tensor {
  if (parts.length === 1) return parts[0]!;
  const cut = parts.map((t) => split(g, t, new Array(views).fill(t.shape[0]! / views), 0));
  return concat(g, Array.from({ length: views }, (_, v) => cut.map((views) => views[v]!)).flat(), 0);
}
