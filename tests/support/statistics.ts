/** Statistics for tests of random draws. */

/** Mean, variance, skewness and excess kurtosis. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number; skew: number; kurtosis: number } {
  const n = values.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i] / n;
  let m2 = 0, m3 = 0, m4 = 0;
  for (let i = 0; i < n; i++) {
    const d = values[i] - mean;
    m2 += d * d / n;
    m3 += d ** 3 / n;
    m4 += d ** 4 / n;
  }
  return { mean, variance: m2, skew: m3 / m2 ** 1.5, kurtosis: m4 / m2 ** 2 - 3 };
}

/** Largest distance between the empirical CDF and `cdf`, times sqrt(n): 1.95 is passed once in a thousand. */
export function kolmogorovSmirnov(values: ArrayLike<number>, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  let worst = 0;
  sorted.forEach((x, i) => {
    const p = cdf(x);
    worst = Math.max(worst, p - i / n, (i + 1) / n - p);
  });
  return worst * Math.sqrt(n);
}

/** Sum of (count - expected)^2 / expected, and how many standard deviations it lies above its mean. */
export function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  const sum = counts.reduce((s, c, i) => s + (c - expected[i]) ** 2 / expected[i], 0);
  const freedom = counts.length - 1;
  return (sum - freedom) / Math.sqrt(2 * freedom);
}

/** Correlation of two lists. */
export function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const ma = moments(a), mb = moments(b);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - ma.mean) * (b[i] - mb.mean) / a.length;
  return sum / Math.sqrt(ma.variance * mb.variance);
}
