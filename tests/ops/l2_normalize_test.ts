/** Rows of unit length against PyTorch, and where the length is too small to divide by. */

import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import { l2Normalize } from "../../src/ops/l2_normalize.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, opCases } from "../support/op_cases.ts";

for (const test of await opCases("l2_normalize")) {
  gpuTest(
    `${test.name} equals PyTorch`,
    (gpu) => checkCase(gpu, test, (g, [x]) => l2Normalize(g, x!, test.attrs.dim, test.attrs.eps), (_, v) => v),
  );
}

gpuTest("a row shorter than epsilon is divided by epsilon", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [3, 4]);
  const y = l2Normalize(g, x, -1, 0.5);
  g.output("y", y);
  g.output("dx", gradient(g, [{ output: y, seed: g.constant(new Array(12).fill(1), [3, 4]) }], [x], add)[0]!);
  const result = await execute(gpu, g, { x: Float32Array.of(0, 0, 0, 0, 0.1, 0, 0.2, 0, 3, 0, 0, 4) });
  assertClose(result.y!, [0, 0, 0, 0, 0.2, 0, 0.4, 0, 0.6, 0, 0, 0.8], { rtol: 1e-6, atol: 1e-7 }, "y");
  // Far from epsilon: (dy - y (y . dy)) / |x| with y = (0.6, 0, 0, 0.8), |x| = 5.
  const far = [0.6, 0, 0, 0.8].map((v) => (1 - v * 1.4) / 5);
  assertClose(result.dx!, [2, 2, 2, 2, 2, 2, 2, 2, ...far], { rtol: 1e-5, atol: 1e-6 }, "dx");
});
