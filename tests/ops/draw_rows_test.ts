/** Drawn rows: their twin on the host, shortage of either kind, and that each row has its chance. */

import assert from "node:assert/strict";
import { permute, philox4x32, rngValues } from "../../src/generators/random.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { drawRows, type DrawRowsAttrs } from "../../src/ops/draw_rows.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const STREAM = 77;

async function draw(gpu: Gpu, labels: Int32Array, n: number, attrs: DrawRowsAttrs, seed: number, step: number) {
  const g = new Graph();
  const rows = labels.length / n;
  const drawn = drawRows(g, g.input("labels", [n, rows], "i32"), g.input("rng", [4], "u32"), attrs);
  for (const [name, t] of Object.entries(drawn)) g.output(name, t);
  const got = await execute(gpu, g, { labels, rng: rngValues(seed, step) });
  const list = (name: string, each: number) =>
    Array.from({ length: n }, (_, i) => Array.from(got[name]!.slice(i * each, (i + 1) * each)));
  return { chosen: list("chosen", rows), places: list("places", attrs.count), slots: list("slots", attrs.count) };
}

/** The same on the host, for one image. */
function twin(labels: readonly number[], image: number, attrs: DrawRowsAttrs, seed: number, step: number) {
  const keys = philox4x32([0, image, step, attrs.stream], [seed, 0]);
  const ranks = labels.map((_, i) => permute(i, labels.length, keys));
  const first = (label: number, count: number) =>
    labels.flatMap((l, i) => l === label ? [i] : []).sort((a, b) => ranks[a]! - ranks[b]!).slice(0, count)
      .sort((a, b) => a - b);
  const positives = first(1, attrs.positives);
  const rows = [...positives, ...first(0, attrs.count - positives.length)];
  const filled = Array.from({ length: attrs.count }, (_, i) => rows[i] ?? (rows.length ? rows[i % rows.length]! : 0));
  return {
    chosen: labels.map((l, i) => rows.includes(i) ? l : -1),
    places: filled,
    slots: filled.map((row, i) => i < rows.length ? labels[row]! : -1),
  };
}

const CASES = [
  ["many of both", 3000, 0.4, 64, 32],
  ["few positives", 3000, 0.004, 64, 32],
  ["too few of both", 40, 0.4, 64, 32],
  ["no positives", 700, 0, 16, 4],
  ["one row", 1, 1, 4, 2],
] as const;

for (const [name, rows, share, count, positives] of CASES) {
  gpuTest(`rows are drawn as on the host: ${name}`, async (gpu) => {
    const n = 3;
    const labels = Int32Array.from(noise(n * rows, 5), (v) => v < 2 * share - 1 ? 1 : v < 0.8 ? 0 : -1);
    if (rows === 1) labels.set([1, 0, -1]);
    const attrs = { count, positives, stream: STREAM };
    for (const step of [0, 9]) {
      const got = await draw(gpu, labels, n, attrs, 4, step);
      for (let image = 0; image < n; image++) {
        const want = twin(Array.from(labels.slice(image * rows, (image + 1) * rows)), image, attrs, 4, step);
        assert.deepEqual(got.places[image], want.places);
        assert.deepEqual(got.slots[image], want.slots);
        assert.deepEqual(got.chosen[image], want.chosen);
      }
    }
  });
}

gpuTest("each row has the same chance", async (gpu) => {
  const images = 400, rows = 20;
  const labels = Int32Array.from({ length: images * rows }, (_, i) => i % rows < 8 ? 1 : 0);
  const { chosen } = await draw(gpu, labels, images, { count: 8, positives: 4, stream: STREAM }, 1, 2);
  for (let row = 0; row < rows; row++) {
    const share = chosen.filter((of) => of[row]! >= 0).length / images;
    const chance = row < 8 ? 1 / 2 : 1 / 3;
    assert.ok(Math.abs(share - chance) < 4.5 * Math.sqrt(chance * (1 - chance) / images), `row ${row}: ${share}`);
  }
});

Deno.test("more positives than rows are refused", () => {
  const g = new Graph();
  const [labels, rng] = [g.input("labels", [1, 4], "i32"), g.input("rng", [4], "u32")];
  assert.throws(() => drawRows(g, labels, rng, { count: 2, positives: 3, stream: 1 }), /3 positives among 2 rows/);
});
