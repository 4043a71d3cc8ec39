/**
 * The length of several tensors as one vector: the gradient norm of a step (torch.nn.utils.clip_grad_norm_'s). Each tensor
 * leaves its sums of squares in common memory as soon as it is there, so that none is kept for the norm alone.
 */

import type { Graph } from "../graph/graph.ts";
import { input, type Kernel, type Node, type Op, output, plain, type Target } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { grouped, groupName } from "./groups.ts";

/** Tensors that one dispatch reads: with the sums they fit in the 8 storage buffers that every WebGPU adapter offers. */
const TENSORS = 6;
/** Elements that one workgroup sums up. */
const SLAB = 2 ** 15;
/** Largest workgroup; each lane has a sum in the common memory. */
const LANES = 64;

/** Memory [n] that SquareSums fills. */
const Sums: Op<{ readonly size: number }> = {
  name: "Sums",
  infer: (_, { size }) => [{ shape: [size], dtype: "f32" }],
  candidates: plain(() => ({ kernels: [] })),
};

/** Inputs the sums (overwritten from slab `first` on) and up to TENSORS tensors. */
const SquareSums: Op<{ readonly first: number }> = {
  name: "SquareSums",
  infer: () => [],
  mutates: [0],
  candidates: plain((node, target) => ({ kernels: [squares(node, target)] })),
};

function squares({ inputs: [, ...tensors], attrs: { first } }: Node, { kind }: Target): Kernel {
  const sizes = tensors.map(({ shape }) => sizeOf(shape));
  // Lanes of a software adapter are those of one vector: more of them only take turns.
  const lanes = kind === "cpu" ? 16 : LANES;
  return {
    shader: "global_norm",
    constants: { ALONE: Number(tensors.length === 1), WG_SIZE: lanes },
    params: { sizes: Array.from({ length: 8 }, (_, i) => sizes[i] ?? 0), first },
    bindings: [...Array.from({ length: TENSORS }, (_, i) => input(1 + (i < tensors.length ? i : 0))), input(0)],
    workgroups: [sizes.reduce((sum, size) => sum + Math.ceil(size / SLAB), 0), 1, 1],
  };
}

/** Input the sums; output [1] = sqrt(their sum). */
const NormOfSums: Op = {
  name: "GlobalNorm",
  infer: () => [{ shape: [1], dtype: "f32" }],
  readsUpdated: [0],
  candidates: plain(({ inputs: [sums] }) => ({
    kernels: [{
      shader: "global_norm_finish",
      params: { count: sizeOf(sums!.shape) },
      bindings: [input(0), output(0)],
      workgroups: [1, 1, 1],
    }],
  })),
};

/** sqrt of the sum of the squares of all elements of all tensors, of any shapes, [1]. */
export function globalNorm(g: Graph, tensors: readonly Tensor[]): Tensor {
  const other = tensors.find(({ dtype }) => dtype !== "f32");
  if (other || tensors.length === 0) {
    throw new TypeError(`A norm takes f32 tensors, got ${other ? specText(other) : "none"}`);
  }
  const groups = grouped(tensors, ({ shape }) => sizeOf(shape), TENSORS);
  const slabsOf = (group: readonly Tensor[]) =>
    group.reduce((sum, { shape }) => sum + Math.ceil(sizeOf(shape) / SLAB), 0);
  const slabs = groups.reduce((sum, group) => sum + slabsOf(group), 0);
  const sums = g.apply(Sums, [], { size: LANES * slabs });
  let first = 0;
  for (const group of groups) {
    g.add(SquareSums, [sums, ...group], { first }, groupName(group.map(({ name }) => name)));
    first += slabsOf(group);
  }
  return g.apply(NormOfSums, [sums], {});
}
