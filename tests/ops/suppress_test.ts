/** Non-maximum suppression against torchvision and a twin on the host. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { expand } from "../../src/ops/expand.ts";
import { gatherLines } from "../../src/ops/gather.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { suppress, suppressRanked } from "../../src/ops/suppress.ts";
import { topK } from "../../src/ops/top_k.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/**
 * Places of the boxes that are kept in each class, best first: each class is a row in which the boxes of the others
 * are not valid.
 */
async function keptOf(gpu: Gpu, boxes: Float32Array, scores: Float32Array, classes: Int32Array, threshold: number) {
  const n = scores.length;
  const rows = Math.max(...classes) + 1;
  const g = new Graph();
  const { places } = topK(g, g.input("scores", [1, n]), n);
  const sorted = gatherLines(g, g.input("boxes", [1, n, 4]), places);
  const valid = transpose(g, gatherLines(g, g.input("valid", [1, n, rows], "bool"), places), [0, 2, 1]);
  g.output("keep", suppress(g, expand(g, sorted, [rows, n, 4]), reshape(g, valid, [rows, n]), threshold));
  g.output("places", places);
  const mask = Uint32Array.from({ length: n * rows }, (_, i) => Number(classes[Math.floor(i / rows)] === i % rows));
  const got = await execute(gpu, g, { boxes, scores, valid: mask });
  const stays = (i: number) => Array.from({ length: rows }, (_, row) => got.keep![row * n + i]).some(Boolean);
  return Array.from(got.places!).filter((_, i) => stays(i));
}

for (const test of goldenCases("ops", (c) => c.op === "nms" || c.op === "batched_nms")) {
  gpuTest(`${test.name} equals torchvision`, async (gpu) => {
    const tensors = await test.load();
    const [boxes, scores] = ["boxes", "scores"].map((name) => tensors.get(name)!.data as Float32Array);
    const classes = (tensors.get("classes")?.data ?? new Int32Array(scores!.length)) as Int32Array;
    const kept = await keptOf(gpu, boxes!, scores!, classes, test.attrs.iou_threshold);
    assert.deepEqual(kept, Array.from(tensors.get("keep")!.data, Number));
  });
}

/** Boxes of which many overlap. */
function crowd(n: number, seed: number): Float32Array {
  const v = noise(4 * n, seed);
  return Float32Array.from({ length: 4 * n }, (_, i) => {
    const [x, y, w, h] = v.subarray(4 * Math.floor(i / 4), 4 * Math.floor(i / 4) + 4) as unknown as number[];
    const corner = [40 * x!, 40 * y!];
    return i % 4 < 2 ? corner[i % 4]! : corner[i % 4 - 2]! + 25 + 15 * (i % 4 === 2 ? w! : h!);
  });
}

function iou(boxes: Float32Array, i: number, j: number): number {
  const at = (k: number, side: number) => boxes[4 * k + side]!;
  const side = (s: 0 | 1) => Math.max(0, Math.min(at(i, s + 2), at(j, s + 2)) - Math.max(at(i, s), at(j, s)));
  const area = (k: number) => (at(k, 2) - at(k, 0)) * (at(k, 3) - at(k, 1));
  return side(0) * side(1) / (area(i) + area(j) - side(0) * side(1));
}

for (const n of [1, 31, 32, 33, 500, 2300]) {
  gpuTest(`rows of ${n} boxes are suppressed as on the host, apart from each other`, async (gpu) => {
    const rows = 2;
    const threshold = 0.45;
    const boxes = Float32Array.from([...crowd(n, 1), ...crowd(n, 2)]);
    const valid = Uint32Array.from({ length: rows * n }, (_, i) => Number(i % 7 !== 3));
    const g = new Graph();
    g.output("keep", suppress(g, g.input("boxes", [rows, n, 4]), g.input("valid", [rows, n], "bool"), threshold));
    const { keep } = await execute(gpu, g, { boxes, valid });
    for (let row = 0; row < rows; row++) {
      const kept: number[] = [];
      for (let i = row * n; i < (row + 1) * n; i++) {
        if (valid[i] && kept.every((j) => iou(boxes, i, j) <= threshold)) kept.push(i);
      }
      const got = Array.from({ length: n }, (_, i) => row * n + i).filter((i) => keep![i]);
      assert.deepEqual(got, kept);
    }
  });
}

gpuTest("the best that are left come first, and -Infinity stands for none", async (gpu) => {
  // deno-fmt-ignore
  const boxes = Float32Array.of(0, 0, 10, 10,  1, 0, 11, 10,  50, 50, 60, 60,  20, 20, 30, 30,  49, 50, 60, 60);
  const g = new Graph();
  const scores = g.input("scores", [1, 5]);
  const best = suppressRanked(g, { boxes: g.input("boxes", [1, 5, 4]), scores }, 0.5, 4);
  for (const [name, t] of Object.entries(best)) g.output(name, t);
  const got = await execute(gpu, g, { boxes, scores: Float32Array.of(9, 8, 7, 6, -Infinity) });
  assert.deepEqual([...got.scores!], [9, 7, 6, -Infinity]);
  assert.deepEqual([...got.places!].slice(0, 3), [0, 2, 3]);
  assert.deepEqual([...got.boxes!].slice(0, 12), [0, 0, 10, 10, 50, 50, 60, 60, 20, 20, 30, 30]);
});

Deno.test("boxes of another form, and too many, are refused", () => {
  const g = new Graph();
  const valid = g.input("valid", [1, 3], "bool");
  assert.throws(() => suppress(g, g.input("boxes", [1, 4, 4]), valid, 0.5), /f32\[1,4,4\], bool\[1,3\]/);
  const many = g.input("many", [1, 70_000], "bool");
  assert.throws(() => suppress(g, g.input("crowd", [1, 70_000, 4]), many, 0.5), /up to 65536 boxes a row, got 70000/);
});
