/** The length of several tensors as one vector: the gradient norm of a step (torch.nn.utils.clip_grad_norm_'s). */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, output, plain, type Ref, scratch } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

/** Tensors that one dispatch reads: with the sums they fit in the 8 storage buffers that every WebGPU adapter offers. */
const TENSORS = 6;
/** Elements that one workgroup sums up. */
const SLAB = 64 * 16 * 4;

/** Inputs of any shapes; output [1] = sqrt(sum of all squares). */
export const GlobalNorm: Op = {
  name: "GlobalNorm",
  infer: (inputs) => {
    const other = inputs.find(({ dtype }) => dtype !== "f32");
    if (other || inputs.length === 0) throw new TypeError(`takes f32 tensors, got ${other ? specText(other) : "none"}`);
    return [{ shape: [1], dtype: "f32" }];
  },
  candidates: plain(({ inputs }) => {
    let slabs = 0;
    const sums = Array.from({ length: Math.ceil(inputs.length / TENSORS) }, (_, chunk) => {
      const first = chunk * TENSORS;
      const sizes = Array.from({ length: TENSORS }, (_, i) => sizeOf(inputs[first + i]?.shape ?? [0]));
      const bindings = sizes.map((_, i): Ref => input(first + i < inputs.length ? first + i : first));
      const workgroups = sizes.reduce((sum, size) => sum + Math.ceil(size / SLAB), 0);
      const params = { sizes: [...sizes, 0, 0], first: slabs };
      slabs += workgroups;
      return {
        shader: "global_norm",
        params,
        bindings: [...bindings, scratch(0)],
        workgroups: [workgroups, 1, 1] as const,
      };
    }).filter(({ workgroups: [x] }) => x > 0);
    return {
      scratch: [4 * Math.max(1, slabs)],
      kernels: [...sums, {
        shader: "global_norm_finish",
        params: { slabs },
        bindings: [scratch(0), output(0)],
        workgroups: [1, 1, 1],
      }],
    };
  }),
};

/** sqrt of the sum of the squares of all elements of all tensors, [1]. */
export function globalNorm(g: Graph, tensors: readonly Tensor[]): Tensor {
  return g.apply(GlobalNorm, tensors, {});
}
