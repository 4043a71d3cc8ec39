/** Which kernels of a node give the same in every run, though the node does not: those that prepare constant weights. */

import type { Kernel, Lowering, Node, Ref } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Kernels to run once, and the scratch memory that they fill. */
export interface Hoisted {
  readonly kernels: ReadonlySet<Kernel>;
  readonly scratch: ReadonlySet<number>;
  /** The part of it that the other kernels bind as buffers; textures are filled in the prologue, too. */
  readonly kept: ReadonlySet<number>;
}

/** No kernels. */
export const NOTHING_HOISTED: Hoisted = { kernels: new Set(), scratch: new Set(), kept: new Set() };

/** The kernels of a lowering that read nothing but steady tensors, and what such kernels left in scratch memory. */
export function hoistable(node: Node, { kernels }: Lowering, steady: (tensor: Tensor) => boolean): Hoisted {
  const filled = new Set<number>();
  const hoisted = { kernels: new Set<Kernel>(), scratch: new Set<number>() };
  for (const kernel of kernels) {
    const refs = kernel.bindings.filter(({ kind }) => kind !== "nothing").map(bufferOf);
    const fills = refs.flatMap((ref) => ref.kind === "scratch" && !filled.has(ref.index) ? [ref.index] : []);
    const reads = refs.filter((ref) => ref.kind === "input" || (ref.kind === "scratch" && filled.has(ref.index)));
    const same = (ref: Ref) =>
      ref.kind === "input" ? steady(node.inputs[ref.index]!) : ref.kind === "scratch" && hoisted.scratch.has(ref.index);
    const writesOnlyScratch = !node.op.mutates && refs.every((ref) => ref.kind !== "output") && fills.length > 0;
    fills.forEach((index) => filled.add(index));
    if (!writesOnlyScratch || reads.length === 0 || !reads.every(same)) continue;
    hoisted.kernels.add(kernel);
    fills.forEach((index) => hoisted.scratch.add(index));
  }
  const others = kernels.filter((kernel) => !hoisted.kernels.has(kernel)).flatMap(({ bindings }) => bindings);
  const bound = others.flatMap((ref) => ref.kind === "scratch" ? [ref.index] : []);
  return { ...hoisted, kept: new Set(bound.filter((index) => hoisted.scratch.has(index))) };
}

/** What a reference lies in, whether it is read as a buffer or as a texture. */
export function bufferOf(ref: Ref): Exclude<Ref, { kind: "texture" } | { kind: "nothing" }> {
  if (ref.kind === "nothing") throw new TypeError("internal: nothing lies in no buffer");
  return ref.kind === "texture" ? bufferOf(ref.of) : ref;
}
