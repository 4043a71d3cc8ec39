/** Small ONNX models made in tests. */

import onnxProto from "onnx-proto";
import type { Gpu } from "../../src/gpu/device.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { decodeModel, type External, type HostTensor, type Model } from "../../src/onnx/decode.ts";
import { runModel } from "../../src/studies/run_onnx.ts";

const { ModelProto } = onnxProto.onnx;

/** Element types by ONNX's number. */
export const TYPE = { f32: 1, i64: 7, bool: 9 } as const;

/** Names with a type and dimensions; a text is a symbolic one. */
export type Values = Readonly<Record<string, readonly [type: number, dims: readonly (number | string)[]]>>;

/** What goes into a model. */
export interface Parts {
  readonly nodes: onnxProto.onnx.INodeProto[];
  readonly inputs?: Values;
  readonly outputs: Values;
  readonly weights?: onnxProto.onnx.ITensorProto[];
  readonly opset?: number;
}

/** The parts as a GraphProto, for an attribute or a model. */
export function graphOf({ nodes, inputs = {}, outputs, weights = [] }: Parts): onnxProto.onnx.IGraphProto {
  const infos = (values: Values) =>
    Object.entries(values).map(([name, [elemType, dims]]) => ({
      name,
      type: {
        tensorType: {
          elemType,
          shape: { dim: dims.map((d) => typeof d === "number" ? { dimValue: d } : { dimParam: d }) },
        },
      },
    }));
  return { node: nodes, input: infos(inputs), output: infos(outputs), initializer: weights };
}

/** A model's bytes. */
export function bytesOf(parts: Parts): Uint8Array {
  const opsetImport = [{ domain: "", version: parts.opset ?? 17 }];
  return ModelProto.encode({ irVersion: 8, opsetImport, graph: graphOf(parts) }).finish();
}

/** A decoded model. */
export function modelOf(parts: Parts, external?: External): Model {
  return decodeModel(bytesOf(parts), "made.onnx", external);
}

/** A f32 tensor on the host. */
export function real(shape: readonly number[], values: (i: number) => number): HostTensor {
  return { dtype: "f32", shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => values(i)) };
}

/** A tensor of whole numbers on the host. */
export function whole(shape: readonly number[], values: readonly number[]): HostTensor {
  return { dtype: "i32", shape, data: Float64Array.from(values) };
}

/** Runs a model on named tensors. */
export function run(gpu: Gpu, model: Model, inputs: Readonly<Record<string, HostTensor>>) {
  return runModel(gpu, model, new Map(Object.entries(inputs)));
}
