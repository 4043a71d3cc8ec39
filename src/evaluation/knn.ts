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
import type { Features, LabelledFeatures } from "./features.ts";

/** Neighbours that vote, and the temperature of their votes; the usual protocol's are the configuration's defaults. */
export interface KnnSettings {
  /** Cut to the size of small training sets. */
  readonly k: number;
  readonly temperature: number;
}

/** Accuracies in per cent. */
export interface KnnResult {
  readonly top1: number;
  readonly top5: number;
  readonly k: number;
}

/** Test images a product. */
const BATCH = 256;
/** Training images a product: any number of them is gone through in such parts. */
const BANK = 8192;

/** Classifies `test` by its neighbours in `train`. */
export async function knn(
  gpu: Gpu,
  train: LabelledFeatures,
  test: LabelledFeatures,
  classes: number,
  { k, temperature }: KnnSettings,
): Promise<KnnResult> {
  const nearest = await findNearest(gpu, train.features, test.features, Math.min(k, train.features.n));
  const votes = new Float64Array(test.features.n * classes);
  nearest.values.forEach((similarity, i) => {
    const row = Math.floor(i / nearest.k);
    votes[row * classes + train.labels[nearest.places[i]!]!]! += Math.exp(similarity / temperature);
  });
  const top = (among: number) => topAccuracy(votes, test.labels, classes, among);
  return { top1: top(1), top5: top(5), k: nearest.k };
}

/** For each test row the k most similar training rows, best first; of equal ones the first. */
async function findNearest(gpu: Gpu, train: Features, test: Features, k: number): Promise<NearestList> {
  const { n, size } = train;
  const bank = Math.min(BANK, n);
  const store = new StateStore(gpu);
  const g = new Graph();
  const rows = l2Normalize(g, g.input("train", [bank, size]));
  const query = l2Normalize(g, g.input("test", [BATCH, size]));
  g.output("similarities", matmul(g, query, rows, { transB: true }));
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  const list = new NearestList(test.n, k);
  try {
    for (let first = 0; first < n; first += bank) {
      const there = Math.min(bank, n - first);
      session.write("train", padded(train, first, there, bank));
      for (let start = 0; start < test.n; start += BATCH) {
        const count = Math.min(BATCH, test.n - start);
        session.write("test", padded(test, start, count, BATCH));
        const similarities = (await session.run(["similarities"])).similarities as Float32Array;
        for (let i = 0; i < count; i++) {
          list.offer(start + i, similarities.subarray(i * bank, i * bank + there), first);
        }
      }
    }
    return list;
  } finally {
    session.close();
    store.close();
  }
}

/** The k best of each row, kept sorted. */
class NearestList {
  /** [n, k] */
  readonly values: Float32Array;
  readonly places: Int32Array;

  constructor(n: number, readonly k: number) {
    this.values = new Float32Array(n * k).fill(-Infinity);
    this.places = new Int32Array(n * k);
  }

  /** Takes in the similarities of training rows from `first` on. */
  offer(row: number, similarities: Float32Array, first: number): void {
    const { values, places, k } = this;
    const [start, last] = [row * k, (row + 1) * k - 1];
    for (let j = 0; j < similarities.length; j++) {
      const value = similarities[j]!;
      if (!(value > values[last]!)) continue;
      let at = last;
      for (; at > start && value > values[at - 1]!; at--) {
        values[at] = values[at - 1]!;
        places[at] = places[at - 1]!;
      }
      values[at] = value;
      places[at] = first + j;
    }
  }
}

/** Rows of features, with zeros behind them up to `rows`. */
function padded({ data, size }: Features, start: number, count: number, rows: number): Float32Array {
  const part = data.subarray(start * size, (start + count) * size);
  if (count === rows) return part;
  const full = new Float32Array(rows * size);
  full.set(part);
  return full;
}
