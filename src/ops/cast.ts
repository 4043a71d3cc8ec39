/** Cast (ONNX 13) between f32, i32, u32 and bool: towards zero from f32, 0 and 1 to and from bool. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { type DType, sizeOf, specText, type Tensor } from "../graph/tensor.ts";

const CODES: Partial<Record<DType, number>> = { f32: 0, i32: 1, u32: 2, bool: 3 };
const WG_SIZE = 256;

/** Converts element by element. */
export const Cast: Op<{ readonly to: DType }> = {
  name: "Cast",
  infer: ([x], { to }) => {
    if (CODES[x!.dtype] === undefined || CODES[to] === undefined) {
      throw new TypeError(`takes and gives f32, i32, u32 and bool, not ${specText(x!)} to ${to}`);
    }
    return [{ shape: x!.shape, dtype: to }];
  },
  candidates: plain((node) => {
    const vectors = Math.ceil(sizeOf(node.outputs[0]!.shape) / 4);
    return {
      kernels: [{
        shader: "cast",
        constants: { FROM: CODES[node.inputs[0]!.dtype]!, TO: CODES[node.attrs.to as DType]! },
        params: { vectors },
        bindings: [input(0), output(0)],
        workgroups: cover(vectors, WG_SIZE),
      }],
    };
  }),
  splitInputs: () => [true],
  gradient: (g, node, [dout]) => [node.inputs[0]!.dtype === "f32" ? cast(g, dout!, "f32") : null],
};

/** x as another type; x itself where it has it. */
export function cast(g: Graph, x: Tensor, to: DType): Tensor {
  return x.dtype === to ? x : g.apply(Cast, [x], { to });
}
