/** Binary cross-entropy against PyTorch, and at logits of any size. */

import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { bceWithLogits } from "../../src/ops/bce.ts";
import { reduce } from "../../src/ops/reduce.ts";
import { assertClose } from "../support/close.ts";
import { testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

testOperator("bce_with_logits", (g, [x, target]) => reduce(g, "Mean", bceWithLogits(g, x!, target!), []));

gpuTest("logits of any size have a finite loss", async (gpu) => {
  const g = new Graph();
  const x = g.constant([-200, -200, 200, 200, 0], [5]);
  g.output("y", bceWithLogits(g, x, g.constant([0, 1, 0, 1, 0.5], [5])));
  const { y } = await execute(gpu, g);
  assertClose(y!, [0, 200, 200, 0, Math.LN2], { rtol: 1e-6, atol: 1e-6 });
});
