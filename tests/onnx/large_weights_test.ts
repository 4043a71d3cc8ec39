/** Weights beyond 128 MiB, the binding that every adapter has. */

import assert from "node:assert/strict";
import { weightParts } from "../../src/onnx/large_weights.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { modelOf, real, run, TYPE } from "../support/onnx_models.ts";

Deno.test("parts of a tensor are its slices in order", () => {
  const tensor = { dtype: "f32", shape: [3, 20_000_000], data: new Float32Array(60_000_000) } as const;
  for (let i = 0; i < 3; i++) tensor.data[i * 20_000_000 + 19_999_999] = i + 1;
  const parts = weightParts(tensor, 1);
  assert.equal(parts.reduce((sum, part) => sum + part.shape[1]!, 0), 20_000_000);
  assert.ok(parts.every((part) => 4 * part.data.length <= 64 * 2 ** 20 + 64 && part.shape[0] === 3));
  const last = parts.at(-1)!;
  const width = last.shape[1]!;
  assert.deepEqual([0, 1, 2].map((i) => last.data[(i + 1) * width - 1]), [1, 2, 3]);
  assert.equal(weightParts(real([2, 3], () => 0), 0).length, 1);
});

const WIDE = 150_000;
const values = Float32Array.from({ length: 256 }, (_, k) => Math.sin(k));

for (const transB of [0, 1]) {
  gpuTest(`a product with a weight of 146 MiB${transB ? ", transposed" : ""}`, async (gpu) => {
    const dims = transB ? [WIDE, 256] : [256, WIDE];
    const data = new Float32Array(256 * WIDE);
    // Column j of the weight is values * (j % 7).
    for (let i = 0; i < data.length; i++) {
      const [k, j] = transB ? [i % 256, Math.floor(i / 256)] : [Math.floor(i / WIDE), i % WIDE];
      data[i] = values[k]! * (j % 7);
    }
    const attribute = [{ name: "transB", type: 2, i: transB }];
    const model = modelOf({
      nodes: [{ opType: "Gemm", name: "wide", input: ["x", "w"], output: ["y"], attribute }],
      inputs: { x: [TYPE.f32, [2, 256]] },
      outputs: { y: [TYPE.f32, [2, WIDE]] },
      weights: [{ name: "w", dims, dataType: 1, rawData: new Uint8Array(data.buffer) }],
    });
    const y = (await run(gpu, model, { x: real([2, 256], (i) => (i < 256 ? 1 : 2) * values[i % 256]!) })).get("y")!;
    const square = values.reduce((sum, v) => sum + v * v, 0);
    const want = Float64Array.from({ length: 2 * WIDE }, (_, i) => (i < WIDE ? 1 : 2) * square * (i % WIDE % 7));
    assertClose(y.data as Float32Array, want, { rtol: 1e-4, atol: 1e-3 }, "y");
  });
}
