/** Where (ONNX 16): elements of a where the condition holds, else of b, all three broadcast. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { broadcastShapes, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { broadcastStrides, leading } from "./broadcast.ts";
import { reduceTo } from "./reduce.ts";

const WG_SIZE = 256;

/** y = condition ? a : b. */
export const Where: Op = {
  name: "Where",
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== "bool") throw new TypeError(`takes a bool condition, got ${specText(condition!)}`);
    if (a!.dtype !== b!.dtype) {
      throw new TypeError(`takes branches of one type, got ${specText(a!)} and ${specText(b!)}`);
    }
    const shape = broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape));
    return [{ shape, dtype: a!.dtype }];
  },
  candidates: plain((node) => {
    const { shape } = node.outputs[0]!;
    const [condition, a, b] = node.inputs.map((t) => leading(broadcastStrides(t.shape, shape), 0));
    return {
      kernels: [{
        shader: "where",
        params: {
          count: sizeOf(shape),
          dims: leading(shape, 1),
          condition_strides: condition!,
          a_strides: a!,
          b_strides: b!,
        },
        bindings: [input(0), input(1), input(2), output(0)],
        workgroups: cover(sizeOf(shape), WG_SIZE),
      }],
    };
  }),
  splitInputs: (node) => {
    const { shape } = node.outputs[0]!;
    return node.inputs.map((t) => t.shape.length === shape.length && t.shape[0] === shape[0]);
  },
  gradient: (g, node, [dout], wants) => {
    const [condition, a, b] = node.inputs as [Tensor, Tensor, Tensor];
    const zero = g.scalar(0);
    return [
      null,
      wants[1] ? reduceTo(g, where(g, condition, dout!, zero), a.shape) : null,
      wants[2] ? reduceTo(g, where(g, condition, zero, dout!), b.shape) : null,
    ];
  },
};

/** condition ? a : b. */
export function where(g: Graph, condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return g.apply(Where, [condition, a, b], {});
}
