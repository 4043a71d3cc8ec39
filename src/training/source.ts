/** Where the samples of a step come from: nodes that give images in [0, 1], with latents and classes where there are. */

import type { Config } from "../config.ts";
import { UserError } from "../errors.ts";
import { changedChunks, chunkCount } from "../generators/chunks.ts";
import { anchors, type LatentView, latentView, sampleLabels, stepSamples } from "../generators/latents.ts";
import type { Generator } from "../generators/model.ts";
import { generate } from "../generators/parts.ts";
import { readWalks } from "../generators/walks.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { concat } from "../ops/concat.ts";
import { slice } from "../ops/slice.ts";
import { locate } from "../paths.ts";
import type { Feed } from "./feed.ts";

/** The samples of a step. */
export interface Samples {
  /** [views * n, h, w, 1 or 3] in [0, 1], view-major: rows n.. are the latent views of rows 0..n-1. */
  readonly images: Tensor;
  /** Latents of the anchors [n, ...shape]; null where the images have none. */
  readonly latents: Tensor | null;
  /** Classes of the anchors i32 [n]; null where there are none. A view has its anchor's. */
  readonly labels: Tensor | null;
}

/** A supply of samples. */
export interface Source {
  /** Number of classes; null without labels. */
  readonly classes: number | null;
  /** What messages call it. */
  readonly name: string;
  /** Adds the nodes of a step's samples: `batch` anchors, and `views` images of each (1: the anchor alone). */
  build(g: Graph, rng: Tensor, batch: number, views: number): Samples;
  /** What the host gives to steps that are built so; null or left out: nothing. */
  feed?(batch: number, views: number): Feed | null;
}

/** Samples of a generator, with the latents of all images [views * n, ...shape], of which the anchors' are the first. */
export interface GeneratedSamples extends Samples {
  readonly imageLatents: Tensor;
}

/** A generator as a supply. */
export interface GeneratorSource extends Source {
  build(g: Graph, rng: Tensor, batch: number, views: number): GeneratedSamples;
}

/** Samples drawn from a generator inside the step. */
export function generatorSource(generator: Generator, config: Config): GeneratorSource {
  const { data, views, generator: { latent, labels, batch: most } } = config;
  const choice = labels as "random" | number | readonly number[];
  checkChoice(choice, generator);
  checkPool(config);
  const { latentShape: shape, tied = false } = generator;
  const { view, changed } = latentViewOf(config, generator);
  return {
    classes: generator.classes,
    name: generator.path,
    build: (g, rng, batch, count) => {
      const { neighbors } = views.latent;
      const images = Math.max(1, count - 1);
      const law = { batch, samples: data.samples, shuffle: data.shuffle, neighbors, images };
      const [keys, anchorKeys] = g.scope("samples", () => {
        const all = stepSamples(g, rng, law);
        return [all, images === 1 ? all : slice(g, all, { starts: [0], ends: [batch], axes: [0] })];
      });
      const [anchor, z] = g.scope("latents", () => {
        const anchor = anchors(g, rng, anchorKeys, { shape, truncation: latent.truncation, tied });
        if (count === 1) return [anchor, anchor];
        const repeated = concat(g, new Array<Tensor>(images).fill(anchor), 0);
        return [anchor, concat(g, [anchor, latentView(g, rng, keys, repeated, view, { tied, changed })], 0)];
      });
      const drawn = g.scope("labels", () => {
        if (generator.classes === null) return null;
        const { labels, oneHot } = sampleLabels(g, rng, anchorKeys, { classes: generator.classes, choice });
        return { labels, oneHot: concat(g, new Array(count).fill(oneHot), 0) };
      });
      const generated = g.scope("generator", () => generate(g, generator, z, drawn?.oneHot ?? null, most));
      return { images: generated, latents: anchor, imageLatents: z, labels: drawn?.labels ?? null };
    },
  };
}

function checkPool({ views: { latent: { images, neighbors, kind } } }: Config): void {
  if (kind === "none" || images <= neighbors) return;
  throw new UserError(
    `views.latent.images is ${images}, more than the ${neighbors} of views.latent.neighbors: raise the latter`,
  );
}

function checkChoice(choice: "random" | number | readonly number[], { classes, path }: Generator): void {
  if (choice === "random" || classes === null) return;
  const outside = [choice].flat().find((label) => label >= classes);
  if (outside === undefined) return;
  throw new UserError(`generator.labels has class ${outside}, ${path} has the classes 0 to ${classes - 1}`);
}

/** The latent view of a configuration, and the chunks of the generator's latents that it changes. */
function latentViewOf(
  { views: { latent }, generator: { latent: { truncation, chunks: wanted } } }: Config,
  { latentShape, latentSize, path }: Generator,
): { view: LatentView; changed: number[] | null } {
  const chunks = chunkCount(latentShape, wanted);
  const changed = changedChunks(latent.chunks, chunks);
  switch (latent.kind) {
    case "none":
      return { view: { kind: "none" }, changed };
    case "gaussian": {
      const { std } = latent;
      if (typeof std !== "number" && std.length !== chunks) {
        throw new UserError(
          `views.latent.std has ${std.length} values, latents of ${path} have ${chunks} chunks: give one or ${chunks}`,
        );
      }
      return { view: { kind: "gaussian", std, truncation: latent.truncation }, changed };
    }
    case "independent":
      return { view: { kind: "independent", truncation }, changed };
    case "steered": {
      if (latent.walks === null) {
        throw new UserError(
          "views.latent.kind is steered, which needs views.latent.walks: name a file that deno task steer learned",
        );
      }
      const walks = readWalks(locate(latent.walks));
      if (walks.size !== latentSize) {
        throw new UserError(
          `the walks ${latent.walks} are for latents of ${walks.size} values, ${path} takes ${latentSize}: ` +
            "learn this generator's with deno task steer",
        );
      }
      return { view: { kind: "steered", walks, rot3dFactor: latent.rot3d_factor }, changed };
    }
  }
}
