/** Mean 0 and variance 1 over some axes: the common part of instance, group and layer norm. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mul, sub } from "./binary.ts";
import { reduce } from "./reduce.ts";
import { affine, unary } from "./unary.ts";

/** What x is standardised with; the product of both has mean 0 and variance 1. */
export interface Standardized {
  /** x - mean, in the shape of x. */
  readonly centered: Tensor;
  /** 1 / sqrt(variance + epsilon), with size 1 along the axes. The variance is biased. */
  readonly rate: Tensor;
}

/** Standardises x over `axes`; the variance is taken of x - mean, so that it does not cancel far from zero. */
export function standardize(g: Graph, x: Tensor, axes: readonly number[], epsilon: number): Standardized {
  const centered = sub(g, x, reduce(g, "Mean", x, axes, true));
  const variance = reduce(g, "Mean", mul(g, centered, centered), axes, true);
  return { centered, rate: unary(g, "Reciprocal", unary(g, "Sqrt", affine(g, variance, 1, epsilon))) };
}
