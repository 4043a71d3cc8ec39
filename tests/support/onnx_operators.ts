/** Cases of single operators with onnxruntime's results (tests/fixtures/onnx/operators.json), as models. */

import onnxProto from "onnx-proto";
import type { HostTensor } from "../../src/onnx/decode.ts";

const { ModelProto } = onnxProto.onnx;

/** Element types by their short names in the file. */
const CODES: Readonly<Record<string, number>> = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7, bool: 9, f16: 10, f64: 11 };

/** A tensor of a case; "constant": known at import. */
export type Stored = readonly [
  type: string,
  shape: readonly number[],
  values: readonly (number | string)[],
  fixed?: string,
];
type StoredAttribute = number | string | number[] | { float?: number; floats?: number[]; tensor?: Stored };

/** A node with its inputs (null: left out; "constant": known at import) and onnxruntime's outputs. */
export interface OperatorCase {
  readonly op: string;
  readonly opset: number;
  readonly attrs: Readonly<Record<string, StoredAttribute>>;
  readonly inputs: readonly (Stored | null)[];
  readonly outputs: readonly Stored[];
}

/** All cases, by operator. */
export const operatorCases: OperatorCase[] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/onnx/operators.json", import.meta.url)),
);

const SPECIAL: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, "-inf": -Infinity };
/** The values of a stored tensor. */
export const numbers = ([, , values]: Stored) => values.map((v) => typeof v === "string" ? SPECIAL[v]! : v);

/** A stored tensor on the host. */
export function host(t: Stored): HostTensor {
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
export function modelOfCase({ op, opset, attrs, inputs, outputs }: OperatorCase, fixed: boolean): Uint8Array {
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
