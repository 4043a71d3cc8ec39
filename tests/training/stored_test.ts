/** Training on stored images: which images a step sees, that runs continue bit for bit, and what is refused. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { type ImageSet, openImageSet } from "../../src/data/image_set.ts";
import { ShardWriter } from "../../src/data/shards.ts";
import { rngInput } from "../../src/generators/latents.ts";
import { rngValues } from "../../src/generators/random.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { type FeedLaw, FeedRing, STORED, storedFeed, storedImage } from "../../src/training/feed.ts";
import { openSource } from "../../src/training/open_source.ts";
import { generatorSource } from "../../src/training/source.ts";
import { mixedSource, storedSource } from "../../src/training/stored_source.ts";
import { gpuTest } from "../support/gpu.ts";
import { conditionalGenerator, inFolder, metricsOf, tinyConfig, trainTiny, writeIdxSet } from "../support/training.ts";

const LAW: FeedLaw = { seed: 5, batch: 4, samples: 10, shuffle: true, images: 1, pool: 0 };

/** A set whose image number i is filled with the value i. */
function numbered(n: number, side = 8): ImageSet {
  return {
    name: "numbered",
    n,
    shape: [side, side, 1],
    images: 1,
    classes: 3,
    latentShape: null,
    read: (index) =>
      Promise.resolve({ pixels: new Uint8Array(side * side).fill(index), label: index % 3, latent: null }),
    close: () => Promise.resolve(),
  };
}

