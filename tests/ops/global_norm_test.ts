/** The norm of many tensors against f64, for sizes that do and do not fill vec4, slabs and dispatches. */

import assert from "node:assert/strict";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { globalNorm } from "../../src/ops/global_norm.ts";
import { affine } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const CASES: readonly (readonly (readonly number[])[])[] = [
  [[1]],
  [[3, 3], [5], [4096], [4097], [2, 2, 2, 2], [7]],
  [[64], [8195], [1], [2], [3], [4], [5, 5]], // one more than a dispatch takes
  Array.from({ length: 23 }, (_, i) => [i + 1, 37]),
  [[600_001]],
  [[3], [32_768], [5], [40_001], [0], [7]], // two that are summed up alone among those that are not
];

for (const shapes of CASES) {
  gpuTest(`global norm of ${shapes.length} tensors, the largest of ${Math.max(...shapes.map(sizeOf))}`, async (gpu) => {
    const g = new Graph();
    const values = shapes.map((shape, i) => noise(sizeOf(shape), i + 1));
    const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
    g.output("norm", globalNorm(g, inputs));
    const { norm } = await execute(gpu, g, Object.fromEntries(values.map((v, i) => [`x${i}`, v])));
    const squares = values.flatMap((v) => Array.from(v, (x) => x * x));
    assertClose(norm as Float32Array, [Math.sqrt(squares.reduce((a, b) => a + b, 0))], { rtol: 2e-6, atol: 0 });
  });
}

gpuTest("what lies behind the last element of a buffer has no part in the norm", async (gpu) => {
  const g = new Graph();
  // The kernel of x + 1 works on whole vec4, and so leaves ones behind the five elements.
  g.output("norm", globalNorm(g, [affine(g, g.input("x", [5]), 1, 1)]));
  const { norm } = await execute(gpu, g, { x: Float32Array.of(0, 1, 1, 3, -1) });
  assertClose(norm as Float32Array, [5], { rtol: 1e-6, atol: 0 });
});

gpuTest("a value that is not finite shows", async (gpu) => {
  const g = new Graph();
  g.output("norm", globalNorm(g, [g.input("x", [9])]));
  const { norm } = await execute(gpu, g, { x: noise(9, 1).fill(NaN, 4, 5) });
  assert(Number.isNaN(norm![0]));
});

Deno.test("global norm takes f32 alone", () => {
  const g = new Graph();
  assert.throws(() => globalNorm(g, [g.input("x", [2], "u32")]), /takes f32 tensors, got u32\[2\]/);
  assert.throws(() => globalNorm(g, []), /takes f32 tensors, got none/);
});
