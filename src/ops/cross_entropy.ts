/** Softmax cross-entropy with class numbers (ONNX SoftmaxCrossEntropyLoss 13), safe for any logits. */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, output, plain } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { mul } from "./binary.ts";
import { reduce } from "./reduce.ts";
import { reshape } from "./reshape.ts";

/** Inputs logits [rows, classes] and labels i32 [rows]; outputs losses [rows], their gradients [rows, classes]. */
export const CrossEntropy: Op = {
  name: "CrossEntropy",
  infer: ([x, labels]) => {
    if (
      x!.shape.length !== 2 || labels!.dtype !== "i32" || labels!.shape[0] !== x!.shape[0] || labels!.shape.length !== 1
    ) {
      throw new TypeError(
        `takes logits [rows, classes] and i32 [rows] labels, got ${specText(x!)} and ${specText(labels!)}`,
      );
    }
    return [{ shape: [x!.shape[0]!], dtype: "f32" }, x!];
  },
  candidates: plain((node) => {
    const [rows, classes] = node.inputs[0]!.shape as [number, number];
    const bindings = [input(0), input(1), output(0), output(1)];
    return { kernels: [{ shader: "cross_entropy", params: { rows, classes }, bindings, workgroups: [rows, 1, 1] }] };
  }),
  gradient: (g, node, [dloss]) => [mul(g, node.outputs[1] as Tensor, reshape(g, dloss!, [dloss!.shape[0]!, 1])), null],
};

/** Cross-entropy of logits [rows, classes], over the rows: their mean, their sum, or none of both. */
export function crossEntropy(g: Graph, x: Tensor, labels: Tensor, over: "mean" | "sum" | "none" = "mean"): Tensor {
  const rows = g.add(CrossEntropy, [x, labels], {})[0]!;
  return over === "none" ? rows : reduce(g, over === "mean" ? "Mean" : "Sum", rows, []);
}
