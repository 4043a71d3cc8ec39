/** Small statistics of reports. */

/** The mean; NaN of no values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample (divided by n - 1); null for fewer than two values. */
export function deviation(values: readonly number[]): number | null {
  if (values.length < 2) return null;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** Mean and, of several values, standard deviation, as text: `71.20 ± 0.85`; `signed` writes a plus too. */
export function spread(values: readonly number[], signed = false): string {
  if (values.length === 0) return "";
  const center = mean(values);
  const sigma = deviation(values);
  return `${signed && center >= 0 ? "+" : ""}${center.toFixed(2)}${sigma === null ? "" : ` ± ${sigma.toFixed(2)}`}`;
}

/** Spearman's rank correlation of pairs, equal values sharing the mean of their ranks; null for fewer than three pairs. */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number | null {
  if (pairs.length < 3) return null;
  const [a, b] = [0, 1].map((side) => ranks(pairs.map((pair) => pair[side]!))) as [number[], number[]];
  const center = (pairs.length + 1) / 2;
  const product = (x: number[], y: number[]) => x.reduce((sum, rank, i) => sum + (rank - center) * (y[i]! - center), 0);
  const scale = Math.sqrt(product(a, a) * product(b, b));
  return scale === 0 ? null : product(a, b) / scale;
}

function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}
