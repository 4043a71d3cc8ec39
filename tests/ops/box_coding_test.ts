/** Offsets between boxes, against PyTorch and back. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { decodeBoxes, encodeBoxes, SIZE_CLIP } from "../../src/ops/box_coding.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise, type Values } from "../support/op_cases.ts";

for (const test of goldenCases("ops", (c) => c.op === "box_coder")) {
  gpuTest(`${test.name} equals torchvision's BoxCoder`, async (gpu) => {
    const tensors = await test.load() as unknown as ReadonlyMap<string, Values>;
    assert.ok(Math.abs(test.attrs.clip - SIZE_CLIP) < 1e-12);
    const g = new Graph();
    const [proposals, gt, deltas] = ["proposals", "gt", "deltas"].map((name) => {
      const [m] = tensors.get(name)!.shape as [number];
      return g.input(name, [1, m, 4]);
    }) as [ReturnType<Graph["input"]>, ReturnType<Graph["input"]>, ReturnType<Graph["input"]>];
    g.output("encoded", encodeBoxes(g, proposals, gt, test.attrs.weights));
    g.output("decoded", decodeBoxes(g, proposals, deltas, test.attrs.weights));
    const got = await execute(gpu, g, Object.fromEntries([...tensors].map(([name, t]) => [name, t.data])));
    for (const name of ["encoded", "decoded"]) assertClose(got[name]!, tensors.get(name)!.data, test.tol, name);
  });
}

gpuTest("boxes are for all images, and have several offsets each", async (gpu) => {
  const boxes = Float32Array.from(noise(3 * 4, 1), (v, i) => 20 * v + (i % 4 > 1 ? 50 : 0));
  const targets = Float32Array.from(noise(2 * 3 * 4, 2), (v, i) => 20 * v + (i % 4 > 1 ? 60 : 0));
  const weights = [10, 10, 5, 5] as const;
  const g = new Graph();
  const anchors = g.constant(boxes, [3, 4]);
  const deltas = encodeBoxes(g, anchors, g.constant(targets, [2, 3, 4]), weights);
  g.output("back", decodeBoxes(g, anchors, deltas, weights));
  // Offsets of box j and class k: 0 but for dx = (3 j + k) * 10.
  const several = Float32Array.from(
    { length: 2 * 3 * 2 * 4 },
    (_, i) => i % 4 === 0 ? 10 * (3 * (Math.floor(i / 8) % 3) + Math.floor(i / 4) % 2) : 0,
  );
  g.output("several", decodeBoxes(g, anchors, g.constant(several, [2, 3, 2, 4]), weights));
  const { back, several: moved } = await execute(gpu, g);
  assertClose(back!, targets, { rtol: 1e-5, atol: 1e-4 }, "back");
  const want = Float32Array.from({ length: 2 * 3 * 2 * 4 }, (_, i) => {
    const [j, k, side] = [Math.floor(i / 8) % 3, Math.floor(i / 4) % 2, i % 4];
    const width = boxes[4 * j + 2]! - boxes[4 * j]!;
    return boxes[4 * j + side]! + (side % 2 === 0 ? (3 * j + k) * width : 0);
  });
  assertClose(moved!, want, { rtol: 1e-5, atol: 1e-3 }, "several");
});

Deno.test("boxes that do not fit are refused", () => {
  const g = new Graph();
  const deltas = g.input("deltas", [2, 5, 4]);
  assert.throws(() => decodeBoxes(g, g.input("boxes", [4, 4]), deltas, [1, 1, 1, 1]), /f32\[4,4\] do not fit/);
});
