/** Images drawn from a generator, alone or with their latent views, as sheets and single files. */

import { UNIT } from "../augment/params.ts";
import { toImage } from "../augment/to_image.ts";
import type { Config } from "../config.ts";
import type { Image } from "../data/image.ts";
import { contactSheet, viewSheet, writePng } from "../data/png.ts";
import { rngInput } from "../generators/latents.ts";
import { loadGenerator } from "../generators/model.ts";
import { rngValues } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { locate } from "../paths.ts";
import { generatorSource } from "../training/source.ts";
import { latentViewText } from "../training/view_sheet.ts";

/** Images a pass. */
const BATCH = 64;

/** What to draw and where to write it. */
export interface SampleOptions {
  readonly count: number;
  /** Whether each image comes with its latent view. */
  readonly views: boolean;
  /** Whether every image is a file of its own beside the sheet. */
  readonly files: boolean;
  readonly out: string;
}

/** Draws the first `count` samples of the configuration's seed; writes OUT/sheet.png, and OUT/NNNNN[_view].png. */
export async function sample(
  gpu: Gpu,
  config: Config,
  options: SampleOptions,
): Promise<{ sheet: string; count: number }> {
  const pairs = await draw(gpu, config, options.count);
  await Deno.mkdir(options.out, { recursive: true });
  const sheet = `${options.out}/sheet.png`;
  const caption = `${config.generator.model}, seed ${config.seed}`;
  if (options.views) await viewSheet(sheet, pairs, { caption: `${caption}, ${latentViewText(config)}` });
  else await contactSheet(sheet, pairs.map((p) => p.anchor), { caption });
  if (options.files) {
    for (const [i, { anchor, view }] of pairs.entries()) {
      const name = `${options.out}/${String(i).padStart(5, "0")}`;
      await writePng(`${name}.png`, anchor);
      if (options.views) await writePng(`${name}_view.png`, view);
    }
  }
  return { sheet, count: options.count };
}

async function draw(gpu: Gpu, config: Config, count: number): Promise<{ anchor: Image; view: Image }[]> {
  const generator = await loadGenerator(locate(config.generator.model));
  const batch = Math.min(BATCH, count);
  const g = new Graph();
  const { images } = generatorSource(generator, config).build(g, rngInput(g), batch, 2);
  g.output("images", images);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), store);
  const pairs: { anchor: Image; view: Image }[] = [];
  try {
    for (let step = 0; pairs.length < count; step++) {
      session.write("rng", rngValues(config.seed, step));
      const { images: values } = await session.run(["images"]);
      for (let i = 0; i < batch && pairs.length < count; i++) {
        const at = (row: number) => toImage(values!, images.shape, row, UNIT);
        pairs.push({ anchor: at(i), view: at(batch + i) });
      }
    }
  } finally {
    session.close();
    store.close();
  }
  return pairs;
}
