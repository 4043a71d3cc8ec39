/** The inverter's loss (GenRep losses.py): predict the latent of an image, and its class where there are classes. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add } from "../ops/binary.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { mse } from "../ops/mse.ts";

/** A prediction of classes: logits [n, classes] and the true class numbers i32 [n]. */
export interface ClassPrediction {
  readonly logits: Tensor;
  readonly labels: Tensor;
}

/**
 * Mean squared error over all elements of the latents [n, d], plus the mean cross-entropy of the classes (null: no
 * classes). One value.
 */
export function inverterLoss(g: Graph, predicted: Tensor, latents: Tensor, classes: ClassPrediction | null): Tensor {
  return g.scope("inverter", () => {
    const error = mse(g, predicted, latents);
    return classes ? add(g, error, crossEntropy(g, classes.logits, classes.labels)) : error;
  });
}
