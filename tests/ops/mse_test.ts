/** Squared error against PyTorch. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { mse } from "../../src/ops/mse.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, opCases } from "../support/op_cases.ts";

for (const test of await opCases("mse")) {
  gpuTest(
    `${test.name} equals PyTorch`,
    (gpu) => checkCase(gpu, test, (g, [x, target]) => mse(g, x!, target!, test.attrs.reduction), (_, v) => v),
  );
}

Deno.test("squared error of two shapes names both", () => {
  const g = new Graph();
  assert.throws(() => mse(g, g.input("x", [2, 3]), g.input("t", [3, 2])), /f32\[2,3\] and f32\[3,2\]/);
});
