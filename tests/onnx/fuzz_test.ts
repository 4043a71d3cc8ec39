/**
 * Changed models: whatever is done to a graph or to a file's bytes, running it gives values of the declared shape or one
 * line of error that a user can read, and soon. Single operators give the same whether the device gets their inputs or the
 * file holds them. FUZZ_RUNS and FUZZ_SEED make other runs than those of the suite.
 */

import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import fc from "fast-check";
import onnxProto from "onnx-proto";
import { messageOf, UserError } from "../../src/errors.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { type HostArray, sizeOf } from "../../src/graph/tensor.ts";
import { decodeModel, type HostTensor, type Model } from "../../src/onnx/decode.ts";
import { PROJECT_ROOT } from "../../src/paths.ts";
import { compare } from "../../src/studies/onnx_suite.ts";
import { type ModelOutputs, runModel } from "../../src/studies/run_onnx.ts";
import { gpuTest } from "../support/gpu.ts";
import { applyChange, change } from "../support/onnx_changes.ts";
import { host, modelOfCase, operatorCases } from "../support/onnx_operators.ts";

const { ModelProto } = onnxProto.onnx;

const MODELS = [
  `${PROJECT_ROOT}/models/fashion-mnist/generator.onnx`,
  `${PROJECT_ROOT}/tests/fixtures/golden/generators/dcgan_fixed_op13.onnx`,
];

const RUNS = Number(Deno.env.get("FUZZ_RUNS") ?? 100);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 11);
/** Processor time that a run may take, all threads together: other programs on the machine do not lengthen it. */
const MOST_CPU_SECONDS = 30;
const MOST_VALUES = 2 ** 20;

/** What a programmer, not a user, should see. */
const INTERNAL =
  /internal|undefined|is not a function|is not defined|is not iterable|Cannot read|Invalid array length|object Object|BigInt|\[[^\]]*NaN/;

/** Values for the inputs of a model at the sizes that it declares: those that are known where they fit, else some. */
function inputsOf(model: Model, known: ReadonlyMap<string, HostTensor> = new Map()): Map<string, HostTensor> {
  return new Map(model.inputs.map(({ name, dtype, dims }) => {
    const shape = (dims ?? []).map((d, i) => typeof d === "string" || (known.size === 0 && i === 0) ? 3 : d);
    const count = sizeOf(shape);
    if (!(count <= MOST_VALUES)) throw new UserError(`an input of [${shape}] is too large for a test`);
    const own = known.get(name);
    if (own && own.dtype === dtype && own.shape.join() === shape.join()) return [name, own];
    const data = dtype === "f32"
      ? Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1))
      : Float64Array.from({ length: count }, (_, i) => i % 2);
    return [name, { dtype, shape, data }];
  }));
}

/** What becomes of work: its result, or null for an error for a user. Anything else, or long work, fails the test. */
async function outcome<T>(gpu: Gpu, work: () => T | Promise<T>): Promise<T | null> {
  const begin = cpuUsage();
  let result: T | null = null;
  try {
    result = await work();
  } catch (error) {
    const stack = String((error as Error).stack);
    assert.ok(error instanceof UserError || error instanceof RangeError, stack);
    assert.doesNotMatch(messageOf(error), INTERNAL, stack);
    assert.ok(!messageOf(error).includes("\n"), messageOf(error));
  }
  gpu.check();
  const { user, system } = cpuUsage(begin);
  assert.ok(user + system < 1e6 * MOST_CPU_SECONDS, `${(user + system) / 1e6} s of processor time`);
  return result;
}

/** Runs a model; its outputs, which have the shapes that they say. */
async function runs(
  gpu: Gpu,
  bytes: Uint8Array,
  known?: ReadonlyMap<string, HostTensor>,
): Promise<ModelOutputs | null> {
  const outputs = await outcome(gpu, () => {
    const model = decodeModel(bytes, "changed.onnx");
    return runModel(gpu, model, inputsOf(model, known));
  });
  for (const { shape, data } of outputs?.values() ?? []) assert.equal(data.length, sizeOf(shape));
  return outputs;
}

