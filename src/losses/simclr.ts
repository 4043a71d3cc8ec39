/**
 * SimCLR's loss (NT-Xent, also InfoNCE) as the authors compute it (GenRep losses.py, from SupContrast): every one of
 * the 2N vectors is an anchor, its positive is the other view of the same sample, all others are in the denominator,
 *   L = temperature / baseTemperature * mean_i [log sum_{a != i} exp(v_i . v_a / T) - v_i . v_p(i) / T].
 * The factor temperature / baseTemperature (0.1 / 0.07 = 1.43) is in the authors' code and not in the paper's
 * formula (1); base_temperature = temperature leaves it out.
 *
 * With more than two views of a sample all others of them are positives, which is StableRep's multi-positive loss
 * (Tian et al. 2023): the cross-entropy between the softmax of similarities and the uniform law over the positives.
 */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { matmul } from "../ops/matmul.ts";
import { NtXent } from "../ops/nt_xent.ts";
import { reduce } from "../ops/reduce.ts";

/** Temperatures of a contrastive loss. */
export interface Temperatures {
  readonly temperature: number;
  readonly baseTemperature: number;
}

/** Loss of features [views * n, d] of unit length, view-major: row v * n + i is view v of sample i. One value. */
export function simclrLoss(g: Graph, features: Tensor, samples: number, temperatures: Temperatures): Tensor {
  const rows = features.shape[0]!;
  viewsOf(features, samples);
  const labels = Int32Array.from({ length: rows }, (_, i) => i % samples);
  return contrastiveLoss(g, features, g.constant(labels, [rows], "i32", "sample of each row"), temperatures);
}

/** Number of views in features [views * n, d]. Throws TypeError when the rows are no whole number of them. */
export function viewsOf(features: Tensor, samples: number): number {
  const rows = features.shape[0]!;
  if (samples < 1 || rows % samples !== 0) {
    throw new TypeError(`${rows} feature rows are no whole number of views of ${samples} samples`);
  }
  return rows / samples;
}

/** Mean over the rows with label i32 [m] of `features` [m, d]; positives share the label. */
export function contrastiveLoss(
  g: Graph,
  features: Tensor,
  labels: Tensor,
  { temperature, baseTemperature }: Temperatures,
): Tensor {
  return g.scope("contrast", () => {
    const products = matmul(g, features, features, { transB: true });
    const rows = g.add(NtXent, [products, labels], { temperature, scale: temperature / baseTemperature })[0]!;
    return reduce(g, "Mean", rows, []);
  });
}
