/**
 * Every operator in its forms over the opsets, on small random tensors, against onnxruntime 1.30 (CPU): the results in
 * tests/fixtures/onnx/operators.json are its own. Each case runs twice: with inputs that the device gets, and with
 * inputs that the file holds, most of which fold at import.
 */

import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import type { Gpu } from "../../src/gpu/device.ts";
import { decodeModel, type HostTensor } from "../../src/onnx/decode.ts";
import { folders } from "../../src/onnx/fold.ts";
import { importers } from "../../src/onnx/operators.ts";
import { compare } from "../../src/studies/onnx_suite.ts";
import { runModel } from "../../src/studies/run_onnx.ts";
import { gpuTest } from "../support/gpu.ts";

const { ModelProto } = onnxProto.onnx;

/** Element types by their short names in the file. */
const CODES: Readonly<Record<string, number>> = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10, f64: 11 };

type Stored = readonly [type: string, shape: readonly number[], values: readonly (number | string)[], fixed?: string];
type StoredAttribute = number | string | number[] | { float?: number; floats?: number[]; tensor?: Stored };

/** A node with its inputs (null: left out; "constant": known at import) and onnxruntime's outputs. */
interface Case {
  readonly op: string;
  readonly opset: number;
  readonly attrs: Readonly<Record<string, StoredAttribute>>;
  readonly inputs: readonly (Stored | null)[];
  readonly outputs: readonly Stored[];
}

const cases: Case[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/onnx/operators.json", import.meta.url)),
);

const SPECIAL: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const numbers = ([, , values]: Stored) => values.map((v) => typeof v === "string" ? SPECIAL[v]! : v);

function host(t: Stored): HostTensor {
  const [type, shape] = t;
  const dtype = type === "bool" ? "bool" : type.startsWith("f") ? "f32" : "i32";
  return { dtype, shape, data: dtype === "f32" ? Float32Array.from(numbers(t)) : Float64Array.from(numbers(t)) };
}

function proto(name: string, t: Stored): onnxProto.onnx.ITensorProto {
  const [type, dims] = t;
  const values = numbers(t);
  const message = { name, dims: [...dims], dataType: CODES[type]! };
  if (type === "f32") return { ...message, floatData: values };
  if (type === "f64") return { ...message, doubleData: values };
  return type === "i64" ? { ...message, int64Data: values } : { ...message, int32Data: values };
}

function attribute(name: string, value: StoredAttribute): onnxProto.onnx.IAttributeProto {
  if (typeof value === "number") return { name, type: 2, i: value };
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (value instanceof Array) return { name, type: 7, ints: value };
  if (value.tensor) return { name, type: 4, t: proto("", value.tensor) };
  return value.floats ? { name, type: 6, floats: value.floats } : { name, type: 1, f: value.float! };
}

/** The case as a model whose inputs are weights where `fixed`. */
function modelOf({ op, opset, attrs, inputs, outputs }: Case, fixed: boolean): Uint8Array {
  const isFixed = (t: Stored) => fixed || t[3] === "constant";
  const names = inputs.map((t, i) => t ? `x${i}` : "");
  while (names.at(-1) === "") names.pop();
  const info = (name: string, [type, dims]: Stored) => ({
    name,
    type: { tensorType: { elemType: CODES[type]!, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
  });
  const node = {
    opType: op,
    name: "only",
    input: names,
    output: outputs.map((_, i) => `y${i}`),
    attribute: Object.entries(attrs).map(([name, value]) => attribute(name, value)),
  };
  const graph = {
    node: [node],
    input: inputs.flatMap((t, i) => t && !isFixed(t) ? [info(`x${i}`, t)] : []),
    initializer: inputs.flatMap((t, i) => t && isFixed(t) ? [proto(`x${i}`, t)] : []),
    output: outputs.map((t, i) => info(`y${i}`, t)),
  };
  return ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: "", version: opset }], graph }).finish();
}

async function check(gpu: Gpu, test: Case, fixed: boolean): Promise<void> {
  const model = decodeModel(modelOf(test, fixed), "case.onnx");
  const given = new Map(model.inputs.map(({ name }) => [name, host(test.inputs[Number(name.slice(1))]!)]));
  const got = await runModel(gpu, model, given);
  test.outputs.forEach((want, i) => {
    const { shape, data } = got.get(`y${i}`)!;
    assert.deepEqual([...shape], want[1]);
    compare(`y${i}`, data, numbers(want), { rtol: 1e-4, atol: 1e-5 });
  });
}

const byOperator = Map.groupBy(cases, (test) => test.op);
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
