/** Accuracy counting, the linear probe and nearest neighbours. */

import assert from "node:assert/strict";
import { inTop, topAccuracy } from "../../src/evaluation/accuracy.ts";
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

const SETTINGS = { epochs: 20, lr: 0.1, batch: 32, momentum: 0.9, weight_decay: 0, seed: 1 };

gpuTest("separable features are classified without an error, and the same each time", async (gpu) => {
  const [train, test] = [clusters(200, 12, 7, 1), clusters(70, 12, 7, 2)];
  const first = await linearProbe(gpu, train, test, 7, SETTINGS);
  assert.deepEqual([first.top1, first.top5, first.best.top1], [100, 100, 100]);
  assert.deepEqual(await linearProbe(gpu, train, test, 7, SETTINGS), first);
  assert.deepEqual(await knn(gpu, train, test, 7), { top1: 100, top5: 100, k: 20 });
});

gpuTest("random labels are guessed at chance, and a small training set bounds k", async (gpu) => {
  const train = { ...clusters(12, 8, 2, 1), labels: Int32Array.from({ length: 12 }, (_, i) => (i >> 1) % 2) };
  const result = await knn(gpu, train, clusters(10, 8, 2, 3), 2);
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
