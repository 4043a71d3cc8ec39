/** Pooling against PyTorch, ties and negative images included. */

import { execute, targetOf } from "../../src/gpu/execute.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { add } from "../../src/ops/binary.ts";
import { averagePool, globalAveragePool, maxPool } from "../../src/ops/pool.ts";
import { assertClose } from "../support/close.ts";
import { checkDirection, noise } from "../support/op_cases.ts";
import { onImages, testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

// deno-lint-ignore no-explicit-any
const attrsOf = ({ kernel: k, stride: s, padding: p, count_include_pad }: any) => ({
  kernel: [k, k] as const,
  strides: [s, s] as const,
  pads: [p, p, p, p] as const,
  countIncludePad: count_include_pad ?? true,
});
testOperator("max_pool2d", onImages((g, [x], attrs) => maxPool(g, x!, attrsOf(attrs))));
testOperator("avg_pool2d", onImages((g, [x], attrs) => averagePool(g, x!, attrsOf(attrs))));
testOperator(
  "adaptive_avg_pool2d",
  onImages((g, [x]) => globalAveragePool(g, x!)),
  [{}],
  (c) => c.attrs.output_size.join() === "1,1",
);

gpuTest("the mean over all pixels has the gradient of finite differences", async (gpu) => {
  await checkDirection(gpu, [[2, 5, 3, 4]], (g, [x]) => globalAveragePool(g, x!));
});

gpuTest("both kernels of max pooling's gradient agree", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [2, 7, 6, 8]);
  const y = maxPool(g, x, { kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  const [dx] = gradient(g, [{ output: y, seed: g.constant(noise(sizeOf(y.shape), 2), y.shape) }], [x], add);
  g.output("dx", dx!);
  const run = (name: string) =>
    execute(gpu, g, { x: noise(sizeOf(x.shape), 1) }, { target: targetOf(gpu.info, { MaxPoolGradient: name }) });
  // The same gradients in another order of addition.
  assertClose((await run("vectors")).dx!, (await run("plain")).dx!, { rtol: 1e-6, atol: 1e-6 });
});
