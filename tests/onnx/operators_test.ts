/**
 * Every operator in its forms over the opsets, on small random tensors, against onnxruntime 1.30 (CPU): the results in
 * tests/fixtures/onnx/operators.json are its own, those of forms older than it runs (opsets before 7) for the newer form
 * that says the same. Each case runs twice: with inputs that the device gets, and with
 * inputs that the file holds, most of which fold at import.
 */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { folders } from "../../src/onnx/fold.ts";
import { importers } from "../../src/onnx/operators.ts";
import { compare } from "../../src/studies/onnx_suite.ts";
import { runModel } from "../../src/studies/run_onnx.ts";
import { gpuTest } from "../support/gpu.ts";
import { host, modelOfCase, numbers, type OperatorCase, operatorCases } from "../support/onnx_operators.ts";

async function check(gpu: Gpu, test: OperatorCase, fixed: boolean): Promise<void> {
  const model = decodeModel(modelOfCase(test, fixed), "case.onnx");
  const given = new Map(model.inputs.map(({ name }) => [name, host(test.inputs[Number(name.slice(1))]!)]));
  const got = await runModel(gpu, model, given);
  test.outputs.forEach((want, i) => {
    const { shape, data } = got.get(`y${i}`)!;
    assert.deepEqual([...shape], want[1]);
    compare(`y${i}`, data, numbers(want), { rtol: 1e-4, atol: 1e-5 });
  });
}

const byOperator = Map.groupBy(operatorCases, (test) => test.op);
for (const [op, own] of byOperator) {
  gpuTest(`${op} as onnxruntime has it, ${own.length} cases`, async (gpu) => {
    for (const test of own) {
      for (const fixed of [false, true]) {
        try {
          await check(gpu, test, fixed);
        } catch (error) {
          const { opset, attrs } = test;
          throw new Error(`${fixed ? "held " : ""}${op} ${opset} ${JSON.stringify(attrs)}: ${error}`, { cause: error });
        }
      }
    }
  });
}

Deno.test("every operator has cases here or in a test of its own", () => {
  const elsewhere = [
    ...["If", "Loop"], // control_test.ts
    ...["Bernoulli", "Dropout", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"], // random_test.ts
    ...["AffineGrid", "MeanVarianceNormalization", "Scatter"], // import_test.ts
  ];
  const all = new Set([...Object.keys(importers), ...Object.keys(folders)]);
  for (const op of [...byOperator.keys(), ...elsewhere]) all.delete(op);
  assert.deepEqual([...all], []);
});
