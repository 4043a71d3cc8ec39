/**
 * What a batch of embeddings tells of an encoder without any label: whether the views of a sample lie together
 * (alignment), whether samples spread over the sphere (uniformity; both Wang and Isola 2020), and over how many
 * dimensions they spread (effective rank: RankMe, Garrido et al. 2023). A collapse shows in the last two.
 */

import { Matrix, SVD } from "ml-matrix";

/** Rows of embeddings, view-major: row v * n + i is view v of sample i. */
export interface Embeddings {
  /** [views * n, size] */
  readonly data: ArrayLike<number>;
  readonly n: number;
  readonly views: number;
  readonly size: number;
}

/** The measures by the names that they have in metrics.jsonl. */
export interface EmbeddingMeasures {
  /** Null where samples have one view. */
  readonly alignment: number | null;
  readonly uniformity: number;
  readonly effective_rank: number;
}

/** All three. Values that are not finite give NaN. */
export function measureEmbeddings(embeddings: Embeddings): EmbeddingMeasures {
  const { data, n, views, size } = embeddings;
  const rows = unitRows(embeddings);
  const ofViews = Array.from({ length: views }, (_, v) => uniformity(rows.subarray(v * n * size), n, size));
  return {
    alignment: views === 1 ? null : alignment({ ...embeddings, data: rows }),
    uniformity: ofViews.reduce((sum, value) => sum + value, 0) / views,
    effective_rank: effectiveRank(data, views * n, size),
  };
}

/**
 * E |f(x) - f(x')|^2 over two views of a sample, both of unit length: 0 where all are the same, 2 for random directions
 * (Wang and Isola's alignment loss with alpha = 2). Over more views: the mean of all pairs.
 */
export function alignment({ data, n, views, size }: Embeddings): number {
  let sum = 0;
  for (let v = 1; v < views; v++) {
    for (let w = 0; w < v; w++) {
      for (let i = 0; i < n * size; i++) sum += (data[v * n * size + i]! - data[w * n * size + i]!) ** 2;
    }
  }
  return sum / (n * views * (views - 1) / 2);
}

/**
 * log E exp(-2 |f(x) - f(y)|^2) over pairs of different rows of unit length: 0 where all rows are the same, lower where
 * they spread; in many dimensions -4 is a uniform spread (Wang and Isola's uniformity loss with t = 2).
 */
export function uniformity(data: ArrayLike<number>, n: number, size: number): number {
  let sum = 0;
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let squared = 0;
      for (let d = 0; d < size; d++) squared += (data[i * size + d]! - data[j * size + d]!) ** 2;
      sum += Math.exp(-2 * squared);
    }
  }
  return Math.log(sum / (n * (n - 1) / 2));
}

/** Added to each share of the spectrum, as RankMe does. */
const EPSILON = 1e-7;

/**
 * exp of the entropy of the singular values' shares: k where k of them are equal and the others 0. At most the smaller
 * of the two sides, so that runs are to be compared at the same batch (RankMe asks for many more rows than dimensions).
 */
export function effectiveRank(data: ArrayLike<number>, rows: number, size: number): number {
  if (!Array.prototype.every.call(data, Number.isFinite)) return NaN; // the decomposition would not end
  const matrix = Matrix.from1DArray(rows, size, data);
  const options = { computeLeftSingularVectors: false, computeRightSingularVectors: false, autoTranspose: true };
  const spectrum = new SVD(matrix, options).diagonal;
  const total = spectrum.reduce((sum, value) => sum + value, 0);
  if (total === 0) return 0;
  const shares = spectrum.map((value) => value / total + EPSILON);
  return Math.exp(-shares.reduce((sum, p) => sum + p * Math.log(p), 0));
}

/** The rows in f64, each divided by its length; a row of zeros stays one. */
function unitRows({ data, n, views, size }: Embeddings): Float64Array {
  const rows = Float64Array.from(data);
  for (let row = 0; row < n * views; row++) {
    const values = rows.subarray(row * size, (row + 1) * size);
    const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) { for (let d = 0; d < size; d++) values[d]! /= length; }
  }
  return rows;
}
