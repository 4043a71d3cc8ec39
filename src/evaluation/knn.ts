/**
 * Weighted nearest neighbours on features of unit length, the protocol of Wu et al. 2018 (instance discrimination):
 * the k nearest training images by cosine vote for their class with weight exp(similarity / temperature).
 */

import type { Gpu } from "../gpu/device.ts";
import { targetOf } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { l2Normalize } from "../ops/l2_normalize.ts";
import { matmul } from "../ops/matmul.ts";
import { topAccuracy } from "./accuracy.ts";
import type { LabelledFeatures } from "./features.ts";

/** Neighbours that vote, and the temperature of their votes. */
export interface KnnSettings {
  readonly k: number;
  readonly temperature: number;
}

/** The usual protocol; k is cut to the size of small training sets. */
export const KNN_DEFAULTS: KnnSettings = { k: 20, temperature: 0.07 };

/** Accuracies in per cent. */
export interface KnnResult {
  readonly top1: number;
  readonly top5: number;
  readonly k: number;
}

/** Test images a product. */
const BATCH = 256;

/** Classifies `test` by its neighbours in `train`. */
export async function knn(
  gpu: Gpu,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  { k: wanted, temperature }: KnnSettings = KNN_DEFAULTS,
): Promise<KnnResult> {
  const { n, size } = train.features;
  const k = Math.min(wanted, n);
  const store = new StateStore(gpu);
  const g = new Graph();
  const bank = l2Normalize(g, g.input("train", [n, size]));
  const query = l2Normalize(g, g.input("test", [BATCH, size]));
  g.output("similarities", matmul(g, query, bank, { transB: true }));
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  try {
    session.write("train", train.features.data);
    const votes = new Float64Array(test.features.n * classes);
    const rows = new Float32Array(BATCH * size);
    for (let start = 0; start < test.features.n; start += BATCH) {
      const count = Math.min(BATCH, test.features.n - start);
      rows.set(test.features.data.subarray(start * size, (start + count) * size));
      session.write("test", rows);
      const { similarities } = await session.run(["similarities"]);
      for (let i = 0; i < count; i++) {
        const row = (similarities as Float32Array).subarray(i * n, (i + 1) * n);
        for (const j of nearest(row, k)) {
          votes[(start + i) * classes + train.labels[j]!]! += Math.exp(row[j]! / temperature);
        }
      }
    }
    const top = (among: number) => topAccuracy(votes, test.labels, classes, among);
    return { top1: top(1), top5: top(5), k };
  } finally {
    session.close();
    store.close();
  }
}

/** Indices of the k largest values, by a heap-free selection that keeps a sorted list of k. */
function nearest(row: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let j = 0; j < row.length; j++) {
    if (best.length === k && !(row[j]! > row[best[k - 1]!]!)) continue;
    let at = best.length === k ? k - 1 : best.length;
    while (at > 0 && row[j]! > row[best[at - 1]!]!) {
      best[at] = best[at - 1]!;
      at--;
    }
    best[at] = j;
  }
  return best;
}
