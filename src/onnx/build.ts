/** Writes ONNX models: nodes, weights and a free batch, to the bytes of a file (IR 8, opset 13). */

import onnxProto from "onnx-proto";
import { sizeOf } from "../graph/tensor.ts";

const { ModelProto } = onnxProto.onnx;

const FLOAT = 1;
const INT64 = 7;
/** Operators of this opset keep their meaning in all later ones; runtimes from 2021 on read it. */
const OPSET = 13;
const IR_VERSION = 8;

/** A node's attributes: lists and numbers are ints, except under the names of FLOAT_ATTRIBUTES. */
export type BuildAttributes = Readonly<Record<string, number | readonly number[] | string>>;

const FLOAT_ATTRIBUTES: ReadonlySet<string> = new Set(["alpha", "beta", "epsilon"]);

/** The bytes of little-endian values, not copied. */
function bytesOf(data: Float32Array | BigInt64Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A model under construction. Values are known by their names; nodes are run in the order they are added. */
export class OnnxBuilder {
  readonly #nodes: onnxProto.onnx.INodeProto[] = [];
  readonly #weights: onnxProto.onnx.ITensorProto[] = [];
  readonly #inputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #outputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #names = new Set<string>();

  /** `about` is kept in the file as its description. */
  constructor(readonly name: string, readonly about: string) {}

  /** Declares an f32 input [n, ...shape] of a free batch. */
  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(batched(this.#claim(name), shape));
    return name;
  }

  /** Declares the f32 value `name` [n, ...shape] as an output. */
  output(name: string, shape: readonly number[]): void {
    this.#outputs.push(batched(name, shape));
  }

  /** Adds f32 values that the file holds. Throws RangeError when there are not as many as the shape has. */
  weight(name: string, shape: readonly number[], data: Float32Array): string {
    if (data.length !== sizeOf(shape)) {
      throw new RangeError(`Weight ${name} has shape [${shape}] but ${data.length} values`);
    }
    this.#weights.push({ name: this.#claim(name), dims: [...shape], dataType: FLOAT, rawData: bytesOf(data) });
    return name;
  }

  /** Whether a value of this name is there. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Adds whole numbers that the file holds: a shape, axes, sizes of parts. Equal lists are one value. */
  ints(values: readonly number[]): string {
    const name = `ints_${values.join("_").replaceAll("-", "m")}`;
    if (!this.#names.has(name)) {
      const rawData = bytesOf(BigInt64Array.from(values, BigInt));
      this.#weights.push({ name: this.#claim(name), dims: [values.length], dataType: INT64, rawData });
    }
    return name;
  }

  /** Adds a node; its only output carries the node's name. An input that is left out is the empty string. */
  node(name: string, op: string, inputs: readonly string[], attributes: BuildAttributes = {}): string {
    return this.nodes([name], op, inputs, attributes)[0]!;
  }

  /** Adds a node of several outputs; the node is called as the first of them. */
  nodes(outputs: readonly string[], op: string, inputs: readonly string[], attributes: BuildAttributes = {}): string[] {
    for (const input of inputs) {
      if (input !== "" && !this.#names.has(input)) throw new RangeError(`${op} ${outputs[0]} reads unknown ${input}`);
    }
    outputs.forEach((name) => this.#claim(name));
    const attribute = Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value));
    this.#nodes.push({ name: outputs[0]!, opType: op, input: [...inputs], output: [...outputs], attribute });
    return [...outputs];
  }

  /** Number of f32 values that the file holds. */
  get parameters(): number {
    return this.#weights.reduce((sum, w) => sum + (w.dataType === FLOAT ? sizeOf(w.dims!.map(Number)) : 0), 0);
  }

  /** The bytes of the file. */
  encode(): Uint8Array {
    const bytes = ModelProto.encode({
      irVersion: IR_VERSION,
      producerName: "latent-views",
      docString: this.about,
      opsetImport: [{ domain: "", version: OPSET }],
      graph: {
        name: this.name,
        node: this.#nodes,
        initializer: this.#weights,
        input: this.#inputs,
        output: this.#outputs,
      },
    }).finish();
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length); // a Node Buffer's slice would be no copy
  }

  #claim(name: string): string {
    if (this.#names.has(name)) throw new RangeError(`Value ${name} is made twice`);
    this.#names.add(name);
    return name;
  }
}

function batched(name: string, shape: readonly number[]): onnxProto.onnx.IValueInfoProto {
  const dim = [{ dimParam: "n" }, ...shape.map((dimValue) => ({ dimValue }))];
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } };
}

function encodeAttribute(name: string, value: BuildAttributes[string]): onnxProto.onnx.IAttributeProto {
  if (typeof value === "string") return { name, type: 3, s: new TextEncoder().encode(value) };
  if (typeof value !== "number") return { name, type: 7, ints: [...value] };
  return FLOAT_ATTRIBUTES.has(name) ? { name, type: 1, f: value } : { name, type: 2, i: value };
}
