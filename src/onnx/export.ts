/**
 * Graphs as ONNX models (opset 13): the operators that a frozen encoder is made of, in ONNX's order of axes. Tensors of
 * rank 4 are [n, h, w, c] in the graph and [n, c, h, w] in the model; weights [kh, kw, ci, co] become [co, ci, kh, kw].
 */

import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/op.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { OnnxBuilder } from "./build.ts";
import { permuted } from "./host.ts";

/** The values of a state on the host. */
export type StateValues = (state: Tensor) => Float32Array;

/** What a translator works with: the model, and the names of values and weights in it. */
interface Scope {
  readonly b: OnnxBuilder;
  /** The name of a node's input in the model. */
  value(node: Node, index: number): string;
}

type Translator = (scope: Scope, node: Node, name: string) => string;

/** One for each operator, giving the name of the value that stands for the node's first output. */
const translators: Readonly<Record<string, Translator>> = {
  Conv: ({ b, value }, node, name) => {
    const { strides, pads, dilations, group } = node.attrs;
    return b.node(name, "Conv", [value(node, 0), value(node, 1)], { strides, pads, dilations, group });
  },
  BatchNormalization: ({ b, value }, node, name) => {
    const { epsilon, relu, residual } = node.attrs;
    const inputs = [0, 1, 2, 3, 4].map((i) => value(node, i));
    let y = b.node(`${name}.normalized`, "BatchNormalization", inputs, { epsilon });
    if (residual) y = b.node(`${name}.sum`, "Add", [y, value(node, 5)]);
    return relu ? b.node(name, "Relu", [y]) : y;
  },
  MaxPool: ({ b, value }, node, name) => {
    const { kernel, strides, pads, dilations } = node.attrs;
    return b.node(name, "MaxPool", [value(node, 0)], { kernel_shape: kernel, strides, pads, dilations });
  },
  ReduceSum: ({ b, value }, node, name) => {
    const { axes, keepdims, scale } = node.attrs;
    const { shape } = node.inputs[0]!;
    if (shape.length !== 4 || axes.join() !== "1,2" || scale !== 1 / (shape[1]! * shape[2]!)) {
      throw new TypeError(`the reduction ${name} is no mean over all pixels, which alone can be exported`);
    }
    return b.node(name, "ReduceMean", [value(node, 0)], { axes: [2, 3], keepdims: Number(keepdims) });
  },
};

/**
 * Writes a graph of one input [n, h, w, c] and one output as a model of a free batch. States become weights without
 * `prefix` in front of their names. Throws TypeError for operators that it does not know.
 */
export function exportGraph(
  g: Graph,
  { name, about, prefix, values }: { name: string; about: string; prefix: string; values: StateValues },
): OnnxBuilder {
  const b = new OnnxBuilder(name, about);
  const names = new Map<number, string>();
  const nameOf = (t: Tensor): string => {
    const known = names.get(t.id);
    if (known !== undefined) return known;
    if (t.role !== "state") throw new TypeError(`${t.name} is made by no node that was exported`);
    const { shape, data } = t.shape.length === 4
      ? permuted({ dtype: "f32", shape: t.shape, data: values(t) }, [3, 2, 0, 1])
      : { shape: t.shape, data: values(t) };
    const own = b.weight(t.name.startsWith(prefix) ? t.name.slice(prefix.length) : t.name, shape, data as Float32Array);
    names.set(t.id, own);
    return own;
  };
  for (const [input, t] of g.inputs) {
    const [, h, w, c] = t.shape as [number, number, number, number];
    names.set(t.id, b.input(input, [c, h, w]));
  }
  const scope: Scope = { b, value: (node, index) => nameOf(node.inputs[index]!) };
  for (const node of g.nodes) {
    const translate = translators[node.op.name];
    if (!translate) throw new TypeError(`${node.op.name} ${node.name} cannot be exported`);
    names.set(node.outputs[0]!.id, translate(scope, node, `${node.name}.${node.id}`));
  }
  for (const [output, t] of g.outputs) {
    b.output(b.node(output, "Identity", [nameOf(t)]), t.shape.slice(1));
  }
  if (b.parameters !== [...g.states.values()].reduce((sum, t) => sum + sizeOf(t.shape), 0)) {
    throw new TypeError("the model does not hold all states of the graph");
  }
  return b;
}
