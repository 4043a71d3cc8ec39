/** Coefficients of walks: equal to their twin, and distributed as GenRep draws them. */

import assert from "node:assert/strict";
import { coefficientDraw, rngValues } from "../../src/generators/random.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import {
  COEFFICIENT_LAWS,
  type CoefficientLaw,
  randomCoefficients,
  type RandomCoefficientsAttrs,
} from "../../src/ops/random_coefficients.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { chiSquare, correlation, kolmogorovSmirnov } from "../support/statistics.ts";

const ALL: RandomCoefficientsAttrs = { stream: 24, laws: COEFFICIENT_LAWS, rot3dFactor: 1 };

function graphOf(n: number, attrs: RandomCoefficientsAttrs): Graph {
  const g = new Graph();
  g.output("y", randomCoefficients(g, g.input("rng", [4], "u32"), g.input("keys", [n, 2], "u32"), attrs));
  return g;
}

async function draw(gpu: Gpu, keys: readonly (readonly number[])[], attrs: RandomCoefficientsAttrs, seed = 1) {
  const inputs = { rng: rngValues(seed, 0), keys: Uint32Array.from(keys.flat()) };
  return (await execute(gpu, graphOf(keys.length, attrs), inputs)).y as Float32Array;
}

const rows = (n: number) => Array.from({ length: n }, (_, i) => [i, 0] as [number, number]);

gpuTest("coefficients equal their twin, in any columns", async (gpu) => {
  const keys: [number, number][] = [[0, 0], [1, 0], [1, 1], [0xffffffff, 3], [123456, 0xffffffff]];
  const subsets: (readonly CoefficientLaw[])[] = [COEFFICIENT_LAWS, ["shifty", "zoom"], ["rot3d"], [
    "color0",
    ...COEFFICIENT_LAWS.slice(3),
  ]];
  for (const laws of subsets) {
    const attrs = { stream: 7, laws, rot3dFactor: 5 };
    const want = keys.flatMap((key) => coefficientDraw(rngValues(2 ** 35 + 1, 0), key, attrs));
    assertClose(await draw(gpu, keys, attrs, 2 ** 35 + 1), want, { rtol: 1e-6, atol: 1e-6 }, laws.join());
  }
});

gpuTest("coefficients follow the laws of training", async (gpu) => {
  const n = 8192;
  const y = await draw(gpu, rows(n), ALL);
  const column = (law: CoefficientLaw) => {
    const at = COEFFICIENT_LAWS.indexOf(law);
    return Float64Array.from({ length: n }, (_, i) => y[8 * i + at]!);
  };
  for (const law of ["color0", "color1", "color2"] as const) {
    const distance = kolmogorovSmirnov(column(law), (x) => x + 0.5);
    assert(distance < 1.95, `${law}: Kolmogorov-Smirnov ${distance}`);
  }
  for (const [law, steps] of [["rot3d", 6], ["rot2d", 6], ["shiftx", 10], ["shifty", 10]] as const) {
    const counts = new Array(2 * steps + 1).fill(0);
    for (const x of column(law)) counts[Math.round(steps * x) + steps]++;
    assert(column(law).every((x) => Math.abs(steps * x - Math.round(steps * x)) < 1e-5));
    assert(chiSquare(counts, counts.map(() => n / counts.length)) < 4, `${law}: ${counts}`);
  }
  const zoom = Float64Array.from(column("zoom"), Math.exp);
  const distance = kolmogorovSmirnov(zoom, (x) => x < 1 ? (x - 0.25) / 1.5 : 0.5 + (x - 1) / 6);
  assert(distance < 1.95, `zoom: Kolmogorov-Smirnov ${distance}`);
  for (const [i, a] of COEFFICIENT_LAWS.entries()) {
    for (const b of COEFFICIENT_LAWS.slice(i + 1)) {
      const r = correlation(column(a), column(b));
      assert(Math.abs(r) < 4.5 / Math.sqrt(n), `${a} and ${b} go together: ${r}`);
    }
  }
});

gpuTest("a coefficient depends on its key alone, and the 3-D rotation takes the authors' factor", async (gpu) => {
  const all = await draw(gpu, rows(64), ALL);
  assert.deepEqual(await draw(gpu, [[7, 0]], ALL), all.slice(7 * 8, 8 * 8));
  assert.notDeepEqual(await draw(gpu, [[7, 1]], ALL), all.slice(7 * 8, 8 * 8));
  const five = await draw(gpu, rows(64), { ...ALL, rot3dFactor: 5 });
  assertClose(five, all.map((x, i) => i % 8 === 3 ? 5 * x : x), { rtol: 1e-6, atol: 0 }, "factor 5");
  const inputs = { rng: rngValues(1, 0), keys: Uint32Array.from(rows(64).flat()) };
  const target = { ...targetOf(gpu.info), maxBindingBytes: 1024 };
  assert.deepEqual((await execute(gpu, graphOf(64, ALL), inputs, { target })).y, all);
});

Deno.test("columns are at least one", () => {
  assert.throws(() => graphOf(2, { ...ALL, laws: [] }), /0 columns are not 1 to 8/);
});
