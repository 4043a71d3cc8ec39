/** Alignment, uniformity and effective rank of points whose values are known in closed form. */

import assert from "node:assert/strict";
import { alignment, effectiveRank, measureEmbeddings, uniformity } from "../../src/evaluation/embeddings.ts";
import { assertClose } from "../support/close.ts";
import { noise } from "../support/op_cases.ts";

const close = (got: number, want: number, rtol = 1e-12) => assertClose([got], [want], { rtol, atol: 1e-12 });

/** Points at angles on the circle, [n, 2]. */
const circle = (...angles: number[]) => angles.flatMap((a) => [Math.cos(a), Math.sin(a)]);

Deno.test("alignment is the squared chord between the views of a sample", () => {
  const data = [...circle(0.3, 1, 2), ...circle(0.3 + 0.5, 1 - 0.5, 2 + 0.5)];
  close(alignment({ data, n: 3, views: 2, size: 2 }), 2 - 2 * Math.cos(0.5));
  close(alignment({ data: circle(1, 2, 1, 2), n: 2, views: 2, size: 2 }), 0);
  // Three views: the mean over the pairs of angles 0, 0.2, 0.6.
  const chord = (a: number) => 2 - 2 * Math.cos(a);
  close(
    alignment({ data: circle(0, 0.2, 0.6), n: 1, views: 3, size: 2 }),
    (chord(0.2) + chord(0.6) + chord(0.4)) / 3,
  );
});

Deno.test("uniformity of collapsed, antipodal and evenly spread points", () => {
  close(uniformity(circle(1, 1, 1, 1), 4, 2), 0);
  close(uniformity(circle(0, Math.PI), 2, 2), -8); // |x - y|^2 = 4
  const n = 7;
  const spread = circle(...Array.from({ length: n }, (_, i) => 2 * Math.PI * i / n));
  // All distances from one point: 2 - 2 cos(2 pi k / n).
  const sum = Array.from({ length: n - 1 }, (_, k) => Math.exp(-4 + 4 * Math.cos(2 * Math.PI * (k + 1) / n)));
  close(uniformity(spread, n, 2), Math.log(sum.reduce((a, b) => a + b) / (n - 1)));
});

Deno.test("uniformity of many even points on the circle is the integral's, e^-4 I_0(4)", () => {
  const n = 2000;
  const spread = circle(...Array.from({ length: n }, (_, i) => 2 * Math.PI * i / n));
  // The sum over k = 0 too is the integral (the series of I_0 converges at once); that term is 1 of n.
  const bessel = Array.from({ length: 40 }, (_, k) => 4 ** k / factorial(k) ** 2).reduce((a, b) => a + b);
  close(uniformity(spread, n, 2), Math.log((n * Math.exp(-4) * bessel - 1) / (n - 1)), 1e-9);
});

Deno.test("effective rank of a known spectrum", () => {
  const spectrum = [5, 2, 1, 0.5];
  const p = spectrum.map((s) => s / 8.5);
  const want = Math.exp(-p.reduce((sum, q) => sum + q * Math.log(q), 0));
  for (const [rows, size] of [[9, 4], [4, 9], [4, 4]] as const) {
    close(effectiveRank(withSpectrum(spectrum, rows, size), rows, size), want, 1e-5); // epsilon is RankMe's 1e-7
  }
  const rank = (values: number[]) => effectiveRank(withSpectrum(values, 12, 6), 12, 6);
  close(rank([3, 3, 3, 3, 3, 3]), 6, 1e-5);
  close(rank([2, 2, 0, 0, 0, 0]), 2, 1e-4);
  close(rank([1e-3, 0, 0, 0, 0, 0]), 1, 1e-4); // scale does not matter
  assert.equal(effectiveRank(new Float32Array(12), 4, 3), 0);
  assert(Number.isNaN(effectiveRank([1, NaN, 2, 3], 2, 2)));
});

Deno.test("embeddings of any length are measured by their directions, all but the rank", () => {
  const rows = noise(2 * 5 * 3, 4);
  const scaled = rows.map((v, i) => v * (1 + Math.floor(i / 3)));
  const [a, b] = [rows, scaled].map((data) => measureEmbeddings({ data, n: 5, views: 2, size: 3 })) as [
    ReturnType<typeof measureEmbeddings>,
    ReturnType<typeof measureEmbeddings>,
  ];
  close(b.alignment!, a.alignment!, 1e-6);
  close(b.uniformity, a.uniformity, 1e-6);
  assert.notEqual(a.effective_rank, b.effective_rank);
  assert.equal(measureEmbeddings({ data: rows, n: 10, views: 1, size: 3 }).alignment, null);
});

const factorial = (k: number): number => k < 2 ? 1 : k * factorial(k - 1);

/** A matrix with these singular values: diagonal, between two reflections. */
function withSpectrum(spectrum: readonly number[], rows: number, size: number): number[] {
  const m = Array.from({ length: rows }, (_, i) => Array.from({ length: size }, (_, j) => i === j ? spectrum[i]! : 0));
  const [u, v] = [unit(rows, 1), unit(size, 2)];
  const left = m[0]!.map((_, j) => m.reduce((sum, row, i) => sum + u[i]! * row[j]!, 0));
  const reflected = m.map((row, i) => row.map((x, j) => x - 2 * u[i]! * left[j]!));
  return reflected.flatMap((row) => {
    const along = row.reduce((sum, x, j) => sum + x * v[j]!, 0);
    return row.map((x, j) => x - 2 * along * v[j]!);
  });
}

function unit(size: number, seed: number): number[] {
  const x = Array.from(noise(size, seed));
  const length = Math.hypot(...x);
  return x.map((value) => value / length);
}
