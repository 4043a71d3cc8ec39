/** Accuracy counting, the linear probe and nearest neighbours. */

import assert from "node:assert/strict";
import { inTop, topAccuracy } from "../../src/evaluation/accuracy.ts";
import { drawCrop } from "../../src/augment/crop_draw.ts";
import { classRows, countConfusion } from "../../src/evaluation/confusion.ts";
import { chooseRate, shuffledByClass } from "../../src/evaluation/rate_choice.ts";
import { estimate } from "../../src/evaluation/summary.ts";
import { philox4x32 } from "../../src/generators/random.ts";
import { applyScaling, scalingOf } from "../../src/evaluation/features.ts";
import { knn } from "../../src/evaluation/knn.ts";
import { linearProbe } from "../../src/evaluation/linear_probe.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

for (const test of goldenCases("metrics", (c) => c.op === "topk_accuracy")) {
  Deno.test(`accuracy ${test.name}`, async () => {
    const tensors = await test.load();
    const { data: logits, shape } = tensors.get("logits")!;
    const labels = tensors.get("labels")!.data as Int32Array;
    const got = test.attrs.k.map((k: number) => topAccuracy(logits as Float32Array, labels, shape[1]!, k));
    assertClose(got, tensors.get("accuracy")!.data as Float32Array, test.tol);
  });
}

Deno.test("ties go to the lower class, and NaN is never right", () => {
  assert.equal(inTop([1, 1, 0], 0, 3, 0, 1), true);
  assert.equal(inTop([1, 1, 0], 0, 3, 1, 1), false);
  assert.equal(inTop([1, NaN, 0], 0, 3, 1, 1), false);
});

/** Noisy points around `classes` centres. */
function clusters(n: number, size: number, classes: number, seed: number) {
  const centres = noise(classes * size, 7);
  const labels = Int32Array.from({ length: n }, (_, i) => i % classes);
  const wobble = noise(n * size, seed);
  const data = wobble.map((v, i) => 0.1 * v + 3 * centres[labels[Math.floor(i / size)]! * size + i % size]!);
  return { features: { data, n, size }, labels };
}

const NEIGHBOURS = { k: 20, temperature: 0.07 };
const SETTINGS = { epochs: 20, lr: 0.1, batch: 32, momentum: 0.9, weight_decay: 0, seed: 1 };

gpuTest("separable features are classified without an error, and the same each time", async (gpu) => {
  const [train, test] = [clusters(200, 12, 7, 1), clusters(70, 12, 7, 2)];
  const first = await linearProbe(gpu, train, test, 7, SETTINGS);
  const { top1, top5, best } = first.result;
  assert.deepEqual([top1, top5, best.top1, best.top5], [100, 100, 100, 100]);
  assert.deepEqual(first.predicted, test.labels);
  assert.deepEqual(await linearProbe(gpu, train, test, 7, SETTINGS), first);
  assert.deepEqual(await knn(gpu, train, test, 7, NEIGHBOURS), { top1: 100, top5: 100, k: 20 });
});

gpuTest("random labels are guessed at chance, and a small training set bounds k", async (gpu) => {
  const train = { ...clusters(12, 8, 2, 1), labels: Int32Array.from({ length: 12 }, (_, i) => (i >> 1) % 2) };
  const result = await knn(gpu, train, clusters(10, 8, 2, 3), 2, NEIGHBOURS);
  assert.equal(result.k, 12);
  assert.equal(result.top5, 100);
});

Deno.test("standardised features have mean 0 and std 1 on the training set, constant ones stay", () => {
  const data = Float32Array.from([1, 5, 3, 5, 5, 5]);
  assertClose(applyScaling(data, scalingOf({ data, n: 3, size: 2 })), [-1.224745, 0, 0, 0, 1.224745, 0], {
    rtol: 1e-5,
    atol: 1e-5,
  });
});

Deno.test("the rate is chosen on a part of the training set that each class gives its share of", () => {
  const labels = Int32Array.from({ length: 30 }, (_, i) => i % 3);
  const order = shuffledByClass(labels, 5);
  assert.deepEqual(order.map((rows) => rows.length), [10, 10, 10]);
  assert.ok(order.every((rows, label) => rows.every((row) => labels[row] === label)));
  assert.notDeepEqual(order, shuffledByClass(labels, 6));
  assert.deepEqual(order, shuffledByClass(labels, 5));
});

