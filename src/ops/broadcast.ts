/** Shapes and strides of broadcasting as shaders take them: 8 dimensions, the first ones of size 1. */

import { stridesOf } from "../graph/tensor.ts";

/** Dimensions that a strided shader walks. */
export const MAX_RANK = 8;

/** A list of at most 8 numbers with `fill` put in front. Throws RangeError for more. */
export function leading(values: readonly number[], fill: number): number[] {
  if (values.length > MAX_RANK) throw new RangeError(`takes at most ${MAX_RANK} dimensions, got [${values}]`);
  return [...new Array<number>(MAX_RANK - values.length).fill(fill), ...values];
}

/** Strides of an operand under the output's 8 dimensions: 0 where it is repeated. */
export function broadcastStrides(shape: readonly number[], out: readonly number[]): number[] {
  const strides = stridesOf(shape).map((stride, i) => shape[i] === 1 ? 0 : stride);
  return leading([...new Array<number>(out.length - shape.length).fill(0), ...strides], 0);
}
