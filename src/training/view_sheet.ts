/** The view sheet of a run: what the encoder is asked to find alike, as a picture. */

import { IMAGENET, UNIT } from "../augment/params.ts";
import { viewPairs } from "../augment/view_pairs.ts";
import type { Config } from "../config.ts";
import { viewSheet } from "../data/png.ts";
import { rngInput } from "../generators/latents.ts";
import type { Generator } from "../generators/model.ts";
import { rngValues } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { execute } from "../gpu/execute.ts";
import { Graph } from "../graph/graph.ts";
import { buildImages } from "./step.ts";

/** Pairs in a row of the sheet. */
const COLUMNS = 12;

/** Writes the first samples of step 0: generated images over their latent views, then the same after the pixel views. */
export async function writeViewSheet(gpu: Gpu, generator: Generator, config: Config, path: string): Promise<void> {
  const batch = Math.min(COLUMNS, config.batch);
  const g = new Graph();
  const { generated, views } = buildImages(g, rngInput(g), generator, { ...config, batch });
  g.output("generated", generated);
  g.output("views", views);
  const values = await execute(gpu, g, { rng: rngValues(config.seed, 0) });
  const pairs = [
    ...viewPairs(values.generated!, generated.shape, { count: batch, normalization: UNIT }),
    ...viewPairs(values.views!, views.shape, { count: batch, normalization: IMAGENET }),
  ];
  const { kind, std } = config.views.latent;
  const latent = kind === "gaussian" ? `gaussian, std ${std}` : kind;
  const caption = `latent view: ${latent} (anchors over views); below after the pixel views: ${config.views.pixel}`;
  await viewSheet(path, pairs, { columns: batch, caption });
}
