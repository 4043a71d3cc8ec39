/** Anchors against torchvision's, which rounds those of the origin and orders them by ratio first. */

import assert from "node:assert/strict";
import { cellAnchors, gridAnchors } from "../../../src/evaluation/detection/anchors.ts";
import { assertClose } from "../../support/close.ts";
import { goldenCases } from "../../support/golden.ts";

for (const test of goldenCases("ops", (c) => c.op === "anchors")) {
  Deno.test(`${test.name} equals torchvision's AnchorGenerator`, async () => {
    const { sizes, ratios, image, feature_map: map } = test.attrs;
    const cells = cellAnchors({ sizes, ratios });
    assert.equal(cells.length, sizes.length * ratios.length);
    const ratioMajor = ratios.flatMap((_: number, r: number) =>
      sizes.map((_: number, s: number) => cells[s * ratios.length + r]!)
    );
    const even = (v: number) => v % 1 === 0.5 || v % 1 === -0.5 ? 2 * Math.round(v / 2) : Math.round(v);
    const rounded = ratioMajor.map((cell: number[]) => cell.map(even));
    const got = gridAnchors(rounded, image[0] / map[0], map);
    assertClose(got, (await test.load()).get("anchors")!.data as Float32Array, test.tol, "anchors");
  });
}

Deno.test("anchors have their size and ratio, and lie around the places of the map", () => {
  const cells = cellAnchors({ sizes: [32, 64], ratios: [0.5, 2] });
  for (const [i, [x1, y1, x2, y2]] of cells.entries()) {
    assert.ok(Math.abs(Math.sqrt((x2 - x1) * (y2 - y1)) - (i < 2 ? 32 : 64)) < 1e-9);
    assert.ok(Math.abs((y2 - y1) / (x2 - x1) - (i % 2 === 0 ? 0.5 : 2)) < 1e-9);
    assert.ok(Math.abs(x1 + x2) + Math.abs(y1 + y2) < 1e-9);
  }
  const grid = gridAnchors([[-1, -2, 1, 2]], 16, [2, 3]);
  assert.deepEqual([...grid.subarray(4, 8)], [15, -2, 17, 2]);
  assert.deepEqual([...grid.subarray(12, 16)], [-1, 14, 1, 18]);
});
