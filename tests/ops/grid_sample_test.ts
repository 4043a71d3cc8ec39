/** Sampling at the places of a grid: against PyTorch, and every mode against finite differences. */

import assert from "node:assert/strict";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import { gridSample } from "../../src/ops/grid_sample.ts";
import { assertClose } from "../support/close.ts";
import { onImages, testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkDirection, noise } from "../support/op_cases.ts";

testOperator(
  "grid_sample",
  onImages((g, [x, grid], { padding_mode, align_corners }) =>
    gridSample(g, x!, grid!, { mode: "linear", padding: padding_mode, alignCorners: align_corners })
  ),
);

for (const mode of ["nearest", "linear", "cubic"] as const) {
  for (const padding of ["zeros", "border", "reflection"] as const) {
    for (const alignCorners of [false, true]) {
      const attrs = { mode, padding, alignCorners };
      gpuTest(
        `samples by ${mode}, ${padding}${alignCorners ? ", corners aligned" : ""} have their gradient`,
        async (gpu) => {
          // Places of which half lie outside; the values are linear in the image.
          const places = noise(2 * 3 * 4 * 2, 5).map((v) => 2 * v);
          const build = (g: Graph, [x]: Parameters<typeof gridSample>[1][]) =>
            gridSample(g, x!, g.constant(places, [2, 3, 4, 2]), attrs);
          await checkDirection(gpu, [[2, 5, 6, 3]], build);
        },
      );
    }
  }
}

gpuTest("the gradient to the places of cubic samples is that of finite differences", async (gpu) => {
  const image = noise(6 * 7 * 2, 3);
  const places = noise(9 * 2, 4).map((v) => 0.7 * v);
  const seed = noise(9 * 2, 6);
  const loss = async (p: Float32Array) => {
    const g = new Graph();
    const grid = g.input("grid", [1, 1, 9, 2]);
    const attrs = { mode: "cubic", padding: "border", alignCorners: false } as const;
    g.output("y", gridSample(g, g.constant(image, [1, 6, 7, 2]), grid, attrs));
    const { y } = await execute(gpu, g, { grid: p });
    return Array.from(y!).reduce((sum, v, i) => sum + v * seed[i]!, 0);
  };
  const g = new Graph();
  const grid = g.input("grid", [1, 1, 9, 2]);
  const attrs = { mode: "cubic", padding: "border", alignCorners: false } as const;
  const y = gridSample(g, g.constant(image, [1, 6, 7, 2]), grid, attrs);
  g.output("dgrid", gradient(g, [{ output: y, seed: g.constant(seed, [1, 1, 9, 2]) }], [grid], add)[0]!);
  const { dgrid } = await execute(gpu, g, { grid: places });
  const h = 1e-2;
  const slopes = [];
  for (let i = 0; i < places.length; i++) {
    const moved = (by: number) => places.map((v, j) => j === i ? v + by : v);
    slopes.push((await loss(moved(h)) - await loss(moved(-h))) / (2 * h));
  }
  assertClose(dgrid as Float32Array, slopes, { rtol: 2e-2, atol: 2e-2 }, "dgrid");
});

Deno.test("a grid that does not fit is refused with both shapes", () => {
  const g = new Graph();
  const attrs = { mode: "linear", padding: "zeros", alignCorners: false } as const;
  const places = g.input("grid", [2, 3, 3, 3]);
  assert.throws(
    () => gridSample(g, g.input("x", [2, 4, 4, 1]), places, attrs),
    /f32\[2,3,3,3\] do not fit.*f32\[2,4,4,1\]/,
  );
});
