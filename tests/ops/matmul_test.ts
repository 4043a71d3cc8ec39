/** Every kernel of the matrix product and of its gradients, against PyTorch and finite differences. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { gemm, matmul } from "../../src/ops/matmul.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, checkDirection, opCases } from "../support/op_cases.ts";

const products = await opCases("matmul");
const gemms = await opCases("gemm");
const linears = await opCases("linear");

for (const candidate of ["tile", "texture", "plain"]) {
  const force = { MatMul: candidate };
  gpuTest(`matrix products by ${candidate} equal PyTorch`, async (gpu, t) => {
    for (const test of products) {
      await t.step(test.name, () => checkCase(gpu, test, (g, [a, b]) => matmul(g, a!, b!), (_, v) => v, force));
    }
    for (const test of gemms) {
      const { alpha, beta, transA, transB } = test.attrs;
      const options = { alpha, beta, transA: transA === 1, transB: transB === 1 };
      await t.step(
        test.name,
        () => checkCase(gpu, test, (g, [a, b, c]) => gemm(g, a!, b!, c!, options), (_, v) => v, force),
      );
    }
    for (const test of linears) {
      await t.step(
        test.name,
        () => checkCase(gpu, test, (g, [x, w, bias]) => gemm(g, x!, w!, bias!, { transB: true }), (_, v) => v, force),
      );
    }
  });

  gpuTest(`matrix products by ${candidate} have the gradients of finite differences`, async (gpu) => {
    for (const [transA, transB] of [[false, false], [true, false], [false, true], [true, true]] as const) {
      const a = transA ? [2, 20, 13] : [2, 13, 20];
      const b = transB ? [2, 36, 20] : [2, 20, 36];
      await checkDirection(gpu, [a, b], (g, [x, y]) => matmul(g, x!, y!, { transA, transB }), force);
    }
    // Enough rows that a transposed b is turned first; one b for a whole batch; one a for a whole batch.
    await checkDirection(gpu, [[136, 8], [12, 8]], (g, [x, y]) => matmul(g, x!, y!, { transB: true }), force);
    await checkDirection(gpu, [[3, 5, 8], [8, 12]], (g, [x, y]) => matmul(g, x!, y!), force);
    await checkDirection(gpu, [[5, 8], [3, 8, 12]], (g, [x, y]) => matmul(g, x!, y!), force);
  });
}

gpuTest("a vector is a row on the left and a column on the right", async (gpu) => {
  await checkDirection(gpu, [[8], [8, 12]], (g, [x, y]) => matmul(g, x!, y!));
  await checkDirection(gpu, [[12, 8], [8]], (g, [x, y]) => matmul(g, x!, y!));
});

Deno.test("matrices that do not fit are named", () => {
  const g = new Graph();
  const a = g.input("a", [4, 5]);
  assert.throws(() => matmul(g, a, g.input("b", [4, 6])), /f32\[4,5\].*f32\[4,6\]/);
  assert.deepEqual(matmul(g, a, g.input("v", [5])).shape, [4]);
});
