/** Smooth L1 against PyTorch, and its limit, the plain absolute difference. */

import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { grad } from "../../src/ops/gradients.ts";
import { reduce } from "../../src/ops/reduce.ts";
import { smoothL1 } from "../../src/ops/smooth_l1.ts";
import { assertClose } from "../support/close.ts";
import { testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

testOperator("smooth_l1", (g, [x, target], { beta }) => reduce(g, "Sum", smoothL1(g, x!, target!, beta), []));

gpuTest("beta 0 is the absolute difference, without a slope at 0", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [3]);
  const loss = reduce(g, "Sum", smoothL1(g, x, g.constant([1, 1, 1], [3]), 0), []);
  g.output("loss", loss);
  g.output("dx", grad(g, loss, [x])[0]!);
  const { loss: sum, dx } = await execute(gpu, g, { x: Float32Array.of(-1, 1, 4) });
  assertClose(sum!, [5], { rtol: 1e-6, atol: 0 });
  assertClose(dx!, [-1, 0, 1], { rtol: 0, atol: 0 });
});
