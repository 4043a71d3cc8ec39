/** An ONNX model as nodes of a graph, at the batch size of the tensors that it is given. */

import { messageOf, UserError } from "../errors.ts";
import { Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { bindInputs, checkOutput, type Rebatch } from "./declared.ts";
import type { HostTensor, Model, ModelNode, Subgraph } from "./decode.ts";
import { UnsupportedError } from "./element_type.ts";
import { folders } from "./fold.ts";
import { listOf, scalarOf } from "./host.ts";
import { isLargeWeight } from "./large_weights.ts";
import { type Importer, importers } from "./operators.ts";
import { NodeReader } from "./reader.ts";
import { checkInputs } from "./signatures.ts";
import { asImage, asPlain, plainValue, shapeOf, type Value } from "./values.ts";

/** Folded tensors above this many elements are left to the device, unless they are whole numbers. */
const FOLD_LIMIT = 65536;

/** What shows the same values under another shape, and so folds for tensors of any size. */
const VIEWS: ReadonlySet<string> = new Set("Identity Reshape Flatten Squeeze Unsqueeze Shape Size".split(" "));

/** A value that must be known at import, but depends on the inputs. */
class UnknownValueError extends UnsupportedError {
  constructor(message: string, readonly value: string) {
    super(message);
  }
}

/** What an operator's importer works with. */
export interface NodeScope {
  readonly g: Graph;
  readonly node: NodeReader;
  readonly opset: number;
  /** Inputs of the node; null for one that is left out. */
  readonly inputs: readonly (Value | null)[];
  /** Declared and actual batch size, where they differ: a model with a fixed batch run at another one. */
  readonly batch: Rebatch | null;
  /** An input as a tensor in ONNX's order. */
  plain(index: number): Tensor;
  /** An input as [n, h, w, c]. */
  image(index: number): Tensor;
  /** An input whose values must be known at import; UserError when they are not. */
  host(index: number): HostTensor;
  /** The same where the input is there, else null. */
  optionalHost(index: number): HostTensor | null;
  /** The number that an input is, which must be known at import; `preset` where it is left out. */
  scalar(index: number, preset?: number): number;
  /** The numbers of an input that is a list, which must be known at import. */
  list(index: number): number[];
  /** The shape of an input; UserError where it has other than `least` to `most` dimensions. */
  shape(index: number, least?: number, most?: number): readonly number[];
  has(index: number): boolean;
  /** Adds the nodes of a graph that the node holds; `given` are its inputs, and what it gives are its outputs. */
  run(graph: Subgraph, given: readonly Value[]): readonly Value[];
}

/** The values of a graph by name; those of the graphs around it are seen too. */
class Values {
  readonly #own = new Map<string, Value>();

  constructor(readonly outer: Values | null = null) {}

  get(name: string): Value | undefined {
    return this.#own.get(name) ?? this.outer?.get(name);
  }

  owns(name: string): boolean {
    return this.#own.has(name);
  }

  set(name: string, value: Value): void {
    this.#own.set(name, value);
  }
}

/** What all nodes of an import share. */
interface Context {
  readonly g: Graph;
  readonly model: Model;
  readonly batch: Rebatch | null;
}

/** Inputs by name: tensors of the graph, or values that are known and fold away. */
export type Given = Readonly<Record<string, Tensor | HostTensor>>;

/**
 * Adds a model's nodes and returns its outputs by name. Symbolic dimensions take their values from the given tensors;
 * a fixed batch size in the first dimension may be run at another one. UserError for wrong inputs, and for
 * operators or attributes that are not supported: all unknown operators at once, with the nodes that use them.
 */
export function importModel(g: Graph, model: Model, given: Given): Record<string, Tensor> {
  refuseUnknown(model.path, model.nodes);
  const context = { g, model, batch: bindInputs(model, given) };
  const values = new Values();
  for (const [name, host] of model.weights) values.set(name, { host });
  for (const [name, v] of Object.entries(given)) values.set(name, "role" in v ? plainValue(v) : { host: v });
  addNodes(context, model.nodes, values);
  return Object.fromEntries(model.outputs.map((declared) => {
    const { name } = declared;
    const value = values.get(name);
    if (!value) throw new UserError(`${model.path}: no node makes the output ${name}`);
    const tensor = asPlain(g, value);
    checkOutput(model, declared, tensor, context.batch);
    return [name, tensor];
  }));
}

/**
 * The inputs whose values must be known at import, found by trying: the shape that a Reshape takes, the bounds of a
 * Clip. UserError for a model that cannot be imported even so.
 */
export function neededInputs(model: Model, inputs: ReadonlyMap<string, HostTensor>): ReadonlySet<string> {
  const known = new Set<string>();
  while (true) {
    const g = new Graph();
    const given = [...inputs].map(([name, host]) =>
      [name, known.has(name) ? host : g.input(name, host.shape, host.dtype)] as const
    );
    try {
      importModel(g, model, Object.fromEntries(given));
      return known;
    } catch (error) {
      if (!(error instanceof UnknownValueError)) throw error;
      const before = known.size;
      for (const name of sourcesOf(model, error.value)) if (inputs.has(name)) known.add(name);
      if (known.size === before) throw error;
    }
  }
}

/** All values that a value is made from, itself among them. */
function sourcesOf(model: Model, value: string): Set<string> {
  const sources = new Set([value]);
  for (const node of [...model.nodes].reverse()) {
    if (node.outputs.some((name) => sources.has(name))) node.inputs.forEach((name) => sources.add(name));
  }
  return sources;
}

/** Adds nodes in order; their outputs join the values. */
function addNodes(context: Context, nodes: readonly ModelNode[], values: Values): void {
  for (const node of nodes) {
    const outputs = importNode(context, node, values);
    node.outputs.forEach((name, i) => {
      if (name === "" || !outputs[i]) return;
      if (values.owns(name)) throw new UserError(`${context.model.path}: ${node.op} ${node.name} makes ${name} anew`);
      values.set(name, outputs[i]!);
    });
  }
}

function lookUp({ model }: Context, values: Values, name: string, reader: string): Value {
  const value = values.get(name);
  if (!value) throw new UserError(`${model.path}: ${reader} reads ${name}, which no earlier node makes`);
  return value;
}

function importNode(context: Context, node: ModelNode, values: Values): readonly Value[] {
  const { g, model } = context;
  const label = `${node.op} ${node.name}`;
  const inputs = node.inputs.map((name) => name === "" ? null : lookUp(context, values, name, label));
  const reader = new NodeReader(node, model.opset);
  try {
    checkInputs(node.op, model.opset, label, inputs);
    const folded = fold(reader, inputs);
    if (folded) return folded.map((host) => ({ host }));
    const scope = nodeScope(context, reader, inputs, values);
    const outputs = g.scope(node.name, () => (importers[node.op] ?? onlyFolds)(scope));
    reader.finish();
    return outputs;
  } catch (error) {
    const prefix = `${model.path}: `;
    const known = messageOf(error).startsWith(prefix); // from a graph inside
    const message = known ? messageOf(error) : prefix + messageOf(error);
    if (error instanceof UnknownValueError) throw new UnknownValueError(message, error.value);
    if (error instanceof UserError) throw new UnsupportedError(message, { cause: error });
    throw new UserError(`${model.path}: ${label}: ${messageOf(error)}`, { cause: error });
  }
}

/** Adds the nodes of a graph inside a graph. */
function addSubgraph(context: Context, graph: Subgraph, given: readonly Value[], outer: Values): readonly Value[] {
  refuseUnknown(context.model.path, graph.nodes);
  const values = new Values(outer);
  for (const [name, host] of graph.weights) values.set(name, { host });
  graph.inputs.forEach((name, i) => given[i] && values.set(name, given[i]!));
  addNodes(context, graph.nodes, values);
  return graph.outputs.map((name) => lookUp(context, values, name, "an inner graph's output"));
}

/** An operator of shape arithmetic alone, where an input is not known: says which. */
function onlyFolds(scope: NodeScope): never {
  scope.inputs.forEach((v, i) => v && scope.host(i));
  throw new UserError(`${scope.node.label}: more than ${FOLD_LIMIT} values are not supported`);
}

/** The node's results where all it needs is known on the host; null otherwise. */
function fold(reader: NodeReader, inputs: readonly (Value | null)[]): readonly HostTensor[] | null {
  const { op } = reader.node;
  const folder = folders[op];
  if (!folder || inputs.some((v) => v && !("host" in v))) return null;
  const hosts = inputs.map((v) => v && "host" in v ? v.host : null);
  const large = hosts.some((t) => t && t.dtype === "f32" && sizeOf(t.shape) > FOLD_LIMIT);
  // A weight beyond a binding must be on the host to be cut, also where an exporter left its Transpose in the graph.
  const turned = op === "Transpose" && isLargeWeight(hosts[0]!);
  if (large && !VIEWS.has(op) && !turned) return null;
  const result = folder(reader, hosts);
  reader.finish();
  return result instanceof Array ? result : [result as HostTensor];
}

function nodeScope(
  context: Context,
  node: NodeReader,
  inputs: readonly (Value | null)[],
  values: Values,
): NodeScope {
  const { g, batch } = context;
  const need = (index: number): Value => {
    const value = inputs[index];
    if (!value) throw new UserError(`${node.label}: input ${index} is missing`);
    return value;
  };
  const scope: NodeScope = {
    g,
    node,
    opset: node.opset,
    inputs,
    batch,
    plain: (index) => asPlain(g, need(index)),
    image: (index) => asImage(g, need(index)),
    host: (index) => {
      const value = need(index);
      if (!("host" in value)) {
        const name = node.node.inputs[index]!;
        const why = "depends on the model's inputs, but must be known at import";
        throw new UnknownValueError(`${node.label}: input ${index} (${name}) ${why}`, name);
      }
      return value.host;
    },
    optionalHost: (index) => inputs[index] ? scope.host(index) : null,
    scalar: (index, preset) => preset === undefined || inputs[index] ? scalarOf(scope.host(index)) : preset,
    list: (index) => listOf(scope.host(index)),
    shape: (index, least = 0, most = Infinity) => checkRank(shapeOf(need(index)), index, least, most, node.label),
    has: (index) => Boolean(inputs[index]),
    run: (graph, given) => addSubgraph(context, graph, given, values),
  };
  return scope;
}

function checkRank(shape: readonly number[], index: number, least: number, most: number, label: string) {
  if (shape.length >= least && shape.length <= most) return shape;
  const range = least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;
  throw new UserError(`${label}: input ${index} is [${shape}] and should have ${range} dimensions`);
}

/** Throws one UserError that lists every unknown operator with the nodes that use it. */
function refuseUnknown(path: string, nodes: readonly ModelNode[]): void {
  const unknown = new Map<string, string[]>();
  for (const { op, domain, name } of nodes) {
    const foreign = domain !== "" && domain !== "ai.onnx";
    const known = !foreign && (Object.hasOwn(importers, op) || Object.hasOwn(folders, op));
    if (known) continue;
    const key = foreign ? `${domain}.${op}` : op;
    unknown.set(key, [...unknown.get(key) ?? [], name]);
  }
  if (unknown.size === 0) return;
  const list = [...unknown].map(([op, names]) =>
    `${op} (${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""})`
  );
  throw new UnsupportedError(`${path}: unsupported operators: ${list.join("; ")}`);
}

/**
 * A shape that a model with a fixed batch size wrote down, at the actual batch size: where the elements do not fit and
 * the first dimension is the declared batch (or a multiple of it), it follows.
 */
export function rebatch(shape: readonly number[], count: number, batch: Rebatch | null): readonly number[] {
  if (!batch || sizeOf(shape) === count || shape[0]! % batch.declared !== 0) return shape;
  return [shape[0]! / batch.declared * batch.actual, ...shape.slice(1)];
}

export type { Importer };
