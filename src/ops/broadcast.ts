/** Shapes and strides of broadcasting as shaders take them. */

import { stridesOf } from "../graph/tensor.ts";

/** Dimensions that a strided shader walks. */
export const MAX_RANK = 8;

/** A list of at most 8 numbers with `fill` put in front. Throws RangeError for more. */
export function leading(values: readonly number[], fill: number): number[] {
  if (values.length > MAX_RANK) throw new RangeError(`takes at most ${MAX_RANK} dimensions, got [${values}]`);
  return [...new Array<number>(MAX_RANK - values.length).fill(fill), ...values];
}

/** Strides of an operand under the output's dimensions: 0 where it is repeated. */
export function broadcastStrides(shape: readonly number[], out: readonly number[]): number[] {
  const strides = stridesOf(shape).map((stride, i) => shape[i] === 1 ? 0 : stride);
  return [...new Array<number>(out.length - shape.length).fill(0), ...strides];
}

/** Dimensions of an output, and each operand's strides under them. */
export interface Walk {
  readonly dims: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same walk without dimensions of size 1, and with neighbours joined that every operand goes through as one. */
export function collapse({ dims, strides }: Walk): Walk {
  const joined: number[] = [];
  const steps: number[][] = strides.map(() => []);
  dims.forEach((size, d) => {
    if (size === 1) return;
    const own = strides.map((s) => s[d]!);
    const joins = joined.length > 0 && own.every((stride, k) => steps[k]!.at(-1) === stride * size);
    if (joins) joined[joined.length - 1]! *= size;
    else joined.push(size);
    own.forEach((stride, k) => {
      if (joins) steps[k]![steps[k]!.length - 1] = stride;
      else steps[k]!.push(stride);
    });
  });
  return { dims: joined, strides: steps };
}
