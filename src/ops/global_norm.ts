/** The length of several tensors as one vector: the gradient norm of a step (torch.nn.utils.clip_grad_norm_'s). */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, output, plain, type Ref, scratch } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

/** Tensors that one dispatch reads: with the sums they fit in the 8 storage buffers that every WebGPU adapter offers. */
const TENSORS = 6;
/** Elements from which a tensor has a dispatch of its own: about where that costs lavapipe less than the choice. */
const LARGE = 2 ** 15;
/** Elements that one workgroup sums up. */
const SLAB = 64 * 128 * 4;

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
    const sums = groupsOf(inputs.map(({ shape }) => sizeOf(shape))).map((group) => {
      const sizes = Array.from({ length: 8 }, (_, i) => group[i]?.size ?? 0);
      const bindings = Array.from({ length: TENSORS }, (_, i): Ref => input((group[i] ?? group[0]!).index));
      const workgroups = sizes.reduce((sum, size) => sum + Math.ceil(size / SLAB), 0);
      const first = slabs;
      slabs += workgroups;
      return {
        shader: "global_norm",
        constants: { ALONE: Number(group.length === 1) },
        params: { sizes, first },
        bindings: [...bindings, scratch(0)],
        workgroups: [workgroups, 1, 1] as const,
      };
    });
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

/** Tensors by their place among the inputs. */
interface Sized {
  readonly index: number;
  readonly size: number;
}

/** Which tensors share a dispatch: large ones none, the others up to TENSORS; empty ones have no part. */
function groupsOf(sizes: readonly number[]): Sized[][] {
  const all = sizes.map((size, index) => ({ index, size })).filter(({ size }) => size > 0);
  const small = all.filter(({ size }) => size < LARGE);
  const shared = Array.from(
    { length: Math.ceil(small.length / TENSORS) },
    (_, i) => small.slice(i * TENSORS, (i + 1) * TENSORS),
  );
  return [...all.filter(({ size }) => size >= LARGE).map((tensor) => [tensor]), ...shared];
}

/** sqrt of the sum of the squares of all elements of all tensors, [1]. */
export function globalNorm(g: Graph, tensors: readonly Tensor[]): Tensor {
  return g.apply(GlobalNorm, tensors, {});
}
