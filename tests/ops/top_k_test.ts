/** The best values of rows, against PyTorch and in the order that ONNX gives equal ones. */

import assert from "node:assert/strict";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import { topK } from "../../src/ops/top_k.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

gpuTest("values come best first, equal ones by place, and NaN before all", async (gpu) => {
  const x = Float32Array.of(1, -3, 7, 7, -0, 0, -Infinity, 2);
  const g = new Graph();
  const row = g.input("x", [8]);
  for (const largest of [true, false]) {
    const { values, places } = topK(g, row, 5, { largest });
    g.output(`values ${largest}`, values);
    g.output(`places ${largest}`, places);
  }
  const lists = async (x: Float32Array) =>
    Object.fromEntries(Object.entries(await execute(gpu, g, { x })).map(([name, v]) => [name, Array.from(v)]));
  assert.deepEqual(await lists(x), {
    "values true": [7, 7, 2, 1, -0],
    "places true": [2, 3, 7, 0, 4],
    "values false": [-Infinity, -3, -0, 0, 1],
    "places false": [6, 1, 4, 5, 0],
  });
  const withNaN = await lists(x.map((v, i) => i === 5 ? NaN : v));
  assert.deepEqual(withNaN["places true"], [5, 2, 3, 7, 0]);
});

gpuTest("whole numbers are exact, along any axis", async (gpu) => {
  const g = new Graph();
  const { values, places } = topK(g, g.input("x", [3, 2], "i32"), 2, { axis: 0 });
  g.output("values", values);
  g.output("places", places);
  const x = Int32Array.of(16777217, -5, 16777216, -4, 16777218, -2147483648);
  const got = await execute(gpu, g, { x });
  assert.deepEqual([...got.values!], [16777218, -4, 16777217, -5]);
  assert.deepEqual([...got.places!], [2, 1, 0, 0]);
});

gpuTest("the gradient goes back to the places, along any axis", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [3, 2]);
  const { values } = topK(g, x, 2, { axis: 0, largest: false });
  const seed = g.constant([10, 20, 30, 40], [2, 2]);
  g.output("dx", gradient(g, [{ output: values, seed }], [x], add)[0]!);
  const { dx } = await execute(gpu, g, { x: Float32Array.of(5, 1, 3, 9, 4, 2) });
  assert.deepEqual([...dx!], [0, 20, 10, 0, 30, 40]);
});

for (const test of goldenCases("ops", (c) => c.op === "topk")) {
  gpuTest(`${test.name} equals PyTorch`, async (gpu) => {
    const tensors = await test.load();
    const x = tensors.get("x")!;
    const g = new Graph();
    const { values, places } = topK(g, g.input("x", x.shape), test.attrs.k, { axis: test.attrs.axis });
    g.output("values", values);
    g.output("places", places);
    const got = await execute(gpu, g, { x: x.data as Float32Array });
    assert.deepEqual([...got.values!], Array.from(tensors.get("values")!.data, Number));
    assert.deepEqual([...got.places!], Array.from(tensors.get("indices")!.data, Number));
  });
}

for (const dtype of ["f32", "i32"] as const) {
  for (const largest of [true, false]) {
    gpuTest(`long rows of ${dtype} are sorted: the ${largest ? "largest" : "smallest"} first`, async (gpu) => {
      const [rows, columns, k] = [3, 2500, 1100];
      // Few different values, so that many are equal, and some that are none.
      const values = Array.from(noise(rows * columns, 8), (v) => Math.round(200 * v));
      const x = dtype === "f32" ? Float32Array.from(values, (v) => v / 8) : Int32Array.from(values, (v) => v << 20);
      if (dtype === "f32") [17, 2499, 2501].forEach((at, i) => x[at] = [NaN, -Infinity, -0][i]!);
      const g = new Graph();
      const best = topK(g, g.input("x", [rows, columns], dtype), k, { largest });
      g.output("values", best.values);
      g.output("places", best.places);
      const [sorted, compared] = await Promise.all(
        ["sort", "plain"].map((name) => execute(gpu, g, { x }, { target: targetOf(gpu.info, { TopK: name }) })),
      );
      assert.deepEqual(sorted, compared);
      const first = Array.from(x.subarray(0, columns)).filter((v) => !Number.isNaN(v)).sort((a, b) => a - b);
      const want = (largest ? first.reverse() : first).slice(0, 20).map((v) => v + 0);
      const from = dtype === "f32" ? 1 : 0; // NaN comes before all
      assert.deepEqual(Array.from(sorted!.values!).slice(from, from + 20).map((v) => v + 0), want);
    });
  }
}

for (const test of goldenCases("ops", (c) => c.op === "argmax")) {
  gpuTest(`${test.name} is the place of the best one`, async (gpu) => {
    const tensors = await test.load();
    const x = tensors.get("x")!;
    const g = new Graph();
    g.output("y", topK(g, g.input("x", x.shape), 1, { axis: test.attrs.axis }).places);
    const { y } = await execute(gpu, g, { x: x.data as Float32Array });
    assert.deepEqual([...y!], Array.from(tensors.get("y")!.data, Number));
  });
}

Deno.test("more than there are is refused", () => {
  const g = new Graph();
  assert.throws(() => topK(g, g.input("x", [2, 3]), 4), /k 4 is not from 0 to 3/);
});
