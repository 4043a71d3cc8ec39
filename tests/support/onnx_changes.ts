/** Changes of ONNX graphs, for tests that hold what becomes of a model whatever is done to it. */

import fc from "fast-check";
import type onnxProto from "onnx-proto";
import { folders } from "../../src/onnx/fold.ts";
import { importers } from "../../src/onnx/operators.ts";

type Model = onnxProto.onnx.IModelProto;
type Graph = onnxProto.onnx.IGraphProto;
type Node = onnxProto.onnx.INodeProto;
type Attribute = onnxProto.onnx.IAttributeProto;

const KINDS = [
  ...["operator", "number", "text", "new attribute", "forget", "input", "leave out", "swap", "copy", "drop"],
  ...["dims", "values", "input dims", "input type", "opset", "output"],
] as const;

/** One change; the numbers choose among what is there. */
export interface Change {
  readonly kind: typeof KINDS[number];
  readonly place: number;
  readonly value: number;
}

/** Any change. */
export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(...KINDS),
  place: fc.nat(100_000),
  value: fc.nat(100_000),
});

const OPERATORS = [...new Set([...Object.keys(importers), ...Object.keys(folders)])].sort();
const NUMBERS = [0, 1, 2, 3, -1, -2, -3, 4, 5, 7, 8, 16, 1000, 2 ** 31 - 1, 2 ** 53];
const REALS = [0, -1, 0.5, 2, 1e30, NaN];
const TEXTS = [
  "SAME_UPPER",
  "SAME_LOWER",
  "linear",
  "cubic",
  "nearest",
  "edge",
  "wrap",
  "reflect",
  "add",
  "CRD",
  "x",
  "",
];
const TYPES = [1, 6, 7, 9, 11];
const OPSETS = [1, 6, 7, 9, 11, 13, 18, 21, 23];

const int = (name: string, i: number): Attribute => ({ name, type: 2, i });
const ints = (name: string, values: number[]): Attribute => ({ name, type: 7, ints: values });
const ATTRIBUTES: readonly Attribute[] = [
  int("axis", 1),
  int("axis", -1),
  int("keepdims", 0),
  ints("axes", [1]),
  int("group", 2),
  ints("pads", [1, 1, 1, 1]),
  ints("strides", [2, 2]),
  ints("dilations", [2, 2]),
  int("ceil_mode", 1),
  int("align_corners", 1),
  int("nonsense", 1),
  { name: "auto_pad", type: 3, s: new TextEncoder().encode("SAME_UPPER") },
];

const pick = <T>(list: readonly T[] | null | undefined, n: number): T | undefined =>
  list && list.length > 0 ? list[n % list.length] : undefined;

/** Makes a change in place; one that finds nothing to change changes nothing. */
export function applyChange(model: Model, change: Change): void {
  const graph = model.graph!;
  const { kind, place, value } = change;
  switch (kind) {
    case "dims":
    case "values":
      return changeWeight(graph, kind, place, value);
    case "input dims": {
      const dims = pick(graph.input, place)?.type?.tensorType?.shape?.dim;
      if (dims?.length) dims[value % dims.length] = { dimValue: pick([0, 1, 2, 3, 5], value)! };
      return;
    }
    case "input type": {
      const type = pick(graph.input, place)?.type?.tensorType;
      if (type) type.elemType = pick(TYPES, value)!;
      return;
    }
    case "opset":
      for (const opset of model.opsetImport!) if (!opset.domain) opset.version = pick(OPSETS, value)!;
      return;
    case "drop":
      if (graph.node!.length > 1) graph.node!.splice(place % graph.node!.length, 1);
      return;
    default:
      return changeNode(graph, pick(graph.node, place)!, kind, value);
  }
}

function changeWeight(graph: Graph, kind: "dims" | "values", place: number, value: number): void {
  const weight = pick(graph.initializer, place);
  const size = weight?.dims?.length ?? 0;
  if (kind === "dims" && size > 0) weight!.dims![value % size] = pick(NUMBERS, value)!;
  if (kind !== "values") return;
  for (const list of [weight?.floatData, weight?.int64Data, weight?.int32Data]) {
    if (list?.length) list[value % list.length] = pick(list === weight!.floatData ? REALS : NUMBERS, value)!;
  }
}

type NodeKind = Exclude<Change["kind"], "dims" | "values" | "input dims" | "input type" | "opset" | "drop">;

function changeNode(graph: Graph, node: Node, kind: NodeKind, value: number): void {
  const attributes = node.attribute ?? [];
  const inputs = node.input ?? [];
  switch (kind) {
    case "operator":
      node.opType = pick(OPERATORS, value)!;
      return;
    case "number":
      return changeNumber(pick(attributes, value), value);
    case "text": {
      const texts = attributes.filter((a) => a.type === 3);
      const attribute = pick(texts, value);
      if (attribute) attribute.s = new TextEncoder().encode(pick(TEXTS, value)!);
      return;
    }
    case "new attribute": {
      const added = pick(ATTRIBUTES, value)!;
      node.attribute = [...attributes.filter((a) => a.name !== added.name), added];
      return;
    }
    case "forget":
      node.attribute = attributes.filter((_, i) => i !== value % attributes.length);
      return;
    case "input": {
      const made = graph.node!.flatMap((other) => other.output ?? []);
      const names = [...made, ...[...graph.input ?? [], ...graph.initializer ?? []].map((v) => v.name!)];
      if (inputs.length) inputs[value % inputs.length] = pick(names, value)!;
      return;
    }
    case "leave out":
      if (inputs.length) inputs[value % inputs.length] = "";
      return;
    case "swap":
      node.input = inputs.toReversed();
      return;
    case "copy":
      node.input = [...inputs, ...inputs];
      return;
    case "output":
      node.output = [...pick(graph.node, value)!.output ?? []];
      return;
    default:
      kind satisfies never;
  }
}

function changeNumber(attribute: Attribute | undefined, value: number): void {
  if (!attribute) return;
  const list = attribute.ints;
  if (list?.length && value % 3 === 0) list.push(pick(NUMBERS, value)!);
  else if (list?.length && value % 3 === 1) list.pop();
  else if (list?.length) list[value % list.length] = pick(NUMBERS, value)!;
  else if (attribute.type === 1) attribute.f = pick(REALS, value)!;
  else if (attribute.type === 2) attribute.i = pick(NUMBERS, value)!;
}
