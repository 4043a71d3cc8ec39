/**
 * SupCon (Khosla et al. 2020) as SupContrast's losses.py computes it since 2023: SimCLR's loss where every other vector
 * of the same class is a positive,
 *   L = temperature / baseTemperature * mean_i [log sum_{a != i} exp(v_i . v_a / T) - mean_{p in P(i)} v_i . v_p / T].
 * A vector with no positive counts 0 and is still divided by, where the copy in GenRep gave NaN.
 */

import type { Graph } from "../graph/graph.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { concat } from "../ops/concat.ts";
import { contrastiveLoss, type Temperatures, viewsOf } from "./simclr.ts";

/** Loss of features [views * n, d] of unit length, view-major, of samples with class numbers `labels` i32 [n]. */
export function supconLoss(g: Graph, features: Tensor, labels: Tensor, temperatures: Temperatures): Tensor {
  if (labels.shape.length !== 1 || labels.dtype !== "i32") {
    throw new TypeError(`supconLoss() takes i32 [n] labels, got ${specText(labels)}`);
  }
  const views = viewsOf(features, labels.shape[0]!);
  const ofRows = concat(g, Array.from({ length: views }, () => labels), 0);
  return contrastiveLoss(g, features, ofRows, temperatures);
}
