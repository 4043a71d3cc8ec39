/** The draws of pixel views: equal to their twin, and distributed by torchvision's laws. */

import assert from "node:assert/strict";
import { randomViewParams, type RandomViewParamsAttrs, SIMCLR_LAW } from "../../src/augment/view_params.ts";
import { rngValues } from "../../src/generators/random.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { gpuTest } from "../support/gpu.ts";
import { chiSquare, correlation, kolmogorovSmirnov } from "../support/statistics.ts";
import { viewParamsRow } from "../support/view_params.ts";

const ATTRS: RandomViewParamsAttrs = { stream: 6, rows: 512, height: 112, width: 112, law: SIMCLR_LAW };

async function draw(gpu: Gpu, rng: Uint32Array, attrs: RandomViewParamsAttrs) {
  const g = new Graph();
  g.output("rows", randomViewParams(g, g.input("rng", [4], "u32"), attrs));
  const { rows } = await execute(gpu, g, { rng });
  return rows as Float32Array;
}

gpuTest("draws equal their twin bit for bit", async (gpu) => {
  const strong = {
    ...SIMCLR_LAW,
    scale: [0.08, 1] as const,
    brightness: [0.2, 1.8] as const,
    hue: [-0.5, 0.5] as const,
    blur: 0.5,
  };
  const sizes = [[112, 112], [28, 28], [384, 512], [1, 1], [1, 40], [3, 2], [2000, 1500]];
  for (const [i, [height, width]] of sizes.entries()) {
    for (const law of [SIMCLR_LAW, strong]) {
      const attrs = { ...ATTRS, height, width, law };
      const rng = rngValues(2 ** 33 + i, 1000 + i);
      const want = Array.from({ length: attrs.rows }, (_, row) => viewParamsRow(rng, row, attrs)).flat();
      assert.deepEqual(await draw(gpu, rng, attrs), Float32Array.from(want));
    }
  }
});

gpuTest("crops lie inside the image, whatever its shape", async (gpu) => {
  for (const [height, width] of [[112, 112], [5, 200], [200, 5], [1, 1], [2, 1]]) {
    const rows = await draw(gpu, rngValues(3, 0), { ...ATTRS, rows: 4096, height, width });
    for (let i = 0; i < rows.length; i += 16) {
      const [top, left, h, w] = rows.subarray(i, i + 4);
      assert(top >= 0 && left >= 0 && h >= 1 && w >= 1 && top + h <= height && left + w <= width);
    }
  }
  // No crop of the allowed ratios and areas fits a strip: torchvision takes its centre.
  const strip = await draw(gpu, rngValues(3, 0), { ...ATTRS, rows: 4, height: 5, width: 200 });
  assert.deepEqual([...strip.subarray(0, 4)], [0, 96, 5, 7]);
});

/** P(area <= x) of a crop, given that it fits, for a square image and the default law: by quadrature. */
function areaLaw(): (x: number) => number {
  const steps = 400;
  const mass: number[] = [0];
  for (let i = 0; i < steps; i++) {
    const area = 0.2 + 0.8 * (i + 0.5) / steps;
    // Fits when area * ratio <= 1 and area / ratio <= 1: |ln ratio| <= -ln area, of |ln ratio| <= ln(4/3).
    mass.push(mass[i] + Math.min(1, -Math.log(area) / Math.log(4 / 3)));
  }
  return (x) => {
    const at = Math.min(steps, Math.max(0, (x - 0.2) / 0.8 * steps));
    const low = Math.min(steps - 1, Math.floor(at));
    return (mass[low] + (at - low) * (mass[low + 1] - mass[low])) / mass[steps];
  };
}

