/** Rows divided by their length, x / max(|x|, epsilon), as torch.nn.functional.normalize. */

import type { Graph } from "../graph/graph.ts";
import { input, type Node, type Op, output, plain } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { inversePermutation, transpose } from "./transpose.ts";

interface Attrs {
  readonly epsilon: number;
}

const paramsOf = (node: Node) => {
  const columns = node.inputs[0]!.shape.at(-1)!;
  return { rows: sizeOf(node.inputs[0]!.shape) / columns, columns, epsilon: (node.attrs as Attrs).epsilon };
};

/** Normalises along the last axis. */
export const L2Normalize: Op<Attrs> = {
  name: "L2Normalize",
  infer: ([x]) => {
    if (x!.dtype !== "f32" || x!.shape.length === 0) throw new TypeError(`takes f32 rows, got ${specText(x!)}`);
    return [x!];
  },
  candidates: plain((node) => {
    const params = paramsOf(node);
    return {
      kernels: [{ shader: "l2_normalize", params, bindings: [input(0), output(0)], workgroups: [params.rows, 1, 1] }],
    };
  }),
  splitInputs: (node) => [node.inputs[0]!.shape.length > 1],
  gradient: (g, node, [dy]) => [g.apply(L2NormalizeGradient, [node.inputs[0]!, node.outputs[0]!, dy!], node.attrs)],
};

/** Inputs x, y, dy; output dx. */
const L2NormalizeGradient: Op<Attrs> = {
  name: "L2NormalizeGradient",
  infer: ([x]) => [x!],
  candidates: plain((node) => {
    const params = paramsOf(node);
    const bindings = [input(0), input(1), input(2), output(0)];
    return { kernels: [{ shader: "l2_normalize_grad", params, bindings, workgroups: [params.rows, 1, 1] }] };
  }),
};

/** x divided by its length along `axis`; `epsilon` bounds the length from below. */
export function l2Normalize(g: Graph, x: Tensor, axis = -1, epsilon = 1e-12): Tensor {
  const at = normalizeAxis(axis, x.shape.length);
  if (at === x.shape.length - 1) return g.apply(L2Normalize, [x], { epsilon });
  const perm = [...x.shape.keys()].filter((d) => d !== at).concat(at);
  return transpose(g, g.apply(L2Normalize, [transpose(g, x, perm)], { epsilon }), inversePermutation(perm));
}