gpuTest("of rates that are too small, right and too large the right one is chosen", async (gpu) => {
  const train = clusters(200, 12, 7, 1);
  const { lr, tried } = await chooseRate(gpu, train, 7, [1e-6, 0.1, 1e4], SETTINGS);
  assert.equal(lr, 0.1);
  assert.deepEqual(tried.map((entry) => entry.lr), [1e-6, 0.1, 1e4]);
  assert.deepEqual((await chooseRate(gpu, clusters(7, 12, 7, 1), 7, [0.3, 0.1], SETTINGS)).tried, []);
});

Deno.test("seeds give a mean and Student's interval", () => {
  assert.deepEqual(estimate([4]), { mean: 4, margin: null });
  const { mean, margin } = estimate([1, 2, 3]); // std 1: 4.303 / sqrt(3)
  assertClose([mean, margin!], [2, 2.484337], { rtol: 1e-6, atol: 0 });
});

Deno.test("confusion counts rows by class and columns by prediction", () => {
  const confusion = countConfusion(Int32Array.of(0, 0, 1, 1), [Int32Array.of(0, 1, 1, 1)], ["a", "b", "c"]);
  assert.deepEqual([...confusion.counts], [1, 1, 0, 0, 2, 0, 0, 0, 0]);
  assert.deepEqual(classRows(confusion), [
    { name: "a", images: 2, accuracy: 50, mistaken: { name: "b", images: 1 } },
    { name: "b", images: 2, accuracy: 100, mistaken: null },
    { name: "c", images: 0, accuracy: null, mistaken: null },
  ]);
});

/** Mean share of the area of crops that fit: areas and logarithms of ratios are uniform before large ones are refused. */
function meanArea(width: number, height: number): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < 400; i++) {
    for (let j = 0; j < 400; j++) {
      const share = 0.2 + 0.8 * (i + 0.5) / 400;
      const ratio = 0.75 * (16 / 9) ** ((j + 0.5) / 400);
      const fits = share * width * height * ratio <= width ** 2 && share * width * height / ratio <= height ** 2;
      sum += fits ? share : 0;
      count += Number(fits);
    }
  }
  return sum / count;
}

Deno.test("crops drawn on the host follow torchvision's law", () => {
  const areas: number[] = [];
  let flips = 0;
  for (let i = 0; i < 2000; i++) {
    const { left, top, width, height, flip } = drawCrop((block) => philox4x32([block, i, 0, 40], [1, 0]), 120, 80);
    assert.ok(left >= 0 && top >= 0 && width > 0 && height > 0 && left + width <= 120 && top + height <= 80);
    assert.ok(width / height > 0.72 && width / height < 1.38);
    areas.push(width * height / 9600);
    flips += Number(flip);
  }
  assert.ok(Math.min(...areas) > 0.19 && Math.max(...areas) > 0.8);
  assertClose([areas.reduce((a, b) => a + b, 0) / areas.length], [meanArea(120, 80)], { rtol: 0.02, atol: 0 });
  assertClose([flips / areas.length], [0.5], { rtol: 0.07, atol: 0 });
  const centre = drawCrop((block) => philox4x32([block, 0, 0, 40], [1, 0]), 400, 20);
  assert.deepEqual({ ...centre, flip: false }, { left: 186, top: 0, width: 27, height: 20, flip: false });
});

gpuTest("neighbours in a training set of several parts vote as in the definition", async (gpu) => {
  const [n, size, classes, k, temperature] = [8192 + 300, 4, 5, 7, 0.1];
  const set = (count: number, seed: number) => ({
    features: { data: noise(count * size, seed), n: count, size },
    labels: Int32Array.from(noise(count, seed + 10), (v) => Math.floor(1000 * Math.abs(v)) % classes),
  });
  const [train, test] = [set(n, 1), set(40, 2)];
  const unit = ({ features: { data } }: typeof train, i: number) => {
    const row = [...data.subarray(i * size, (i + 1) * size)];
    return row.map((v) => v / Math.hypot(...row));
  };
  const bank = Array.from({ length: n }, (_, i) => unit(train, i));
  let hits = 0;
  for (let i = 0; i < 40; i++) {
    const query = unit(test, i);
    const scored = bank.map((row, j) => [row.reduce((sum, v, d) => sum + v * query[d]!, 0), j] as const)
      .sort((a, b) => b[0] - a[0]).slice(0, k);
    const votes = new Array(classes).fill(0);
    for (const [similarity, j] of scored) votes[train.labels[j]!] += Math.exp(similarity / temperature);
    hits += Number(votes.indexOf(Math.max(...votes)) === test.labels[i]);
  }
  const { top1 } = await knn(gpu, train, test, classes, { k, temperature });
  assertClose([top1], [100 * hits / 40], { rtol: 0, atol: 2.5 }); // one row may fall on either side of a tie
});