for (const path of MODELS) {
  const name = path.slice(PROJECT_ROOT.length + 1);

  gpuTest(`${name} under any change of its graph gives a result or an error`, async (gpu) => {
    const bytes = await Deno.readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const message = ModelProto.decode(bytes);
        changes.forEach((c) => applyChange(message, c));
        await runs(gpu, ModelProto.encode(message).finish());
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });

  gpuTest(`${name} under any change of its bytes gives a result or an error`, async (gpu) => {
    const bytes = await Deno.readFile(path);
    // Half of the changes fall on what is not weights, which is most of such a file.
    const place = fc.oneof(fc.nat(bytes.length - 1), fc.nat(Math.min(4000, bytes.length - 1)));
    const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 5 });
    const length = fc.oneof({ weight: 9, arbitrary: fc.constant(bytes.length) }, fc.nat(bytes.length));
    await fc.assert(
      fc.asyncProperty(changes, length, async (changed, cut) => {
        const copy = bytes.slice(0, cut);
        for (const [at, value] of changed) if (at < cut) copy[at] = value;
        await runs(gpu, copy);
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
}

/** The model with its inputs among the weights, so that what can folds at import. */
function holding(bytes: Uint8Array, inputs: ReadonlyMap<string, HostTensor>): Uint8Array {
  const message = ModelProto.decode(bytes);
  const graph = message.graph!;
  for (const { name, type } of graph.input!) {
    const value = inputs.get(name!);
    if (!value) continue;
    const dataType = type!.tensorType!.elemType!;
    const [dims, data] = [[...value.shape], Array.from(value.data)];
    const list = { 1: "floatData", 11: "doubleData", 7: "int64Data" }[dataType] ?? "int32Data";
    graph.initializer!.push({ name: name!, dims, dataType, [list]: data });
  }
  graph.input = [];
  return ModelProto.encode(message).finish();
}

/** Whole numbers of more than 32 bits are kept on the host and clamped on the device: nothing is said about them. */
const isBeyond = (v: number) => Math.abs(v) >= 2 ** 31 - 1 && Math.abs(v) < 1e20;

gpuTest("an operator under any change gives the same from inputs and from weights, or an error", async (gpu) => {
  const cases = operatorCases.filter(({ inputs }) => inputs.every((t) => !t || /^(f32|i32|i64|bool)$/.test(t[0])));
  await fc.assert(
    fc.asyncProperty(fc.nat(cases.length - 1), fc.array(change, { maxLength: 2 }), async (number, changes) => {
      const test = cases[number]!;
      const message = ModelProto.decode(modelOfCase(test, false));
      changes.forEach((c) => applyChange(message, c));
      const bytes = ModelProto.encode(message).finish();
      const known = new Map(test.inputs.flatMap((t, i) => t ? [[`x${i}`, host(t)] as const] : []));
      const given = await runs(gpu, bytes, known);
      const inputs = await outcome(gpu, () => inputsOf(decodeModel(bytes, "changed.onnx"), known));
      const held = inputs && await runs(gpu, holding(bytes, inputs));
      if (!given || !held || /Random|Bernoulli|Dropout/.test(message.graph!.node![0]!.opType!)) return;
      for (const [name, { shape, data }] of given) {
        const other: { shape: readonly number[]; data: HostArray } = held.get(name)!;
        assert.deepEqual([...other.shape], [...shape]);
        const kept = [...data.keys()].filter((i) => !isBeyond(other.data[i]!));
        const values = (all: ArrayLike<number>) => kept.map((i) => all[i]!);
        compare(name, values(data), values(other.data), { rtol: 1e-3, atol: 1e-4 });
      }
    }),
    { numRuns: 2 * RUNS, seed: SEED },
  );
});
