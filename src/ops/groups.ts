/** Tensors that share a dispatch, because a small one does not fill it: for updates and sums over many parameters. */

import type { Candidate, Kernel, Node } from "../graph/op.ts";

/**
 * Elements from which a tensor has a dispatch of its own. A shared dispatch chooses its tensor by a switch, which costs
 * llvmpipe the sum of all cases: at about this size more than the dispatch that is saved (50 us).
 */
const LARGE = 2 ** 15;

/** Tensors that shaders/shared/member.wgsl tells apart. */
const MEMBERS = 8;

/** Items in groups of exactly `size`; large ones, and those that are left over, alone. Empty ones are left out. */
export function fullGroups<T>(items: readonly T[], elements: (item: T) => number, size: number): T[][] {
  const groups = grouped(items, elements, size);
  return groups.flatMap((group) => group.length === size ? [group] : group.map((item) => [item]));
}

/** Items in groups of up to `most`; large ones alone. Empty ones are left out. */
export function grouped<T>(items: readonly T[], elements: (item: T) => number, most: number): T[][] {
  const small = items.filter((item) => elements(item) > 0 && elements(item) < LARGE);
  const shared = Array.from(
    { length: Math.ceil(small.length / most) },
    (_, i) => small.slice(i * most, (i + 1) * most),
  );
  return [...items.filter((item) => elements(item) >= LARGE).map((item) => [item]), ...shared];
}

/**
 * Where the tensors of a shared dispatch begin and end, counted in `unit` elements one tensor after the other: the
 * parameters of shaders/shared/member.wgsl.
 */
export function memberEnds(sizes: readonly number[], unit: number): { ends: number[]; total: number } {
  let total = 0;
  const ends = sizes.map((size) => total += Math.ceil(size / unit));
  return { ends: [...ends, ...new Array<number>(MEMBERS - ends.length).fill(total)], total };
}

/** How the tensors of a node are updated. */
interface GroupKernels {
  /** Whether the node has as many tensors as the shared dispatch takes, and the storage buffers that this one binds. */
  readonly full: boolean;
  readonly buffers: number;
  /** Input at which each tensor's own inputs begin. */
  readonly members: readonly number[];
  readonly together: (node: Node, members: readonly number[]) => Kernel;
  /** The dispatch of member `i`, whose inputs begin at `at`. */
  readonly alone: (node: Node, at: number, i: number) => Kernel;
}

/** One dispatch for all tensors of a full group where the adapter binds enough buffers, else one for each. */
export function groupCandidates({ full, buffers, members, together, alone }: GroupKernels): Candidate[] {
  return [
    {
      name: "together",
      accepts: (_, { maxBuffers }) => full && maxBuffers >= buffers,
      lower: (node) => ({ kernels: [together(node, members)] }),
    },
    {
      name: "plain",
      accepts: () => true,
      lower: (node) => ({ kernels: members.map((at, i) => alone(node, at, i)) }),
    },
  ];
}

/** Name of a node of several tensors. */
export function groupName(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names[0]} to ${names.at(-1)}`;
}
