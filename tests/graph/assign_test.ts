/** Values laid into pieces of memory: none over another, none beside one that it must be apart from, little lost. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { assign, type Lifetime } from "../../src/graph/assign.ts";

const meets = (a: Lifetime, b: Lifetime) => a.begin <= b.end && b.begin <= a.end;

const life = fc.record({ size: fc.integer({ min: 1, max: 5000 }), begin: fc.nat(40), long: fc.nat(15) })
  .map(({ size, begin, long }): Lifetime => ({ size, begin, end: begin + long }));
const problem = fc.record({
  lives: fc.array(life, { maxLength: 60 }),
  pairs: fc.array(fc.tuple(fc.nat(59), fc.nat(59)), { maxLength: 40 }),
});

Deno.test("values that live at the same time have places of their own, apart where they must be", () => {
  fc.assert(
    fc.property(problem, fc.boolean(), ({ lives, pairs }, whole) => {
      const known = pairs.filter(([a, b]) => a !== b && Math.max(a, b) < lives.length);
      const apart = lives.map((_, i) => known.flatMap(([a, b]) => a === i ? [b] : b === i ? [a] : []));
      const { pieces, offsets, sizes } = assign(lives, whole ? null : apart);
      lives.forEach((a, i) => {
        assert.equal(offsets[i]! % 256, 0);
        assert.ok(offsets[i]! + a.size <= sizes[pieces[i]!]!);
        lives.slice(0, i).forEach((b, j) => {
          if (pieces[i] !== pieces[j]) return;
          assert.ok(whole || !apart[i]!.includes(j), "in one piece, though they must be apart");
          if (!meets(a, b)) return;
          assert.ok(!whole, "two at a time in a piece that is used whole");
          assert.ok(offsets[i]! + a.size <= offsets[j]! || offsets[j]! + b.size <= offsets[i]!, "one over another");
        });
      });
    }),
    { numRuns: 300, seed: 1 },
  );
});

Deno.test("what grows while something else shrinks takes no more than both at the fullest moment", () => {
  // As in training: values are made forward and freed backward, while gradients come and go.
  const forward = Array.from({ length: 16 }, (_, i) => ({ size: 4096 >> (i >> 2), begin: i, end: 32 - i }));
  const backward = Array.from(
    { length: 16 },
    (_, i) => ({ size: 4096 >> ((15 - i) >> 2), begin: 16 + i, end: 17 + i }),
  );
  const lives = [...forward, ...backward];
  const peak = Math.max(
    ...Array.from(
      { length: 34 },
      (_, t) => lives.filter((l) => l.begin <= t && t <= l.end).reduce((sum, l) => sum + l.size, 0),
    ),
  );
  const total = assign(lives, lives.map(() => [])).sizes.reduce((a, b) => a + b, 0);
  assert.ok(total <= 1.05 * peak, `${total} for a peak of ${peak}`);
});
