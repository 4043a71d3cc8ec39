/**
 * Convolutions in a few wide groups (ResNeXt, or StyleGAN2 with a group for each sample) as convolutions of their own on
 * slices of the channels: the fast kernels take one group, and the plain ones are fifty times slower.
 */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { concat } from "./concat.ts";
import { slice } from "./slice.ts";

/** Channels of a group, in and out, from which it is worth nodes of its own. */
const WIDE = 8;

/** Whether a convolution between so many channels is done group by group. */
export function isWide(group: number, channelsIn: number, channelsOut: number): boolean {
  return group > 1 && channelsIn / group >= WIDE && channelsOut / group >= WIDE;
}

/** Results of `one` on the groups of x [n, h, w, c] and of weights, all along the last axis, side by side. */
export function inGroups(
  g: Graph,
  x: Tensor,
  w: Tensor,
  group: number,
  one: (x: Tensor, w: Tensor) => Tensor,
): Tensor {
  const part = (t: Tensor, k: number) => {
    const size = t.shape[3]! / group;
    return slice(g, t, { starts: [k * size], ends: [(k + 1) * size], axes: [3] });
  };
  return concat(g, Array.from({ length: group }, (_, k) => one(part(x, k), part(w, k))), 3);
}
