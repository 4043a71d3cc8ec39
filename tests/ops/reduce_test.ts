/** Reductions against PyTorch, by every kernel that takes them. */

import assert from "node:assert/strict";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { mul, sub } from "../../src/ops/binary.ts";
import { reduce, type ReduceName } from "../../src/ops/reduce.ts";
import { affine } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { type Builder, testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const by = (name: ReduceName): Builder => (g, [x], { dims, keepdim }) => reduce(g, name, x!, dims ?? [], keepdim);
const kernels = (op: string) => [{}, { [op]: "plain" }];
testOperator("sum", by("Sum"), kernels("ReduceSum"));
testOperator("mean", by("Mean"), kernels("ReduceSum"));
testOperator("max", by("Max"), kernels("ReduceMax"));
testOperator("min", by("Min"), kernels("ReduceMin"));
testOperator("prod", by("Prod"), kernels("ReduceProd"));
testOperator("logsumexp", by("LogSumExp"));
testOperator("norm2", by("L2"), kernels("ReduceSumSquare"));
testOperator("var", (g, [x], { dims, keepdim }, name) => {
  const d = sub(g, x!, reduce(g, "Mean", x!, dims, true));
  const n = sizeOf(dims.map((i: number) => x!.shape[i]));
  return affine(g, reduce(g, "Mean", mul(g, d, d), dims, keepdim), name.endsWith("unbiased") ? n / (n - 1) : 1, 0);
});

/** Host twin: sums in f64. */
function hostSum(data: Float32Array, rows: number, columns: number, axis: 0 | 1): Float64Array {
  const out = new Float64Array(axis === 0 ? columns : rows);
  data.forEach((v, i) => out[axis === 0 ? i % columns : Math.floor(i / columns)]! += v);
  return out;
}

for (
  const [rows, columns, axis, candidate] of [
    [1000, 8, 0, "columns"],
    [1000, 8, 0, "plain"],
    [200, 12, 0, "columns"],
    [7, 1001, 1, "rows"],
    [7, 1001, 1, "plain"],
  ] as const
) {
  gpuTest(`sums of [${rows}, ${columns}] over axis ${axis} by ${candidate} equal those of f64`, async (gpu) => {
    const g = new Graph();
    const x: Tensor = g.input("x", [rows, columns]);
    g.output("y", reduce(g, "Sum", x, [axis]));
    g.output("squares", reduce(g, "SumSquare", x, [axis]));
    const data = noise(rows * columns, 5);
    const target = targetOf(gpu.info, { ReduceSum: candidate, ReduceSumSquare: candidate });
    const { y, squares } = await execute(gpu, g, { x: data }, { target });
    assertClose(y!, hostSum(data, rows, columns, axis), { rtol: 1e-5, atol: 1e-4 });
    assertClose(squares!, hostSum(data.map((v) => v * v), rows, columns, axis), { rtol: 1e-5, atol: 1e-4 });
  });
}

gpuTest("a long reduction over scattered axes is brought to the end first", async (gpu) => {
  const g = new Graph();
  const shape = [300, 3, 300];
  g.output("y", reduce(g, "Sum", g.input("x", shape), [0, 2], true));
  const data = noise(sizeOf(shape), 3);
  const want = new Float64Array(3);
  data.forEach((v, i) => want[Math.floor(i / 300) % 3]! += v);
  const { y } = await execute(gpu, g, { x: data });
  assertClose(y!, want, { rtol: 1e-5, atol: 1e-3 });
});

Deno.test("an axis outside the tensor is named with the rank", () => {
  const g = new Graph();
  assert.throws(() => reduce(g, "Sum", g.input("x", [2, 3]), [2]), /Axis 2 is outside a tensor of rank 2/);
});
