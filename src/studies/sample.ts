/** Images drawn from a generator: as sheets, as single files, and packed for training. */

import { type Normalization, UNIT } from "../augment/params.ts";
import { toImage } from "../augment/to_image.ts";
import type { Config } from "../config.ts";
import type { Image } from "../data/image.ts";
import { contactSheet, rowSheet, viewSheet, writePng } from "../data/png.ts";
import { ShardWriter } from "../data/shards.ts";
import { UserError } from "../errors.ts";
import { rngInput } from "../generators/latents.ts";
import { type Generator, loadGenerator } from "../generators/model.ts";
import { rngValues } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { sizeOf } from "../graph/tensor.ts";
import { locate } from "../paths.ts";
import { generatorSource } from "../training/source.ts";
import { latentViewText } from "../training/view_sheet.ts";

/** Images of a pass: as many as have so many pixels, and no more than so many. */
const PASS_PIXELS = 2 ** 19;
const MOST_A_PASS = 128;

/** What to draw and where to write it. */
export interface SampleOptions {
  readonly count: number;
  /** Whether each image comes with its latent views. */
  readonly views: boolean;
  /** Stds of Gaussian views to show side by side, in this order; null: only what the configuration says. */
  readonly stds: readonly number[] | null;
  /** Whether every image is a file of its own beside the sheet. */
  readonly files: boolean;
  /** Whether samples are packed into OUT/shard-NNNNN.safetensors, with latents and labels, in place of a sheet. */
  readonly shards: boolean;
  readonly out: string;
  readonly onProgress?: (done: number) => void;
}

/** What was written. */
export interface SampleResult {
  readonly count: number;
  /** The sheet's file; null where shards were written. */
  readonly sheet: string | null;
  readonly shards: number;
}

/** A sample: the anchor and its views. */
interface Sample {
  readonly images: readonly Image[];
  /** Latents of the images, one after another. */
  readonly latents: Float32Array;
  readonly label: number | null;
}

/** Draws the first `count` samples of the configuration's seed and writes them below OUT. */
export async function sample(gpu: Gpu, config: Config, options: SampleOptions): Promise<SampleResult> {
  const generator = await loadGenerator(locate(config.generator.model));
  const images = options.views ? 1 + config.views.latent.images : 1;
  if (options.shards) {
    return { count: options.count, sheet: null, shards: await pack(gpu, config, generator, images, options) };
  }
  const sheet = `${options.out}/sheet.png`;
  const caption = `${config.generator.model}, seed ${config.seed}`;
  const samples =
    await (options.stds
      ? neighbors(gpu, config, generator, options.stds, options)
      : Array.fromAsync(draw(gpu, config, generator, images, options)));
  if (options.stds || images > 2) {
    const columns = options.stds?.map((std) => `std ${std}`) ??
      Array.from({ length: images - 1 }, (_, i) => `view ${i + 1}`);
    await rowSheet(sheet, samples.map((s) => s.images), { columns: ["anchor", ...columns], caption });
  } else if (options.views) {
    const pairs = samples.map(({ images: [anchor, view] }) => ({ anchor: anchor!, view: view! }));
    await viewSheet(sheet, pairs, { caption: `${caption}, ${latentViewText(config)}` });
  } else await contactSheet(sheet, samples.map((s) => s.images[0]!), { caption });
  if (options.files) await writeFiles(options.out, samples);
  return { sheet, count: options.count, shards: 0 };
}

/** OUT/NNNNN.png, its view NNNNN_view.png, or its several views NNNNN_view1.png, ... */
async function writeFiles(folder: string, samples: readonly Sample[]): Promise<void> {
  for (const [i, { images: [anchor, ...views] }] of samples.entries()) {
    const name = `${folder}/${String(i).padStart(5, "0")}`;
    await writePng(`${name}.png`, anchor!);
    for (const [k, view] of views.entries()) {
      await writePng(`${name}_view${views.length > 1 ? k + 1 : ""}.png`, view);
    }
  }
}

