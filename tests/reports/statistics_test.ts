import assert from "node:assert/strict";
import { deviation, rankCorrelation, spread } from "../../src/reports/statistics.ts";
import { assertClose } from "../support/close.ts";

const close = (got: number | null, want: number) => assertClose([got!], [want], { rtol: 1e-12, atol: 1e-12 });

Deno.test("deviation is that of a sample, and of one value there is none", () => {
  close(deviation([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
  assert.equal(deviation([3]), null);
  assert.equal(spread([70, 72]), "71.00 ± 1.41");
  assert.equal(spread([1.5], true), "+1.50");
  assert.equal(spread([-1, -1], true), "-1.00 ± 0.00");
  assert.equal(spread([]), "");
});

Deno.test("rank correlation is Spearman's, with ties", () => {
  const pairs = (x: number[], y: number[]) => x.map((value, i) => [value, y[i]!] as const);
  close(rankCorrelation(pairs([1, 2, 3, 4], [10, 20, 30, 1000])), 1);
  close(rankCorrelation(pairs([1, 2, 3, 4], [4, 3, 2, 1])), -1);
  // No ties: 1 - 6 sum d^2 / (n (n^2 - 1)), here d = 1, 1, 0, 0, 0.
  close(rankCorrelation(pairs([1, 2, 3, 4, 5], [2, 1, 3, 4, 5])), 1 - 6 * 2 / (5 * 24));
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  close(rankCorrelation(pairs([1, 2, 2, 3], [1, 2, 3, 4])), 4.5 / Math.sqrt(4.5 * 5));
  assert.equal(rankCorrelation(pairs([1, 2], [1, 2])), null);
  assert.equal(rankCorrelation(pairs([1, 1, 1], [1, 2, 3])), null);
});
