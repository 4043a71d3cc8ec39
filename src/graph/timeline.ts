/** When a program's work memory is fullest, and what is in it then: where to look when a step is to need less. */

import type { Lifetime } from "./assign.ts";

/** A node of a program, and the values that are there while it runs. */
export interface Moment {
  readonly node: string;
  readonly bytes: number;
  /** Bytes by the operator that made them, most first. */
  readonly holders: ReadonlyMap<string, number>;
}

/** The first moment at which most bytes are in use; `nodes` are the names of the moments. Null where there is no value. */
export function fullestMoment(
  values: readonly (Lifetime & { readonly op: string })[],
  nodes: readonly string[],
): Moment | null {
  if (values.length === 0) return null;
  const change = new Float64Array(nodes.length + 1);
  for (const { size, begin, end } of values) {
    change[begin]! += size;
    if (end < nodes.length) change[end + 1]! -= size;
  }
  let [bytes, most, at] = [0, -1, 0];
  for (let moment = 0; moment < nodes.length; moment++) {
    bytes += change[moment]!;
    if (bytes > most) [most, at] = [bytes, moment];
  }
  const there = values.filter(({ begin, end }) => begin <= at && at <= end);
  const sums = new Map<string, number>();
  for (const { op, size } of there) sums.set(op, (sums.get(op) ?? 0) + size);
  return { node: nodes[at]!, bytes: most, holders: new Map([...sums].sort((a, b) => b[1] - a[1])) };
}
