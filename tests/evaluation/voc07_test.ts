/** The parts of VOC07 classification; tests/cli/evaluate_voc_test.ts runs it whole. */

import assert from "node:assert/strict";
import { labelOf } from "../../src/evaluation/protocols/voc07.ts";
import { normalizeRows, stratifiedFolds, voc07, type VocFeatures } from "../../src/evaluation/voc07.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

for (const test of goldenCases("svm", ({ op }) => op === "stratified_folds")) {
  Deno.test(`${test.name} are scikit-learn's`, async () => {
    const tensors = await test.load();
    const [labels, want] = ["y", "fold"].map((name) => Int8Array.from(tensors.get(name)!.data as Int32Array));
    const present = labels!.map((y) => Number(y === 1));
    assert.deepEqual(stratifiedFolds(present, test.attrs.folds), want);
    // Rows that count neither way change nothing for the others.
    const [wider, folds] = [[...present, -1], [...want!, -1]].map((row) => Int8Array.from([row.at(-1)!, ...row]));
    assert.deepEqual(stratifiedFolds(wider!, test.attrs.folds), folds);
  });
}

Deno.test("difficult objects count neither way, or as in the authors' code", () => {
  const object = (label: number, difficult: boolean) => ({
    label,
    difficult,
    truncated: false,
    box: [1, 1, 2, 2] as const,
  });
  const image = { id: "a", file: "a.jpg", objects: [object(3, true), object(4, true), object(4, false)] };
  assert.deepEqual([3, 4, 5].map((label) => labelOf(image, label, "exclude")), [-1, 1, 0]);
  assert.deepEqual([3, 4, 5].map((label) => labelOf(image, label, "positive")), [1, 1, 0]);
});

Deno.test("rows are divided by their norm and a little more", () => {
  const { data } = normalizeRows({ data: Float32Array.of(3, 4, 0, 0), n: 2, size: 2 });
  assertClose(data, [3 / 5.00001, 4 / 5.00001, 0, 0], { rtol: 1e-6, atol: 0 });
});

/** Noise in which feature c is raised where class c is present. */
function signal(n: number, raise: number, seed: number): VocFeatures {
  const size = 6;
  const labels = [0, 1, 2].map((c) => Int8Array.from(noise(n, seed + c), (v) => v > 0.5 ? 1 : v < -1.2 ? -1 : 0));
  const data = noise(n * size, seed + 9).map((v, i) => {
    const c = i % size;
    return Math.abs(v) + (c < 3 && labels[c]![Math.floor(i / size)] === 1 ? raise : 0);
  });
  return { features: { data, n, size }, labels };
}

gpuTest("classes that features tell are found, those that they do not are guessed", async (gpu) => {
  const names = ["a", "b", "c"];
  const costs = [1, 1e-3, 0.0625];
  const calls: number[][] = [];
  const clear = await voc07(gpu, signal(120, 8, 1), signal(90, 8, 2), names, costs, (...at) => calls.push(at));
  assert.ok(clear.map_area > 97 && clear.map11 > 97, JSON.stringify(clear));
  assert.deepEqual([calls[0], calls.at(-1)], [[0, 30], [30, 30]]);
  assert.deepEqual(clear.left_out, []);
  assert.ok(clear.classes.every(({ cost }) => costs.includes(cost)) && clear.svm_error < 1e-3);
  const test = signal(90, 0, 2);
  const guess = await voc07(gpu, signal(120, 0, 1), test, names, costs);
  const share = test.labels[0]!.filter((l) => l === 1).length / test.labels[0]!.filter((l) => l !== -1).length;
  assert.ok(Math.abs(guess.map_area - 100 * share) < 20, `${guess.map_area} ${share}`);
  const empty = { ...test, labels: [test.labels[0]!, test.labels[1]!.map(() => 0), test.labels[2]!] };
  assert.deepEqual((await voc07(gpu, signal(120, 0, 1), empty, names, costs)).left_out, ["b"]);
});
