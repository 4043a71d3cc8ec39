/** Softmax and LogSoftmax (ONNX 13) along one axis, safe for any logits. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Node, type Op, output, plain, texture } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { mul, sub } from "./binary.ts";
import { reduce } from "./reduce.ts";
import { inversePermutation, transpose } from "./transpose.ts";
import { unary } from "./unary.ts";

/** Along the last axis. */
const softmaxOps = { Softmax: softmaxOp("Softmax", false), LogSoftmax: softmaxOp("LogSoftmax", true) };

function softmaxOp(name: string, log: boolean): Op {
  return {
    name,
    infer: ([x]) => {
      if (x!.dtype !== "f32" || x!.shape.length === 0) throw new TypeError(`takes f32 rows, got ${specText(x!)}`);
      return [x!];
    },
    candidates: [
      {
        name: "rows",
        on: "cpu",
        accepts: (node) => node.inputs[0]!.shape.at(-1)! % 4 === 0,
        lower: (node) => {
          const { rows, columns } = matrixOf(node);
          return {
            kernels: [{
              shader: "softmax_rows",
              constants: { LOG: Number(log) },
              params: { rows, vectors: columns / 4 },
              bindings: [texture(input(0)), output(0)],
              workgroups: cover(rows, 16),
              iterations: 3 * columns / 4,
            }],
          };
        },
      },
      ...plain((node) => {
        const { rows, columns } = matrixOf(node);
        return {
          kernels: [{
            shader: "softmax",
            constants: { LOG: Number(log) },
            params: { rows, columns },
            bindings: [input(0), output(0)],
            workgroups: [rows, 1, 1],
          }],
        };
      }),
    ],
    splitInputs: (node) => [node.inputs[0]!.shape.length > 1],
    // y = softmax x: dx = y (dy - sum(dy y)). y = log softmax x: dx = dy - e^y sum(dy).
    gradient: (g, node, [dy]) => {
      const y = node.outputs[0]!;
      const total = (t: Tensor) => reduce(g, "Sum", t, [-1], true);
      if (log) return [sub(g, dy!, mul(g, unary(g, "Exp", y), total(dy!)))];
      return [mul(g, y, sub(g, dy!, total(mul(g, dy!, y))))];
    },
  };
}

/** The input as rows along the last axis. */
function matrixOf(node: Node): { rows: number; columns: number } {
  const { shape } = node.inputs[0]!;
  const columns = shape.at(-1)!;
  return { rows: sizeOf(shape) / columns, columns };
}

/** Softmax (or its logarithm) of x along `axis`. */
export function softmax(g: Graph, x: Tensor, axis = -1, name: keyof typeof softmaxOps = "Softmax"): Tensor {
  const at = normalizeAxis(axis, x.shape.length);
  if (at === x.shape.length - 1) return g.apply(softmaxOps[name], [x], {});
  const perm = [...x.shape.keys()].filter((d) => d !== at).concat(at);
  return transpose(g, g.apply(softmaxOps[name], [transpose(g, x, perm)], {}), inversePermutation(perm));
}
