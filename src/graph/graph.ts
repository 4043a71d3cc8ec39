/** A static-shape graph of operators, and the builder that makes it. */

import type { AnyOp, Node, Op } from "./op.ts";
import { type DType, type HostArray, sameShape, sizeOf, specText, type Tensor, type TensorRole } from "./tensor.ts";

/** A graph under construction. Nodes are kept in the order they were added, which is a topological order. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly inputs = new Map<string, Tensor>();
  readonly states = new Map<string, Tensor>();
  readonly outputs = new Map<string, Tensor>();
  /** Values that the backward pass computes again from their producers' inputs, instead of keeping them (gradient.ts). */
  readonly recomputed = new Set<Tensor>();
  /** What the layers of encoders that are built from now on store their operands as (src/ops/half.ts). */
  operands: "f32" | "f16" = "f32";
  #scope: string[] = [];
  #ids = 0;

  /** A tensor that the host writes before a run. */
  input(name: string, shape: readonly number[], dtype: DType = "f32"): Tensor {
    this.#claim(name);
    const tensor = this.#tensor(name, shape, dtype, "input");
    this.inputs.set(name, tensor);
    return tensor;
  }

  /**
   * A tensor that lasts from run to run and is shared by name between programs: a parameter, a momentum,
   * a running statistic. `data` gives its first values (zeros when left out).
   */
  state(name: string, shape: readonly number[], dtype: DType = "f32", data?: HostArray): Tensor {
    const known = this.states.get(name);
    if (known) {
      if (!sameShape(known.shape, shape) || known.dtype !== dtype) {
        throw new TypeError(`State ${name} is ${specText(known)}, asked for again as ${specText({ shape, dtype })}`);
      }
      return known;
    }
    this.#claim(name);
    const tensor = this.#tensor(name, shape, dtype, "state", data);
    this.states.set(name, tensor);
    return tensor;
  }

  /** A tensor with fixed values. */
  constant(
    data: HostArray | readonly number[],
    shape: readonly number[],
    dtype: DType = "f32",
    name = "constant",
  ): Tensor {
    const values = data instanceof Array ? toHost(data, dtype) : data as HostArray;
    return this.#tensor(name, shape, dtype, "constant", values);
  }

  /** A constant of one value and no dimensions. */
  scalar(value: number, dtype: DType = "f32"): Tensor {
    return this.constant([value], [], dtype, String(value));
  }

  /** Adds a node and returns its outputs. Shape errors name the node and the operator. */
  add<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A, name?: string): Tensor[] {
    const label = [...this.#scope, name ?? op.name].join(".");
    let specs;
    try {
      specs = op.infer(inputs, attrs);
    } catch (error) {
      if (error instanceof Error) error.message = `${op.name} ${label}: ${error.message}`;
      throw error;
    }
    const outputs: Tensor[] = [];
    const node: Node = { id: this.nodes.length, name: label, op: op as AnyOp, attrs, inputs, outputs };
    for (const [i, spec] of specs.entries()) {
      const tensorName = specs.length === 1 ? label : `${label}:${i}`;
      outputs.push({ ...this.#tensor(tensorName, spec.shape, spec.dtype, "value"), producer: node });
    }
    this.nodes.push(node);
    return outputs;
  }

  /** Adds a node of one output and returns it. */
  apply<A>(op: Op<A>, inputs: readonly Tensor[], attrs: A, name?: string): Tensor {
    return this.add(op, inputs, attrs, name)[0]!;
  }

  /** Runs `build` with `name` in front of the names of the nodes it adds. */
  scope<T>(name: string, build: () => T): T {
    this.#scope.push(name);
    try {
      return build();
    } finally {
      this.#scope.pop();
    }
  }

  /** A graph of the same inputs and states, without nodes or outputs, whose new tensors differ from all of this one. */
  derived(): Graph {
    const g = new Graph();
    for (const [name, tensor] of this.inputs) g.inputs.set(name, tensor);
    for (const [name, tensor] of this.states) g.states.set(name, tensor);
    g.#ids = this.#ids;
    return g;
  }

  /** Names a tensor that the host may read after a run. */
  output(name: string, tensor: Tensor): void {
    if (this.outputs.has(name)) throw new TypeError(`Output ${name} is named twice`);
    this.outputs.set(name, tensor);
  }

  #claim(name: string): void {
    if (this.inputs.has(name) || this.states.has(name)) throw new TypeError(`Tensor ${name} is declared twice`);
  }

  #tensor(name: string, shape: readonly number[], dtype: DType, role: TensorRole, data?: HostArray): Tensor {
    if (!shape.every((d) => Number.isInteger(d) && d >= 0)) {
      throw new RangeError(`Tensor ${name} has shape [${shape}]; dimensions are whole numbers from 0`);
    }
    if (data && data.length !== sizeOf(shape)) {
      throw new RangeError(`Tensor ${name} of shape [${shape}] takes ${sizeOf(shape)} values, got ${data.length}`);
    }
    return { id: this.#ids++, name, shape: [...shape], dtype, role, ...(data ? { data } : {}) };
  }
}

function toHost(values: readonly number[], dtype: DType): HostArray {
  return dtype === "f32"
    ? Float32Array.from(values)
    : dtype === "i32"
    ? Int32Array.from(values)
    : dtype === "f16"
    ? Float16Array.from(values)
    : Uint32Array.from(values);
}

/** One line a node: name, operator, attributes, inputs and outputs. */
export function printGraph(g: Graph): string {
  const ref = (t: Tensor) => `%${t.id}${t.role === "value" ? "" : `(${t.name})`}`;
  const lines = g.nodes.map((n) => {
    const attrs = Object.keys(n.attrs).length ? ` ${JSON.stringify(n.attrs)}` : "";
    const outs = n.outputs.map((t) => `%${t.id}: ${specText(t)}`).join(", ");
    return `${outs} = ${n.op.name}(${n.inputs.map(ref).join(", ")})${attrs}  # ${n.name}`;
  });
  for (const [name, t] of g.outputs) lines.push(`output ${name} = ${ref(t)}`);
  return lines.join("\n");
}
