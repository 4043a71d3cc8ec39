/** ONNX files to plain data: nodes with resolved attributes and weights as host tensors. */

import onnxProto from "onnx-proto";
import { messageOf, UserError } from "../errors.ts";
import type { DType } from "../graph/tensor.ts";
import { sizeOf } from "../graph/tensor.ts";
import {
  bfloatToNumber,
  dtypeOf,
  type ElementType,
  elementType,
  halfToNumber,
  UnsupportedError,
} from "./element_type.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;
type TensorMessage = onnxProto.onnx.ITensorProto;
type AttributeMessage = onnxProto.onnx.IAttributeProto;

/** A tensor on the host. Whole numbers and bools are kept as f64, which holds int64 up to 2^53. */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** The same values under another shape of as many elements. */
export function withShape(t: HostTensor, shape: readonly number[]): HostTensor {
  return {
    dtype: t.dtype,
    shape,
    get data() {
      return t.data; // made only when asked for (see UnalignedTensor)
    },
  };
}

/** An attribute's value. */
export type Attribute = number | string | readonly number[] | readonly string[] | HostTensor | Subgraph;

/** A graph held by an attribute (If, Loop); its nodes also read the values of the graphs around it. */
export interface Subgraph {
  readonly nodes: readonly ModelNode[];
  readonly weights: ReadonlyMap<string, HostTensor>;
  /** Names of the values that the node hands in, in order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A node; an optional input that is left out is the empty string. */
export interface ModelNode {
  readonly name: string;
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/**
 * A declared input or output; a dimension is a number, the name of a symbolic one, or "?" where it is open. No dims: the
 * file leaves the rank open too.
 */
export interface ModelValue {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly (number | string)[] | null;
}

/** A decoded model. */
export interface Model {
  readonly path: string;
  readonly opset: number;
  readonly nodes: readonly ModelNode[];
  /** Inputs that are not weights. */
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
  readonly weights: ReadonlyMap<string, HostTensor>;
}

/** Reads a model file. A file that is missing, cut off or no ONNX model is a UserError. */
export async function loadModel(path: string): Promise<Model> {
  let bytes: Uint8Array;
  try {
    bytes = await readWhole(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`ONNX model ${path} ${why}: check the path`, { cause: error });
  }
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : ".";
  return decodeModel(bytes, path, (name, offset, length) => readPart(`${folder}/${name}`, offset, length));
}

/** All bytes of a file. Deno.readFile would hold them twice for a while, and models are large. */
async function readWhole(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array((await file.stat()).size);
  for (let at = 0; at < bytes.length;) at += await file.read(bytes.subarray(at)) ?? bytes.length;
  return bytes;
}

/** Bytes of a file; fewer than `length` where it ends before. */
function readPart(path: string, offset: number, length: number | null): Uint8Array {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(Math.max(0, Math.min(length ?? Infinity, file.statSync().size - offset)));
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) at += file.readSync(bytes.subarray(at)) ?? bytes.length;
  return bytes;
}

/** Decodes a model's bytes; `external` reads files of weights that lie beside it. */
export function decodeModel(bytes: Uint8Array, path: string, external?: External): Model {
  let message;
  try {
    message = ModelProto.decode(bytes);
  } catch (error) {
    throw new UserError(`${path} is no ONNX model or is cut off: ${messageOf(error)}`, { cause: error });
  }
  const graph = message.graph;
  if (!graph || !graph.node?.length || !graph.output?.length) {
    throw new UserError(`${path} is no ONNX model: it holds no graph with nodes and outputs`);
  }
  const opset = opsetOf(message);
  if (opset === null) {
    throw new UnsupportedError(`${path} names no opset of ONNX: it is no ONNX model or uses foreign operators only`);
  }
  try {
    const { nodes, weights } = decodeGraph(graph, path, external);
    return {
      path,
      opset,
      weights,
      nodes,
      inputs: (graph.input ?? []).filter((v) => !weights.has(v.name!)).map((v) => valueInfo(v, path)),
      outputs: graph.output.map((v) => valueInfo(v, path)),
    };
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${path} is a damaged ONNX model: ${messageOf(error)}`, { cause: error });
  }
}

/** The opset of ONNX's own operators; files of the first two versions (2017) name none and mean 1. Null for none. */
function opsetOf({ irVersion, opsetImport }: onnxProto.onnx.IModelProto): number | null {
  const own = (opsetImport ?? []).find((o) => !o.domain || o.domain === "ai.onnx");
  if (own) return Number(own.version);
  const version = Number(irVersion ?? 0);
  return version > 0 && version < 3 ? 1 : null;
}

/** Reads a file of weights: `length` bytes from `offset` on, or all that follow. */
export type External = (name: string, offset: number, length: number | null) => Uint8Array;

function decodeGraph(graph: onnxProto.onnx.IGraphProto, path: string, external?: External): Subgraph {
  if (graph.sparseInitializer?.length) throw new UnsupportedError(`${path}: sparse weights are not supported`);
  const weights = new Map<string, HostTensor>();
  for (const tensor of graph.initializer ?? []) {
    if (weights.has(tensor.name!)) throw new UserError(`${path}: two weights have the name ${tensor.name}`);
    weights.set(tensor.name!, decodeTensor(tensor, `${path}: weight ${tensor.name}`, external));
  }
  const nodes = (graph.node ?? []).map((node, i) => ({
    name: node.name || `${node.opType}_${i}`,
    op: node.opType ?? "",
    domain: node.domain ?? "",
    inputs: node.input ?? [],
    outputs: node.output ?? [],
    attributes: new Map((node.attribute ?? []).map((a) => [a.name!, attributeValue(a, path, external)])),
  }));
  const names = (values: readonly onnxProto.onnx.IValueInfoProto[] | null | undefined) =>
    (values ?? []).map((v) => v.name ?? "");
  return { nodes, weights, inputs: names(graph.input), outputs: names(graph.output) };
}

/** A TensorProto file, as ONNX's own test cases hold. */
export function decodeTensorFile(path: string): { name: string; tensor: HostTensor } {
  const message = TensorProto.decode(Deno.readFileSync(path));
  return { name: message.name ?? "", tensor: decodeTensor(message, path) };
}

function valueInfo(value: onnxProto.onnx.IValueInfoProto, path: string): ModelValue {
  const type = value.type?.tensorType;
  if (!type) throw new UnsupportedError(`${path}: ${value.name} is no tensor (sequences and maps are not supported)`);
  // Some exporters write -1 for an open dimension.
  const dims =
    type.shape?.dim?.map(({ dimParam, dimValue }) =>
      dimParam || (dimValue == null || Number(dimValue) < 0 ? "?" : Number(dimValue))
    ) ?? null;
  return { name: value.name!, dtype: dtypeOf(type.elemType ?? 0, `${path}: ${value.name}`), dims };
}

function attributeValue(a: AttributeMessage, path: string, external?: External): Attribute {
  switch (a.type || typeOf(a)) {
    case 1:
      return a.f ?? 0;
    case 2:
      return Number(a.i ?? 0);
    case 3:
      return new TextDecoder().decode(a.s ?? new Uint8Array());
    case 4:
      return decodeTensor(held(a.t, a, path), `${path}: attribute ${a.name}`, external);
    case 6:
      return [...a.floats ?? []];
    case 7:
      return (a.ints ?? []).map(Number);
    case 8:
      return (a.strings ?? []).map((s) => new TextDecoder().decode(s));
    case 5:
      return decodeGraph(held(a.g, a, path), path, external);
    default:
      throw new UnsupportedError(`${path}: attribute ${a.name} has type ${a.type}, which is not supported`);
  }
}

/** What an attribute holds by its type. Throws UserError where it does not. */
function held<T>(value: T | null | undefined, { name, type }: AttributeMessage, path: string): T {
  if (value) return value;
  throw new UserError(`${path}: attribute ${name} of type ${type} holds no value`);
}

/** The type of an attribute in files of 2017, which leave it out: that of the value that is there. */
function typeOf(a: AttributeMessage): number {
  if (a.t) return 4;
  if (a.g) return 5;
  if (a.floats?.length) return 6;
  if (a.ints?.length) return 7;
  if (a.strings?.length) return 8;
  return Object.hasOwn(a, "s") ? 3 : Object.hasOwn(a, "i") ? 2 : Object.hasOwn(a, "f") ? 1 : 0;
}

/** Values of a tensor message in row-major order. UserError when bytes and shape disagree. */
export function decodeTensor(t: TensorMessage, what: string, external?: External): HostTensor {
  const shape = (t.dims ?? []).map(Number);
  const type = elementType(t.dataType ?? 0, what);
  const { dtype } = type;
  const count = sizeOf(shape);
  if (!Number.isSafeInteger(count) || count < 0 || count > 2 ** 31) {
    throw new UserError(`${what} has the impossible shape [${shape}]`);
  }
  const raw = t.dataLocation === 1 ? externalBytes(t, what, external) : t.rawData;
  if (raw && raw.length > 0) {
    if (raw.length !== count * type.bytes) {
      throw new UserError(
        `${what} of shape [${shape}] takes ${count * type.bytes} bytes, the file has ${raw.length}: it is cut off`,
      );
    }
    return type.name === "float32" && raw.byteOffset % 4 !== 0 && count > KEPT
      ? new UnalignedTensor(shape, raw)
      : { dtype, shape, data: rawValues(raw, count, type) };
  }
  const listed = listedValues(t);
  if (listed.length !== count) {
    throw new UserError(`${what} of shape [${shape}] takes ${count} values, the file has ${listed.length}`);
  }
  return { dtype, shape, data: dtype === "f32" ? Float32Array.from(listed) : Float64Array.from(listed) };
}

/** Elements up to which a copy is kept; beyond them it is made when asked for. */
const KEPT = 65536;

/** f32 values that lie unaligned in the file's bytes: copied each time they are asked for, so that memory holds one. */
class UnalignedTensor implements HostTensor {
  readonly dtype = "f32";

  constructor(readonly shape: readonly number[], readonly raw: Uint8Array) {}

  get data(): Float32Array {
    return new Float32Array(new Uint8Array(this.raw).buffer);
  }
}

function rawValues(raw: Uint8Array, count: number, type: ElementType): Float32Array | Float64Array {
  if (type.name === "float32") {
    const aligned = raw.byteOffset % 4 === 0 ? raw : new Uint8Array(raw); // a view costs no memory
    return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, count);
  }
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const data = type.dtype === "f32" ? new Float32Array(count) : new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.bytes);
  return data;
}

/** Values that are listed one by one in the field of their type. */
function listedValues(t: TensorMessage): number[] {
  if (t.dataType === 10) return (t.int32Data ?? []).map(halfToNumber);
  if (t.dataType === 16) return (t.int32Data ?? []).map(bfloatToNumber);
  const lists: readonly (readonly unknown[] | null | undefined)[] = [
    t.floatData,
    t.int32Data,
    t.int64Data,
    t.doubleData,
    t.uint64Data,
  ];
  return (lists.find((list) => list && list.length > 0) ?? []).map(Number);
}

function externalBytes(t: TensorMessage, what: string, external?: External): Uint8Array {
  const entries = new Map((t.externalData ?? []).map((e) => [e.key!, e.value!]));
  const location = entries.get("location");
  if (!location || location.startsWith("/") || location.split("/").includes("..")) {
    throw new UserError(`${what} lies in the file ${location}, which must be beside the model`);
  }
  const offset = Number(entries.get("offset") ?? 0);
  const length = entries.has("length") ? Number(entries.get("length")) : null;
  let bytes: Uint8Array;
  try {
    bytes = external!(location, offset, length);
  } catch (error) {
    throw new UserError(`${what} lies in ${location}, which cannot be read: put it beside the model`, { cause: error });
  }
  if (length !== null && bytes.length < length) {
    throw new UserError(`${what}: ${location} is cut off at ${offset + bytes.length} bytes`);
  }
  return bytes;
}
