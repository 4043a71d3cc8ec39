/** The loss of steering walks (Jahanian, Chai, Isola 2020, formula 2; GenRep's utils/biggan_steer_train.py). */

import type { Graph } from "../graph/graph.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { binary, div, mul, sub } from "../ops/binary.ts";
import { mse } from "../ops/mse.ts";
import { reduce } from "../ops/reduce.ts";
import { affine } from "../ops/unary.ts";

/**
 * Squared error of images [n, h, w, c] over what the mask [n, h, w, 1 or c] of zeros and ones leaves, divided by the
 * number of values it leaves; the mean over all values where it is null. One value.
 */
export function steeringLoss(g: Graph, images: Tensor, target: Tensor, mask: Tensor | null): Tensor {
  if (!sameShape(images.shape, target.shape)) {
    throw new TypeError(`steeringLoss() takes images ${specText(images)} like their targets ${specText(target)}`);
  }
  if (!mask) return mse(g, images, target);
  return g.scope("steering", () => {
    const error = reduce(g, "SumSquare", mul(g, sub(g, images, target), mask), []);
    const left = affine(g, reduce(g, "Sum", mask, []), sizeOf(images.shape) / sizeOf(mask.shape), 0);
    return div(g, error, binary(g, "Max", left, g.scalar(1)));
  });
}
