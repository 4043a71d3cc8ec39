/** Proposals against a twin on the host, where they are many and where there are too few; and who may be drawn of them. */

import assert from "node:assert/strict";
import { cellAnchors, gridAnchors } from "../../../src/evaluation/detection/anchors.ts";
import { candidates } from "../../../src/evaluation/detection/box_head.ts";
import { proposals } from "../../../src/evaluation/detection/rpn.ts";
import { execute } from "../../../src/gpu/execute.ts";
import { Graph } from "../../../src/graph/graph.ts";
import { assertClose } from "../../support/close.ts";
import { gpuTest } from "../../support/gpu.ts";
import { noise } from "../../support/op_cases.ts";

type Box = number[];

const size = (box: Box, side: 0 | 1) => box[side + 2]! - box[side]!;
const area = (box: Box) => size(box, 0) * size(box, 1);

function overlap(a: Box, b: Box): number {
  const side = (i: 0 | 1) => Math.max(0, Math.min(a[i + 2]!, b[i + 2]!) - Math.max(a[i]!, b[i]!));
  return side(0) * side(1) / (area(a) + area(b) - side(0) * side(1));
}

/** Ren et al. 2015: the best anchors moved, cut to the image and suppressed. */
function twin(
  logits: Float32Array,
  deltas: Float32Array,
  anchors: Float32Array,
  [width, height]: [number, number],
  before: number,
) {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, before);
  const kept: { box: Box; score: number }[] = [];
  for (const i of order) {
    const anchor = Array.from(anchors.subarray(4 * i, 4 * i + 4));
    const d = deltas.subarray(4 * i, 4 * i + 4);
    const box = ([0, 1] as const).map((side) => {
      const center = anchor[side]! + size(anchor, side) / 2 + d[side]! * size(anchor, side);
      const half = size(anchor, side) * Math.exp(d[side + 2]!) / 2;
      return [center - half, center + half].map((v) => Math.min(Math.max(v, 0), [width, height][side]!));
    });
    const corners = [box[0]![0]!, box[1]![0]!, box[0]![1]!, box[1]![1]!];
    if (size(corners, 0) <= 0 || size(corners, 1) <= 0) continue;
    if (kept.every((other) => overlap(other.box, corners) <= 0.7)) kept.push({ box: corners, score: logits[i]! });
  }
  return kept;
}

gpuTest("proposals are those of the host, and places without one are never drawn", async (gpu) => {
  const n = 2;
  const map = [15, 20] as const;
  const grid = gridAnchors(cellAnchors({ sizes: [24, 48, 96], ratios: [0.5, 1, 2] }), 16, map);
  const count = grid.length / 4; // 2,700: sorted
  // The second image is so small that most boxes are cut to nothing.
  const images = [[320, 240], [20, 12]] as [number, number][];
  const before = 2200, after = 300;
  const logits = noise(n * count, 3);
  const deltas = noise(n * count * 4, 4).map((v) => 0.3 * v);
  const g = new Graph();
  const limits = g.constant(images.flatMap(([w, h]) => [w, h, w, h]), [n, 1, 4]);
  const outputs = { logits: g.input("logits", [n, count]), deltas: g.input("deltas", [n, count, 4]), parameters: [] };
  const proposed = proposals(g, outputs, g.constant(grid, [count, 4]), limits, { before, after });
  g.output("boxes", proposed.boxes);
  g.output("scores", proposed.scores);
  // One object in each image, of two places.
  const truth = {
    boxes: g.constant([10, 10, 60, 60, 0, 0, 1, 1, 2, 2, 18, 12, 0, 0, 1, 1], [n, 2, 4]),
    labels: g.constant([3, 0, 5, 0], [n, 2], "i32"),
    counts: g.constant([1, 1], [n], "i32"),
  };
  const known = candidates(g, proposed, truth);
  g.output("labels", known.labels);
  const got = await execute(gpu, g, { logits, deltas });
  images.forEach((limit, image) => {
    const part = (name: string, each: number) => got[name]!.slice(image * after * each, (image + 1) * after * each);
    const from = image * count;
    const want = twin(
      logits.subarray(from, from + count),
      deltas.subarray(4 * from, 4 * (from + count)),
      grid,
      limit,
      before,
    ).slice(0, after);
    assert.equal(want.length === after, image === 0);
    const scores = Array.from({ length: after }, (_, i) => want[i]?.score ?? -Infinity);
    assert.deepEqual(Array.from(part("scores", 1)), scores);
    assertClose(part("boxes", 4).subarray(0, 4 * want.length), want.flatMap(({ box }) => box), { rtol: 0, atol: 2e-3 });
    const labels = Array.from(got.labels!.slice(image * (after + 2), (image + 1) * (after + 2)));
    const object = [10, 10, 60, 60].map((v, i) => image === 0 ? v : [2, 2, 18, 12][i]!);
    const expected = Array.from({ length: after }, (_, i) => {
      return want[i] === undefined ? -1 : Number(overlap(want[i].box, object) >= 0.5);
    });
    assert.deepEqual(labels, [...expected, 1, -1]); // the object itself, and the place without one
  });
});