gpuTest("draws follow torchvision's laws", async (gpu) => {
  const n = 8192;
  // A large image, so that the rounding of boxes to pixels does not show.
  const rows = await draw(gpu, rngValues(1, 2), { ...ATTRS, rows: n, height: 2000, width: 2000 });
  const column = (c: number) => Float64Array.from({ length: n }, (_, i) => rows[16 * i + c]);
  const near = (what: string, xs: ArrayLike<number>, chance: number) => {
    const share = Array.from(xs).filter((x) => x !== 0).length / n;
    assert(Math.abs(share - chance) < 4 * Math.sqrt(chance * (1 - chance) / n), `${what}: ${share}`);
  };
  const law = (what: string, xs: ArrayLike<number>, cdf: (x: number) => number) => {
    const distance = kolmogorovSmirnov(xs, cdf);
    assert(distance < 1.95, `${what}: Kolmogorov-Smirnov ${distance}`);
  };
  const uniform = (low: number, high: number) => (x: number) => (x - low) / (high - low);
  near("flip", column(4), 0.5);
  near("gray", column(5), 0.2);
  near("jitter", column(8), 0.8);
  assert(column(6).every((sigma) => sigma === 0));
  for (const [i, name] of ["brightness", "contrast", "saturation"].entries()) {
    law(name, column(12 + i), uniform(0.6, 1.4));
  }
  law("hue", column(15), uniform(-0.1, 0.1));

  const [top, left, h, w] = [0, 1, 2, 3].map(column);
  const area = h.map((x, i) => x * w[i] / 4e6);
  law("area", area, areaLaw());
  // Areas below 3/4 always fit, so that their ratio is the law's own.
  const small = Array.from({ length: n }, (_, i) => i).filter((i) => area[i] < 0.7);
  law("ratio", small.map((i) => Math.log(w[i] / h[i])), uniform(Math.log(3 / 4), Math.log(4 / 3)));
  const tops = small.map((i) => (top[i] + 0.5) / (2001 - h[i]));
  const lefts = small.map((i) => (left[i] + 0.5) / (2001 - w[i]));
  law("top", tops, uniform(0, 1));
  law("left", lefts, uniform(0, 1));
  assert(Math.abs(correlation(tops, lefts)) < 4 / Math.sqrt(tops.length));

  const orders = new Map<string, number>();
  for (let i = 0; i < n; i++) {
    if (rows[16 * i + 8] === 0) continue;
    const order = [...rows.subarray(16 * i + 8, 16 * i + 12)];
    assert.deepEqual(order.toSorted(), [1, 2, 3, 4]);
    orders.set(order.join(), (orders.get(order.join()) ?? 0) + 1);
  }
  const counts = [...orders.values()];
  const total = counts.reduce((a, b) => a + b);
  assert.equal(counts.length, 24);
  assert(chiSquare(counts, counts.map(() => total / 24)) < 4, `${counts}`);
});

gpuTest("chances of 0 and 1 are never and always", async (gpu) => {
  const never = { ...SIMCLR_LAW, flip: 0, jitter: 0, gray: 0 };
  const always = { ...SIMCLR_LAW, flip: 1, jitter: 1, gray: 1, blur: 1 };
  const low = await draw(gpu, rngValues(1, 0), { ...ATTRS, law: never });
  const high = await draw(gpu, rngValues(1, 0), { ...ATTRS, law: always });
  for (let i = 0; i < low.length; i += 16) {
    assert.deepEqual([low[i + 4], low[i + 5], low[i + 6], low[i + 8]], [0, 0, 0, 0]);
    assert.deepEqual([high[i + 4], high[i + 5], high[i + 6] > 0, high[i + 8] > 0], [1, 1, true, true]);
  }
});

gpuTest("each step, stream, seed and row has views of its own", async (gpu) => {
  const base = await draw(gpu, rngValues(1, 0), ATTRS);
  const brightness = (rows: Float32Array) => Float64Array.from({ length: 512 }, (_, i) => rows[16 * i + 12]);
  for (
    const other of [
      await draw(gpu, rngValues(1, 1), ATTRS),
      await draw(gpu, rngValues(2, 0), ATTRS),
      await draw(gpu, rngValues(1, 0), { ...ATTRS, stream: 7 }),
    ]
  ) {
    assert(Math.abs(correlation(brightness(base), brightness(other))) < 4 / Math.sqrt(512));
  }
  assert.equal(new Set(brightness(base)).size > 500, true);
});

Deno.test("laws that make no sense are named", () => {
  const g = new Graph();
  const rng = g.input("rng", [4], "u32");
  const law = (change: Partial<typeof SIMCLR_LAW>) => () =>
    randomViewParams(g, rng, { ...ATTRS, law: { ...SIMCLR_LAW, ...change } });
  assert.throws(law({ flip: 1.5 }), /flip 1.5/);
  assert.throws(law({ scale: [0.5, 2] }), /scale \[0.5,2\]/);
  assert.throws(law({ ratio: [0.5, 2] }), /ratio \[0.5,2\]/);
  assert.throws(law({ contrast: [1.4, 0.6] }), /contrast \[1.4,0.6\]/);
  assert.throws(law({ blur: 1, sigma: [0, 1] }), /sigma \[0,1\]/);
  assert.throws(() => randomViewParams(g, rng, { ...ATTRS, height: 0 }), /images of 0 x 112/);
});
