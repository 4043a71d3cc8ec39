/** Whether reading keeps up with training: short runs on images from disk, and the share of their time spent waiting. */

import sharp from "sharp";
import { parseConfig } from "../../config.ts";
import { ShardWriter } from "../../data/shards.ts";
import type { Gpu } from "../../gpu/device.ts";
import { StateStore } from "../../gpu/store.ts";
import { readLines } from "../../training/metrics.ts";
import { openSource } from "../../training/open_source.ts";
import { buildStep, imagesPerStep } from "../../training/step.ts";
import { train } from "../../training/trainer.ts";
import { fourDigits, medianOf } from "./engine.ts";
import { flopsOf } from "./works.ts";

/** What is fed, by the name in --only. */
export const FEEDS = ["train-folder", "train-shards"] as const;
/** Its names. */
export type FeedName = typeof FEEDS[number];

/** How a fed run went. */
export interface FeedRow {
  readonly work: FeedName;
  /** Images of a step. */
  readonly batch: number;
  readonly size: number;
  readonly steps: number;
  readonly ms_median: number;
  readonly gflops: number;
  readonly images_per_second: number;
  /** Share of the time in which the loop waited for images. */
  readonly data_wait: number;
}

/** Side of the encoder's images, and of those in shards. */
const SIZE = 128;
/** Anchors of a step, each with two views: few on a software adapter, the paper's number on a GPU. */
const ANCHORS = { cpu: 8, gpu: 256 };
/** Steps of a line of metrics. The first line's fill the ring of prepared inputs and the queue of submitted steps. */
const WINDOW = 4;
const LINES = 4;
/** Photographs of a usual size, of some 60 kB. */
const PHOTO = { width: 500, height: 375, count: 256 };

/** Trains ResNet-50 on images that have been written for it. Everything is removed afterwards. */
export async function timeFeed(gpu: Gpu, work: FeedName): Promise<FeedRow> {
  const folder = await Deno.makeTempDir({ prefix: "latent-views-feed-" });
  try {
    const kind = work === "train-folder" ? "folder" : "shards";
    await (kind === "folder" ? writePhotos : writeShards)(`${folder}/images`);
    const { source, config, close } = await openSource(
      parseConfig(
        `{batch: ${ANCHORS[gpu.info.kind]}, steps: ${WINDOW * LINES}, log: {every: ${WINDOW}}, ` +
          `encoder: {input: ${SIZE}}, data: {kind: ${kind}, path: ${folder}/images}}`,
      ),
      () => {},
    );
    const store = new StateStore(gpu);
    try {
      const signal = new AbortController().signal;
      const quiet = { resume: null, signal, onStep: () => {}, log: () => {}, labelled: null };
      await train(gpu, store, source, config, { ...quiet, out: `${folder}/run` });
    } finally {
      store.close();
      await close();
    }
    const batch = imagesPerStep(config);
    const flops = flopsOf(buildStep(source, config).graph);
    const lines = readLines(`${folder}/run/metrics.jsonl`).slice(1);
    const times = lines.map((line) => 1000 * batch / line.images_per_second);
    const total = times.reduce((a, b) => a + b, 0);
    const waited = lines.reduce((sum, line, i) => sum + line.data_wait! * times[i]!, 0);
    return {
      work,
      batch,
      size: SIZE,
      steps: lines.length * WINDOW,
      ms_median: fourDigits(medianOf(times)),
      gflops: fourDigits(flops / medianOf(times) / 1e6),
      images_per_second: fourDigits(1000 * batch * lines.length / total),
      data_wait: fourDigits(waited / total),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** JPEGs of smooth random colours with grain. */
async function writePhotos(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const { width, height, count } = PHOTO;
  for (let i = 0; i < count; i++) {
    const coarse = await sharp(noise(25 * 19 * 3, i), { raw: { width: 25, height: 19, channels: 3 } })
      .resize(width, height, { fit: "fill" }).raw().toBuffer();
    const grain = noise(coarse.length, ~i);
    const data = coarse.map((v, k) => v + (grain[k]! >> 4) - 8);
    await sharp(data, { raw: { width, height, channels: 3 } }).jpeg({ quality: 85 }).toFile(`${folder}/${i}.jpg`);
  }
}

async function writeShards(folder: string): Promise<void> {
  const layout = { images: 1, shape: [SIZE, SIZE, 3] as const, latentShape: null, classes: null };
  const writer = await ShardWriter.create(folder, layout);
  for (let i = 0; i < PHOTO.count; i++) {
    await writer.add({ pixels: noise(SIZE * SIZE * 3, i), latents: null, label: null });
  }
  await writer.close();
}

/** Bytes that a seed gives. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed >>> 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
