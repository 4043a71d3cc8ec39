/** Features of regions: against PyTorch, and their gradient against finite differences. */

import assert from "node:assert/strict";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import { roiAlign, type RoiAlignAttrs } from "../../src/ops/roi_align.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkDirection, nhwc, type Values } from "../support/op_cases.ts";

const FORCES = [{}, { RoiAlign: "plain", RoiAlignGradient: "plain" }];

for (const test of goldenCases("ops", (c) => c.op === "roi_align")) {
  for (const force of FORCES) {
    gpuTest(`${test.name} equals PyTorch${Object.keys(force).length ? " by plain kernels" : ""}`, async (gpu) => {
      const tensors = await test.load() as unknown as ReadonlyMap<string, Values>;
      const { output_size, spatial_scale: scale, sampling_ratio, aligned } = test.attrs;
      const attrs: RoiAlignAttrs = {
        size: [output_size].flat().length === 1 ? [output_size, output_size] : output_size,
        scale,
        sampling: Math.max(0, sampling_ratio),
        aligned,
      };
      const rows = tensors.get("rois")!;
      const r = rows.shape[0]!;
      const boxes = Float32Array.from({ length: 4 * r }, (_, i) => rows.data[5 * Math.floor(i / 4) + 1 + i % 4]!);
      const maps = Int32Array.from({ length: r }, (_, i) => rows.data[5 * i]!);
      const image = nhwc(tensors.get("x")!);
      const seed = nhwc(tensors.get("d_y")!);
      const g = new Graph();
      const x = g.input("x", image.shape);
      const y = roiAlign(g, x, g.input("rois", [r, 4]), g.input("images", [r], "i32"), attrs);
      g.output("y", transpose(g, y, [0, 3, 1, 2]));
      const dx = gradient(g, [{ output: y, seed: g.input("d_y", seed.shape) }], [x], add)[0]!;
      g.output("dx", transpose(g, dx, [0, 3, 1, 2]));
      const inputs = { x: image.data, rois: boxes, images: maps, d_y: seed.data };
      // Few iterations a dispatch: the gradient is summed over several of them.
      for (const maxIterations of [Infinity, 200]) {
        const got = await execute(gpu, g, inputs, { target: { ...targetOf(gpu.info, force), maxIterations } });
        assertClose(got.y!, tensors.get("y")!.data, test.tol, "y");
        assertClose(got.dx!, tensors.get("grad.x")!.data, test.tol, "grad.x");
      }
    });
  }
}

for (const channels of [8, 3]) {
  gpuTest(`regions of ${channels} channels, outside and empty ones among them, have their gradient`, async (gpu) => {
    // deno-fmt-ignore
    const rois = [
      0, 0, 60, 40, 30, 10, 33, 12, -50, -20, 20, 90, 48, 32, 48, 32, 70, 70, 60, 60, 500, 500, 600, 600,
    ];
    await checkDirection(gpu, [[2, 5, 7, channels]], (g, [x]) => {
      const boxes = g.constant(rois, [6, 4]);
      const images = g.constant([0, 1, 1, 0, 1, 0], [6], "i32");
      return roiAlign(g, x!, boxes, images, { size: [4, 3], scale: 0.1, sampling: 0, aligned: true });
    });
  });
}

Deno.test("regions of another form are refused", () => {
  const g = new Graph();
  const attrs = { size: [2, 2], scale: 1, sampling: 0, aligned: true } as const;
  const [x, images] = [g.input("x", [1, 4, 4, 4]), g.input("images", [3], "i32")];
  assert.throws(() => roiAlign(g, x, g.input("rois", [3, 5]), images, attrs), /f32\[3,5\]/);
});
