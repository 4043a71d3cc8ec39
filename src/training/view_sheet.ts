/** The view sheet of a run: what the encoder is asked to find alike, as a picture. */

import { basename } from "node:path";
import { IMAGENET, UNIT } from "../augment/params.ts";
import { toImage } from "../augment/to_image.ts";
import type { Config } from "../config.ts";
import { type Picture, viewSheet } from "../data/png.ts";
import { rngInput } from "../generators/latents.ts";
import { rngValues } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { execute } from "../gpu/execute.ts";
import { Graph } from "../graph/graph.ts";
import { imagesPerSample, objectiveOf } from "./objectives/mod.ts";
import type { Source } from "./source.ts";
import { buildImages } from "./step.ts";

/** Pairs in a row of the sheet. */
const COLUMNS = 12;

/**
 * Writes the first samples of step 0: images over their latent views, then the same after the pixel views. Where an
 * objective sees the anchors alone, images over their pixel views. Gives back what it wrote.
 */
export async function writeViewSheet(gpu: Gpu, source: Source, config: Config, path: string): Promise<Picture> {
  const batch = Math.min(COLUMNS, config.batch);
  const g = new Graph();
  const { images, views } = buildImages(g, rngInput(g), source, { ...config, batch });
  g.output("images", images);
  g.output("views", views);
  const stored = await source.feed?.(batch, imagesPerSample(config))?.at(0) ?? {};
  const values = await execute(gpu, g, { ...stored, rng: rngValues(config.seed, 0) });
  const before = (row: number) => toImage(values.images!, images.shape, row, UNIT);
  const after = (row: number) => toImage(values.views!, views.shape, row, IMAGENET);
  const rows = Array.from({ length: batch }, (_, i) => i);
  const count = imagesPerSample(config);
  const pairs = count === 1
    ? rows.map((i) => ({ anchor: before(i), view: after(i) }))
    : [before, after].flatMap((at) => rows.map((i) => ({ anchor: at(i), view: at(batch + i) })));
  return await viewSheet(path, pairs, { columns: batch, caption: captionOf(config, count) });
}

function captionOf(config: Config, count: number): string {
  const { views } = config;
  const pixel = objectiveOf(config).augmented ? views.pixel : "none";
  if (count === 1) return `images over their pixel views: ${pixel}`;
  return `latent view: ${latentViewText(config)} (anchors over views); below after the pixel views: ${pixel}`;
}

/** A configuration's latent view in words. */
export function latentViewText({ views: { latent: { kind, std, walks, chunks } } }: Config): string {
  const how = kind === "gaussian"
    ? `gaussian, std ${std}`
    : kind === "steered"
    ? `steered by ${basename(walks ?? "")}`
    : kind;
  return chunks === null ? how : `${how}, chunks ${chunks}`;
}
