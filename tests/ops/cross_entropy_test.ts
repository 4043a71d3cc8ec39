/** Cross-entropy against PyTorch and an f64 twin: any number of classes, extreme logits, labels outside. */

import assert from "node:assert/strict";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { add } from "../../src/ops/binary.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise, opCases } from "../support/op_cases.ts";

type Over = "mean" | "sum" | "none";

/** Loss and its gradient for a cotangent `seed` of the loss. */
async function run(gpu: Gpu, logits: Float32Array, labels: Int32Array, over: Over, seed: ArrayLike<number>) {
  const rows = labels.length;
  const g = new Graph();
  const x = g.input("x", [rows, logits.length / rows]);
  const loss = crossEntropy(g, x, g.input("labels", [rows], "i32"), over);
  assert.equal(sizeOf(loss.shape), over === "none" ? rows : 1);
  g.output("y", loss);
  const d = g.constant(Float32Array.from(seed), loss.shape);
  g.output("dx", gradient(g, [{ output: loss, seed: d }], [x], add)[0]!);
  const { y, dx } = await execute(gpu, g, { x: logits, labels });
  return { y: y!, dx: dx! };
}

for (const test of await opCases("cross_entropy")) {
  gpuTest(`${test.name} equals PyTorch`, async (gpu) => {
    const data = (name: string) => test.tensors.get(name)!.data;
    const labels = data("labels") as unknown as Int32Array;
    const { y, dx } = await run(gpu, data("x"), labels, test.attrs.reduction, data("d_y"));
    assertClose(y, data("y"), test.tol, "y");
    assertClose(dx, data("grad.x"), test.tol, "grad.x");
  });
}

for (const [rows, classes] of [[1, 1], [3, 63], [5, 64], [4, 1000]] as const) {
  gpuTest(`cross-entropy of ${rows} rows and ${classes} classes equals its twin, row by row`, async (gpu) => {
    const logits = noise(rows * classes, 3).map((v) => 20 * v);
    const labels = Int32Array.from({ length: rows }, (_, i) => i === 2 ? -100 : (7 * i) % classes); // -100: ignored
    const seed = noise(rows, 4);
    const want = { y: new Float64Array(rows), dx: new Float64Array(rows * classes) };
    labels.forEach((label, row) => {
      if (label < 0) return;
      const x = Float64Array.from(logits.subarray(row * classes, (row + 1) * classes));
      const top = Math.max(...x);
      const total = x.reduce((sum, v) => sum + Math.exp(v - top), 0);
      want.y[row] = Math.log(total) + top - x[label]!;
      x.forEach((v, j) => {
        want.dx[row * classes + j] = seed[row]! * (Math.exp(v - top) / total - (j === label ? 1 : 0));
      });
    });
    const { y, dx } = await run(gpu, logits, labels, "none", seed);
    assertClose(y, want.y, { rtol: 1e-5, atol: 1e-5 }, "losses");
    assertClose(dx, want.dx, { rtol: 1e-5, atol: 1e-6 }, "gradient");
  });
}

gpuTest("cross-entropy of a logit that is not a number is none", async (gpu) => {
  const { y } = await run(gpu, Float32Array.of(0, NaN, 1, 2), Int32Array.of(0), "mean", [1]);
  assert.ok(Number.isNaN(y[0]), String(y[0]));
});

Deno.test("cross-entropy names labels that do not fit", () => {
  const g = new Graph();
  const x = g.input("x", [4, 9]);
  assert.throws(() => crossEntropy(g, x, g.input("a", [5], "i32")), /f32\[4,9\] and i32\[5\]/);
  assert.throws(() => crossEntropy(g, x, g.input("b", [4])), /f32\[4\]/);
});
