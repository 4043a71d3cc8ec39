/** Gradients of a scalar loss. */

import { gradient } from "../graph/gradient.ts";
import type { Graph } from "../graph/graph.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { add } from "./binary.ts";
import { reshape } from "./reshape.ts";

/**
 * Adds nodes for d loss / d wrt, in the order of `wrt`, times `scale` [1] where there is one. Throws TypeError when the loss
 * is not one value or does not depend on one of them.
 */
export function grad(g: Graph, loss: Tensor, wrt: readonly Tensor[], scale: Tensor | null = null): Tensor[] {
  if (sizeOf(loss.shape) !== 1) throw new TypeError(`A loss is one value, got ${specText(loss)}`);
  const seed = scale ? reshape(g, scale, loss.shape) : g.constant([1], loss.shape, "f32", "d_loss");
  const gradients = gradient(g, [{ output: loss, seed }], wrt, add);
  return gradients.map((tensor, i) => {
    if (!tensor) throw new TypeError(`The loss does not depend on ${wrt[i]!.name}`);
    return tensor;
  });
}
