/** Normal draws against their twin, and their distribution. */

import assert from "node:assert/strict";
import { normalDraw, rngValues } from "../../src/generators/random.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { normalCdf, randomNormal, type RandomNormalAttrs } from "../../src/ops/random_normal.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { correlation, kolmogorovSmirnov, moments } from "../support/statistics.ts";

const PLAIN: RandomNormalAttrs = { stream: 1, shape: [128], scale: 1, truncation: null, variants: false };

async function draw(gpu: Gpu, rng: Uint32Array, keys: readonly (readonly number[])[], attrs: RandomNormalAttrs) {
  const g = new Graph();
  const n = keys.length;
  g.output("y", randomNormal(g, g.input("rng", [4], "u32"), g.input("keys", [n, 2], "u32"), attrs));
  const { y } = await execute(gpu, g, { rng, keys: Uint32Array.from(keys.flat()) });
  return y as Float32Array;
}

const rows = (n: number) => Array.from({ length: n }, (_, i) => [i, 0] as [number, number]);

gpuTest("draws equal their twin to 1e-6", async (gpu) => {
  const rng = rngValues(2 ** 35 + 1, 17);
  const keys: [number, number][] = [[0, 0], [1, 0], [1, 1], [0xffffffff, 3], [123456, 0xffffffff]];
  for (const shape of [[128], [1], [3], [5], [2, 3, 5], []]) {
    for (const [scale, truncation] of [[1, 2], [1, null], [0.2, 2], [2, 0.5], [0, 2]] as const) {
      for (const variants of [true, false]) {
        const attrs = { stream: 9, shape, scale, truncation, variants };
        const want = keys.flatMap((key) => [...normalDraw(rng, key, attrs)]);
        const rtol = truncation === null ? 1e-6 : 0;
        assertClose(await draw(gpu, rng, keys, attrs), want, { rtol, atol: 1e-6 }, JSON.stringify(attrs));
      }
    }
  }
});

gpuTest("draws have the moments and the distribution of the normal and of its cut", async (gpu) => {
  for (const truncation of [null, 2, 0.5]) {
    const y = await draw(gpu, rngValues(1, 0), rows(1000), { ...PLAIN, truncation });
    const { mean, variance, skew, kurtosis } = moments(y);
    const [var0, kurtosis0] = truncation === null
      ? [1, 0]
      : truncation === 2
      ? [0.7737413035, -0.6344632829]
      : [0.0805891546, -1.16544];
    const error = 1 / Math.sqrt(y.length);
    assert(Math.abs(mean) < 4 * Math.sqrt(var0) * error, `mean ${mean}`);
    assert(Math.abs(variance / var0 - 1) < 6 * error, `variance ${variance}`);
    assert(Math.abs(skew) < 10 * error, `skew ${skew}`);
    assert(Math.abs(kurtosis - kurtosis0) < 20 * error, `kurtosis ${kurtosis}`);
    const cut = truncation === null ? 0 : normalCdf(-truncation);
    const distance = kolmogorovSmirnov(y, (x) => (normalCdf(x) - cut) / (1 - 2 * cut));
    assert(distance < 1.95, `truncation ${truncation}: Kolmogorov-Smirnov ${distance}`);
    if (truncation !== null) assert(y.every((x) => Math.abs(x) <= truncation));
  }
});

gpuTest("draws of other seeds, streams, samples, variants and elements have nothing in common", async (gpu) => {
  const base = await draw(gpu, rngValues(1, 0), rows(500), { ...PLAIN, variants: true });
  const others = {
    "seed lo": await draw(gpu, rngValues(2, 0), rows(500), PLAIN),
    "seed hi": await draw(gpu, rngValues(2 ** 32 + 1, 0), rows(500), PLAIN),
    stream: await draw(gpu, rngValues(1, 0), rows(500), { ...PLAIN, stream: 2 }),
    sample: await draw(gpu, rngValues(1, 0), rows(500).map(([i]) => [i + 1, 0]), PLAIN),
    variant: await draw(gpu, rngValues(1, 0), rows(500).map(([i]) => [i, 1]), { ...PLAIN, variants: true }),
    element: base.map((_, i) => base[(i + 1) % base.length]),
    block: base.map((_, i) => base[(i + 4) % base.length]),
  };
  for (const [name, other] of Object.entries(others)) {
    const r = correlation(base, other);
    assert(Math.abs(r) < 4 / Math.sqrt(base.length), `${name}: correlation ${r}`);
  }
});

gpuTest("a draw depends on its key alone: not on the step, the row, or how the batch is cut", async (gpu) => {
  const attrs = { ...PLAIN, truncation: 2 };
  const all = await draw(gpu, rngValues(1, 0), rows(64), attrs);
  assert.deepEqual(await draw(gpu, rngValues(1, 5), rows(64), attrs), all);
  assert.deepEqual(await draw(gpu, rngValues(1, 0), [[7, 3]], attrs), all.slice(7 * 128, 8 * 128));
  const g = new Graph();
  g.output("y", randomNormal(g, g.input("rng", [4], "u32"), g.input("keys", [64, 2], "u32"), attrs));
  const inputs = { rng: rngValues(1, 0), keys: Uint32Array.from(rows(64).flat()) };
  const target = { ...targetOf(gpu.info), maxBindingBytes: 20000 };
  assert.deepEqual((await execute(gpu, g, inputs, { target })).y, all);
});

Deno.test("draws name what is wrong with them", () => {
  const g = new Graph();
  const rng = g.input("rng", [4], "u32");
  const keys = g.input("keys", [8, 2], "u32");
  assert.throws(() => randomNormal(g, rng, rng, PLAIN), /keys are u32\[n,2\], got u32\[4\]/);
  assert.throws(() => randomNormal(g, keys, keys, PLAIN), /rng is u32\[4\], got u32\[8,2\]/);
  assert.throws(() => randomNormal(g, rng, keys, { ...PLAIN, truncation: 0 }), /truncation 0/);
  assert.throws(() => randomNormal(g, rng, keys, { ...PLAIN, scale: -1 }), /scale -1/);
});