Deno.test("every epoch sees every sample once, in an order of its own", () => {
  const epochs = [0, 1].map((epoch) =>
    Array.from({ length: 10 }, (_, i) => {
      const position = 10 * epoch + i;
      return storedImage(LAW, Math.floor(position / 4), position % 4)[0];
    })
  );
  for (const order of epochs) assert.deepEqual([...order].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.notDeepEqual(epochs[0], epochs[1]);
  const plain = Array.from({ length: 4 }, (_, i) => storedImage({ ...LAW, shuffle: false }, 1, i)[0]);
  assert.deepEqual(plain, [4, 5, 6, 7]);
});

Deno.test("views of a sample are different neighbours out of its pool", () => {
  const law = { ...LAW, images: 3, pool: 4 };
  for (let step = 0; step < 20; step++) {
    for (let row = 0; row < 4; row++) {
      const [anchor, a, b] = [0, 1, 2].map((view) => storedImage(law, step, 4 * view + row));
      assert.equal(anchor![1], 0);
      assert.deepEqual([a![0], b![0]], [anchor![0], anchor![0]]);
      assert(a![1] !== b![1] && [a![1], b![1]].every((image) => image >= 1 && image <= 4), `${a} ${b}`);
    }
  }
});

Deno.test("the ring gives each step its inputs and prepares no step beyond the last", async () => {
  const asked: number[] = [];
  const feed = storedFeed(numbered(10), LAW);
  const ring = new FeedRing({ at: (step) => (asked.push(step), feed.at(step)) }, 3, 5);
  for (let step = 1; step < 5; step++) assert.deepEqual(await ring.take(step), await feed.at(step));
  await ring.close();
  assert.deepEqual(asked, [1, 2, 3, 4]);
});

Deno.test("the ring counts the time in which a step waits for its inputs, and none where they are there", async () => {
  const slow = new FeedRing({ at: () => new Promise((done) => setTimeout(done, 50)) }, 2, 9);
  await slow.take(0);
  const first = slow.waited;
  assert(first > 25, `${first} ms`);
  await new Promise((done) => setTimeout(done, 100));
  await slow.take(1);
  assert(slow.waited - first < 25, `${slow.waited - first} ms`);
  await slow.close();
});

gpuTest("pixels reach the step as they are stored, beside their labels", async (gpu) => {
  const config = tinyConfig("data.shuffle=false");
  const source = storedSource(numbered(10), config, 10);
  const g = new Graph();
  const { images, labels } = source.build(g, rngInput(g), 4, 2);
  assert.deepEqual(images.shape, [8, 8, 8, 1]);
  g.output("images", images);
  g.output("labels", labels!);
  const inputs = await source.feed!(4, 2)!.at(1);
  const values = await execute(gpu, g, { rng: rngValues(0, 1), ...inputs });
  for (let i = 0; i < 8; i++) {
    const value = Math.fround((4 + i % 4) / 255);
    assert(values.images!.subarray(64 * i, 64 * i + 64).every((v) => Math.abs(v - value) < 1e-7), `image ${i}`);
  }
  assert.deepEqual([...values.labels!], [1, 2, 0, 1]);
});

Deno.test("which real images a mix leaves out is drawn anew in every pass over as many samples as there are", async () => {
  const config = tinyConfig("batch=8", "data.samples=16");
  const stored = storedSource(numbered(16), config, 16);
  const feed = mixedSource(generatorSource(conditionalGenerator(3), config), stored, 0.25).feed!(8, 2)!;
  const bytesOf = async (step: number) =>
    new Uint8Array((await feed.at(step))[STORED.images]!.buffer).filter((_, i) => i % 64 === 0);
  // Two steps of 8 are a pass, and 4 of its 16 samples are real; four passes see every real image once.
  const passes: number[][] = [];
  for (let pass = 0; pass < 8; pass++) passes.push([...await bytesOf(2 * pass), ...await bytesOf(2 * pass + 1)]);
  const sets = passes.map((pass) => pass.toSorted((a, b) => a - b).join());
  assert(new Set(sets).size > 4, sets.join(" | "));
  for (const half of [passes.slice(0, 4), passes.slice(4)]) {
    assert.deepEqual(half.flat().toSorted((a, b) => a - b), Array.from({ length: 16 }, (_, i) => i));
  }
});

gpuTest("a mix has its share of stored images in every step, anchors and views alike", async (gpu) => {
  const config = tinyConfig("data.shuffle=false", "batch=8");
  const stored = storedSource(numbered(10), config, 10);
  const mixed = mixedSource(generatorSource(conditionalGenerator(3), config), stored, 0.25);
  assert.equal(mixed.classes, 3);
  const g = new Graph();
  const { images, labels } = mixed.build(g, rngInput(g), 8, 2);
  g.output("images", images);
  g.output("labels", labels!);
  const values = await execute(gpu, g, { rng: rngValues(0, 0), ...await mixed.feed!(8, 2)!.at(0) });
  const flat = Array.from({ length: 16 }, (_, i) => {
    const image = values.images!.subarray(64 * i, 64 * i + 64);
    return image.every((v) => v === image[0]) ? Math.round(image[0]! * 255) : null;
  });
  const half = [...new Array(6).fill(null), 0, 1];
  assert.deepEqual(flat, [...half, ...half]);
  assert.deepEqual([...values.labels!].slice(6), [0, 1]);
});

gpuTest("runs on IDX files, folders, shards and mixes continue bit for bit", (gpu) =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/idx`);
    for (let i = 0; i < 10; i++) {
      const data = Uint8Array.from({ length: 20 * 16 * 3 }, (_, k) => (k * (i + 3)) % 251);
      const path = `${folder}/images/${"ab"[i % 2]}/${i}.png`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await sharp(data, { raw: { width: 20, height: 16, channels: 3 } }).png().toFile(path);
    }
    const layout = { images: 3, shape: [16, 16, 1] as const, latentShape: [4], classes: 2 };
    const writer = await ShardWriter.create(`${folder}/shards`, layout, {}, 4);
    for (let i = 0; i < 9; i++) {
      const pixels = Uint8Array.from({ length: 3 * 256 }, (_, k) => (k * (i + 5)) % 253);
      await writer.add({ pixels, latents: new Float32Array(12).fill(i), label: i % 2 });
    }
    await writer.close();
    const kinds: Record<string, string[]> = {
      idx: [`data={kind: idx, path: ${folder}/idx}`, "objective.kind=supcon"],
      folder: [`data={kind: folder, path: ${folder}/images}`, "objective.kind=classifier"],
      shards: [`data={kind: shards, path: ${folder}/shards}`, "views.latent={kind: gaussian, neighbors: 2}"],
      latents: [`data={kind: shards, path: ${folder}/shards}`, "objective.kind=inverter"],
      mix: [`data.mix={path: ${folder}/idx, ratio: 0.5}`],
    };
    for (const [name, sets] of Object.entries(kinds)) {
      const opened = await openSource(tinyConfig(...sets), assert.fail);
      const { config, source } = opened;
      const whole = await trainTiny(gpu, config, `${folder}/${name}-whole`, { source });
      assert((await metricsOf(`${folder}/${name}-whole`)).every(({ loss }) => Number.isFinite(loss)), name);
      const out = `${folder}/${name}-parts`;
      const first = await trainTiny(gpu, config, out, { source, onStep: ({ step }) => step === 1 });
      assert.equal(first.step, 3, name);
      await trainTiny(gpu, config, out, { source, resume: first.checkpoint });
      assert.deepEqual(await Deno.readFile(whole.checkpoint), await Deno.readFile(first.checkpoint), name);
      await opened.close();
    }
  }));

Deno.test("an epoch of stored images is as long as the set, unless fewer are asked for", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/idx`);
    const open = async (...sets: string[]) => {
      const opened = await openSource(tinyConfig(`data={kind: idx, path: ${folder}/idx}`, ...sets), assert.fail);
      await opened.close();
      return opened.config.data.samples;
    };
    assert.equal(await open(), 16);
    assert.equal(await open("data.samples=6"), 6);
    await assert.rejects(() => open("data.samples=17"), /data.samples is 17, and .* has 16 images: lower it/);
    await assert.rejects(() => open("data.path=null"), /data.kind is idx, which needs data.path/);
    await assert.rejects(() => open("data.path=/nowhere"), /IDX data \/nowhere does not exist/);
    await assert.rejects(() => open("data.mix={path: x, ratio: 0.5}"), /set data.kind to generator, not idx/);
  }));

Deno.test("an image that cannot be read is named once, and its neighbour stands in", () =>
  inFolder(async (folder) => {
    await sharp(new Uint8Array(12), { raw: { width: 2, height: 2, channels: 3 } }).png().toFile(`${folder}/b.png`);
    await Deno.writeTextFile(`${folder}/a.png`, "no image");
    const warnings: string[] = [];
    const set = await openImageSet("folder", folder, { size: [4, 4], warn: (line) => warnings.push(line) });
    for (let i = 0; i < 3; i++) assert.equal((await set.read(0, 0)).pixels.length, 48);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /a.png cannot be read .*the next image stands in/);
    const inputs = await storedFeed(set, { ...LAW, batch: 2, samples: 2 }).at(0);
    assert.equal((inputs[STORED.images] as Uint32Array).byteLength, 96);
    await Deno.remove(`${folder}/b.png`);
    const broken = await openImageSet("folder", folder, { size: [4, 4], warn: () => {} });
    await assert.rejects(() => broken.read(0, 0), /none of the 1 images/);
  }));
