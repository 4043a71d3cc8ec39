/** Matches of boxes and objects: overlaps against PyTorch, labels against a twin that follows detectron2's Matcher. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { type MatchAttrs, matchBoxes } from "../../src/ops/match_boxes.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise, type Values } from "../support/op_cases.ts";

type Box = [number, number, number, number];

/** Runs the operator on one set of boxes for all images, or one each. */
async function match(gpu: Gpu, boxes: readonly Box[][], objects: readonly Box[][], attrs: MatchAttrs, most: number) {
  const g = new Graph();
  const n = objects.length;
  const rows = boxes[0]!.length;
  const shape = boxes.length === 1 && n > 1 ? [rows, 4] : [n, rows, 4];
  const padded = objects.flatMap((own) => Array.from({ length: most }, (_, i) => own[i] ?? [0, 0, 1, 1]));
  const result = matchBoxes(
    g,
    g.input("boxes", shape),
    g.input("objects", [n, most, 4]),
    g.input("counts", [n], "i32"),
    attrs,
  );
  for (const [name, t] of Object.entries(result)) g.output(name, t);
  return await execute(gpu, g, {
    boxes: Float32Array.from(boxes.flat(2)),
    objects: Float32Array.from(padded.flat()),
    counts: Int32Array.from(objects, (own) => own.length),
  });
}

for (const test of goldenCases("ops", (c) => c.op === "box_iou")) {
  gpuTest("overlaps equal torchvision's box_iou", async (gpu) => {
    const tensors = await test.load() as unknown as ReadonlyMap<string, Values>;
    const rows = (name: string) =>
      Array.from(
        { length: tensors.get(name)!.shape[0]! },
        (_, i) => Array.from(tensors.get(name)!.data.slice(4 * i, 4 * i + 4)) as Box,
      );
    const [a, b] = [rows("a"), rows("b")];
    // An image for each object: the overlaps are the columns of the table.
    const attrs = { negative: 0.5, positive: 0.5, keepBest: false };
    const { overlaps } = await match(gpu, [a], b.map((box) => [box]), attrs, 1);
    const y = tensors.get("y")!.data;
    const want = b.flatMap((_, j) => a.map((_, i) => y[i * b.length + j]!));
    assertClose(overlaps!, want, test.tol, "overlaps");
  });
}

function iou(a: Box, b: Box): number {
  const f = Math.fround;
  const side = (k: 0 | 1) => Math.max(0, f(Math.min(a[k + 2]!, b[k + 2]!) - Math.max(a[k]!, b[k]!)));
  const area = (c: Box) => f(f(c[2] - c[0]) * f(c[3] - c[1]));
  const common = f(side(0) * side(1));
  return f(common / f(f(area(a) + area(b)) - common));
}

/** Labels and matches of one image. */
function twin(boxes: readonly Box[], objects: readonly Box[], { negative, positive, keepBest }: MatchAttrs) {
  const best = objects.map((object) => Math.max(...boxes.map((box) => iou(box, object))));
  return boxes.map((box) => {
    const overlaps = objects.map((object) => iou(box, object));
    const largest = Math.max(0, ...overlaps);
    const kept = keepBest && overlaps.some((v, k) => v > 0 && v === best[k]);
    const label = largest >= positive || kept ? 1 : largest < negative ? 0 : -1;
    return { label, match: Math.max(0, overlaps.indexOf(largest)), largest };
  });
}

for (const keepBest of [false, true]) {
  for (const shared of [true, false]) {
    const name = `${keepBest ? "best boxes kept" : "by overlap alone"}, ${shared ? "one set" : "a set an image"}`;
    gpuTest(`boxes are matched as on the host: ${name}`, async (gpu) => {
      const attrs = { negative: 0.3, positive: 0.6, keepBest };
      // Corners in whole numbers, so that overlaps tie and the host has the same ones.
      const boxesOf = (count: number, seed: number, spread: number): Box[] => {
        const v = noise(4 * count, seed);
        return Array.from({ length: count }, (_, i) => {
          const [x, y] = [Math.round(spread * v[4 * i]!), Math.round(spread * v[4 * i + 1]!)];
          return [x, y, x + Math.round(13 + 10 * v[4 * i + 2]!), y + Math.round(13 + 10 * v[4 * i + 3]!)];
        });
      };
      const objects = [boxesOf(5, 1, 30), [], boxesOf(1, 3, 30), boxesOf(7, 4, 30)];
      const sets = shared ? [boxesOf(150, 9, 40)] : objects.map((_, i) => boxesOf(150, 10 + i, 40));
      const got = await match(gpu, sets, objects, attrs, 7);
      objects.forEach((own, image) => {
        const want = twin(sets[shared ? 0 : image]!, own, attrs);
        const part = (name: string) => Array.from(got[name]!.slice(image * 150, (image + 1) * 150));
        assert.deepEqual(part("labels"), want.map(({ label }) => label));
        assert.deepEqual(part("matches"), want.map(({ match }) => match));
        assertClose(part("overlaps"), want.map(({ largest }) => largest), { rtol: 1e-6, atol: 0 }, "overlaps");
      });
      if (keepBest) assert.ok(new Set(got.labels).size === 3);
    });
  }
}
