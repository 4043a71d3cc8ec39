/** ONNX models run as they are: on the tensors of a file, or on the cases of a suite laid out as ONNX's own tests. */

import { readSafetensors, type StoredTensor, writeSafetensors } from "../data/safetensors.ts";
import { suggest, UserError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { execute } from "../gpu/execute.ts";
import { Graph } from "../graph/graph.ts";
import { type DType, type HostArray, hostArray, type Tensor } from "../graph/tensor.ts";
import { type HostTensor, loadModel, type Model } from "../onnx/decode.ts";
import { importModel, neededInputs } from "../onnx/import.ts";

/** What a model gave, in the order of its outputs. */
export type ModelOutputs = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: HostArray }>;

/**
 * Runs a model once. Inputs whose values must be known at import (the shape of a Reshape) are taken as constants;
 * all others are inputs of the device.
 */
export async function runModel(
  gpu: Gpu,
  model: Model,
  inputs: ReadonlyMap<string, HostTensor>,
): Promise<ModelOutputs> {
  const known = neededInputs(model, inputs);
  const g = new Graph();
  const given: Record<string, Tensor | HostTensor> = {};
  const values: Record<string, HostArray> = {};
  for (const [name, host] of inputs) {
    if (known.has(name)) given[name] = host;
    else {
      given[name] = g.input(name, host.shape, host.dtype);
      values[name] = toDevice(host);
    }
  }
  const outputs = Object.entries(importModel(g, model, given));
  for (const [name, tensor] of outputs) g.output(name, tensor);
  const got = await execute(gpu, g, values);
  return new Map(outputs.map(([name, { shape }]) => [name, { shape, data: got[name]! }]));
}

/** Runs `model` on the tensors of one safetensors file and writes its outputs to another. */
export async function runModelFile(
  gpu: () => Promise<Gpu>,
  paths: { readonly model: string; readonly inputs: string; readonly outputs: string },
): Promise<{ outputs: Record<string, readonly number[]> }> {
  const model = await loadModel(paths.model);
  const { tensors } = await readSafetensors(paths.inputs);
  const names = model.inputs.map((v) => v.name);
  const inputs = new Map<string, HostTensor>();
  for (const [name, stored] of tensors) {
    const declared = model.inputs.find((v) => v.name === name);
    if (!declared) {
      throw new UserError(
        `${paths.inputs} holds ${name}, which is no input of ${paths.model}: ${suggest(name, names)}`,
      );
    }
    inputs.set(name, fromStored(stored, declared.dtype, `${paths.inputs}: tensor ${name}`));
  }
  neededInputs(model, inputs); // what does not fit is said before a device is opened
  const device = await gpu();
  try {
    const outputs = await runModel(device, model, inputs);
    const dtypes = new Map(model.outputs.map((v) => [v.name, v.dtype]));
    await writeSafetensors(
      paths.outputs,
      [...outputs].map(([name, { shape, data }]) => [name, toStored(dtypes.get(name)!, shape, data)] as const),
    );
    return { outputs: Object.fromEntries([...outputs].map(([name, { shape }]) => [name, shape])) };
  } finally {
    device.close();
  }
}

/** Host values as the device holds them; int64 beyond 32 bits is clamped, as constants are. */
function toDevice({ dtype, data }: HostTensor): HostArray {
  const array = hostArray(dtype, data.length);
  data.forEach((v, i) => array[i] = dtype === "i32" ? Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1) : v);
  return array;
}

/** A file's tensor for an input of type `dtype`: whole numbers of any width serve whole numbers and bools. */
function fromStored({ dtype, shape, data }: StoredTensor, wanted: DType, what: string): HostTensor {
  if ((dtype === "F32") !== (wanted === "f32")) {
    throw new UserError(`${what} is ${dtype}, the model takes ${wanted === "f32" ? "F32" : "I64, I32 or U8"}`);
  }
  if (dtype === "F32") return { dtype: "f32", shape, data };
  return { dtype: wanted, shape, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) };
}

function toStored(dtype: DType, shape: readonly number[], data: HostArray): StoredTensor {
  if (dtype === "f32") return { dtype: "F32", shape, data: data as Float32Array };
  if (dtype === "bool") return { dtype: "U8", shape, data: Uint8Array.from(data) };
  return { dtype: "I32", shape, data: Int32Array.from(data) };
}