/** Writes samples as shards; the number of files. */
async function pack(
  gpu: Gpu,
  config: Config,
  generator: Generator,
  images: number,
  options: SampleOptions,
): Promise<number> {
  let writer: ShardWriter | null = null;
  for await (const { images: own, latents, label } of draw(gpu, config, generator, images, options)) {
    const [{ width, height, channels }] = own as [Image];
    writer ??= await ShardWriter.create(options.out, {
      images,
      shape: [height, width, channels],
      latentShape: generator.latentShape,
      classes: generator.classes,
    }, { generator: config.generator.model, seed: String(config.seed) });
    const pixels = new Uint8Array(images * height * width * channels);
    own.forEach(({ data }, i) => pixels.set(data, i * data.length));
    await writer.add({ pixels, latents, label });
  }
  return await writer!.close();
}

/** Anchors, each with a neighbour of every std: the same direction, longer and longer. */
async function neighbors(
  gpu: Gpu,
  config: Config,
  generator: Generator,
  stds: readonly number[],
  options: SampleOptions,
): Promise<Sample[]> {
  const rows: Sample[] = [];
  for (const [column, std] of stds.entries()) {
    const latent = { ...config.views.latent, kind: "gaussian" as const, std };
    const own = { ...config, views: { ...config.views, latent } };
    const onProgress = (done: number) =>
      options.onProgress?.(Math.floor((column * options.count + done) / stds.length));
    let i = 0;
    for await (const drawn of draw(gpu, own, generator, 2, { ...options, onProgress })) {
      const before = rows[i]?.images ?? drawn.images.slice(0, 1);
      rows[i++] = { ...drawn, images: [...before, drawn.images[1]!] };
    }
  }
  return rows;
}

/** Samples of so many images each, in order. */
async function* draw(
  gpu: Gpu,
  config: Config,
  generator: Generator,
  images: number,
  { count, onProgress }: Pick<SampleOptions, "count" | "onProgress">,
): AsyncGenerator<Sample> {
  const source = generatorSource(generator, config);
  const batch = Math.min(count, passSize(source, images));
  const g = new Graph();
  const nodes = source.build(g, rngInput(g), batch, images);
  g.output("images", nodes.images);
  g.output("latents", nodes.imageLatents);
  if (nodes.labels) g.output("labels", nodes.labels);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), store);
  const width = sizeOf(generator.latentShape);
  const law = byteLaw(generator.levels);
  try {
    for (let done = 0, step = 0; done < count; step++) {
      session.write("rng", rngValues(config.seed, step));
      const values = await session.run([...g.outputs.keys()]);
      for (let i = 0; i < batch && done < count; i++) {
        const rows = Array.from({ length: images }, (_, view) => view * batch + i);
        const latents = new Float32Array(images * width);
        rows.forEach((row, k) => latents.set(values.latents!.subarray(row * width, (row + 1) * width), k * width));
        yield {
          images: rows.map((row) => toImage(values.images!, nodes.images.shape, row, law)),
          latents,
          label: values.labels?.[i] ?? null,
        };
        onProgress?.(++done);
      }
    }
  } finally {
    session.close();
    store.close();
  }
}

/** What toImage rounds to the bytes of a generator: floor(levels * v) is levels * v less a half, rounded. */
function byteLaw(levels: number | null): Normalization {
  if (levels === null) return UNIT;
  const triple = (v: number) => [v, v, v] as const;
  return { mean: triple(-0.4999 / 255), std: triple(levels / 255) }; // not a half, which would be rounded to even
}

/** Anchors of a pass, by the size of the generator's images. */
function passSize(source: ReturnType<typeof generatorSource>, images: number): number {
  const g = new Graph();
  const [, h, w] = source.build(g, rngInput(g), 1, images).images.shape as [number, number, number];
  const most = Math.min(MOST_A_PASS, PASS_PIXELS / (h * w));
  return Math.max(1, Math.floor(most / images));
}

/** What does not go together is a UserError. */
export function checkSampleOptions({ stds, views, shards, files }: SampleOptions): void {
  if (stds && views) throw new UserError("--stds and --views do not go together: --stds shows a view of each std");
  if (shards && (stds || files)) {
    throw new UserError(`--shards and --${stds ? "stds" : "files"} do not go together: give one of them`);
  }
}
