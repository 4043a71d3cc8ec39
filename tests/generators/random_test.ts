/** Philox and normal quantiles, on the host and on the device, against published and SciPy's values. */

import assert from "node:assert/strict";
import {
  below,
  normalOfWord,
  normalQuantile,
  permute,
  philox4x32,
  rngValues,
  sampleKey,
  uniformOpen,
} from "../../src/generators/random.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { cover, input, type Op, output, plain } from "../../src/graph/op.ts";
import { normalCdf } from "../../src/ops/random_normal.ts";
import { sampleKeys } from "../../src/ops/sample_keys.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { chiSquare, kolmogorovSmirnov } from "../support/statistics.ts";

/** Random123, tests/kat_vectors: "philox4x32 10". */
const KNOWN = [
  {
    counter: [0, 0, 0, 0],
    key: [0, 0],
    words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
];

/** Words of Philox and, of the counters' first components, the normal values. */
async function onDevice(gpu: Gpu, counters: Uint32Array, keys: Uint32Array, truncation: number | null) {
  const n = keys.length / 2;
  const cut = truncation === null ? 0 : normalCdf(-truncation);
  const words: Op = {
    name: "RandomWords",
    infer: () => [{ shape: [n, 4], dtype: "u32" }, { shape: [n], dtype: "f32" }],
    candidates: plain(() => ({
      kernels: [{
        shader: "../tests/fixtures/shaders/random_words",
        params: { count: n, cut, keep: 1 - 2 * cut },
        bindings: [input(0), input(1), output(0), output(1)],
        workgroups: cover(n, 64),
      }],
    })),
  };
  const g = new Graph();
  const [w, x] = g.add(words, [g.input("counters", [n, 4], "u32"), g.input("keys", [n, 2], "u32")], {});
  g.output("words", w);
  g.output("normals", x);
  const result = await execute(gpu, g, { counters, keys });
  return { words: result.words as Uint32Array, normals: result.normals as Float32Array };
}

Deno.test("Philox4x32-10 gives Random123's known answers", () => {
  for (const { counter, key, words } of KNOWN) assert.deepEqual(philox4x32(counter, key), words);
});

gpuTest("Philox4x32-10 gives Random123's known answers on the device", async (gpu) => {
  const counters = Uint32Array.from(KNOWN.flatMap(({ counter }) => counter));
  const keys = Uint32Array.from(KNOWN.flatMap(({ key }) => key));
  const { words } = await onDevice(gpu, counters, keys, null);
  assert.deepEqual([...words], KNOWN.flatMap((k) => k.words));
});

gpuTest("the device draws the words of the host", async (gpu) => {
  const n = 4096;
  const counters = Uint32Array.from({ length: 4 * n }, (_, i) => philox4x32([i, 0, 0, 0], [1, 2])[0]);
  const keys = Uint32Array.from({ length: 2 * n }, (_, i) => philox4x32([i, 0, 0, 0], [1, 2])[1]);
  const { words } = await onDevice(gpu, counters, keys, null);
  const want = Array.from(
    { length: n },
    (_, i) => philox4x32(counters.subarray(4 * i, 4 * i + 4), keys.subarray(2 * i, 2 * i + 2)),
  ).flat();
  assert.deepEqual([...words], want);
});

gpuTest("normal values of words lie within 1e-6 of the exact ones", async (gpu) => {
  // Random words, and those nearest to the ends, the middle and the borders of the quantile's branches.
  const random = Array.from({ length: 1 << 15 }, (_, i) => philox4x32([i, 0, 0, 0], [3, 4])[0]);
  const borders = [0, 0.075, 0.5, 0.925, 1].map((p) => Math.round(p * 2 ** 32));
  const special = borders.flatMap((b) => Array.from({ length: 64 }, (_, i) => b - 32 + i))
    .map((w) => Math.min(2 ** 32 - 1, Math.max(0, w)));
  const all = [...random, ...special];
  const counters = Uint32Array.from({ length: 4 * all.length }, (_, i) => i % 4 ? 0 : all[i / 4]);
  const keys = new Uint32Array(2 * all.length);
  for (const truncation of [2, 0.5, 0.01, 3, null]) {
    const { normals } = await onDevice(gpu, counters, keys, truncation);
    const want = all.map((word) => normalOfWord(word, truncation));
    // Past 3 standard deviations f32 keeps relative accuracy only.
    const rtol = truncation === null ? 1e-6 : 0;
    assertClose(normals, want, { rtol, atol: 1e-6 }, `normal cut at ${truncation}`);
    assert(normals.every((x) => Math.abs(x) <= (truncation ?? 7) + 5e-7));
  }
});

Deno.test("normal quantile and CDF undo each other", () => {
  for (let x = -6; x <= 6; x += 0.01) {
    const p = normalCdf(x);
    assertClose([normalQuantile(p)], [x], {
      rtol: 0,
      atol: 1e-15 * Math.sqrt(2 * Math.PI) * Math.exp(x * x / 2) + 1e-14,
    });
  }
  // Wichura's own check values.
  assertClose([normalQuantile(0.25)], [-0.6744897501960817], { rtol: 1e-15, atol: 0 });
  assertClose([normalQuantile(0.001)], [-3.090232306167814], { rtol: 1e-15, atol: 0 });
  assertClose([normalQuantile(1e-20)], [-9.262340089798408], { rtol: 1e-15, atol: 0 });
  assert.deepEqual([normalQuantile(0), normalQuantile(1), normalQuantile(2)], [-Infinity, Infinity, NaN]);
});

Deno.test("uniform numbers never reach the ends", () => {
  assert.equal(Math.fround(uniformOpen(0)), 2 ** -24);
  assert.equal(Math.fround(uniformOpen(0xffffffff)), 1 - 2 ** -24);
  assert.deepEqual([below(0, 6), below(0xffffffff, 6)], [0, 5]);
});

const scipy = goldenCases("metrics", ({ op }) => op === "truncated_normal");

gpuTest("truncated normals equal SciPy's", async (gpu, t) => {
  for (const { name, attrs, tol, scalars_f64, load } of scipy) {
    await t.step(name, async () => {
      const tensors = await load();
      const { mu, sigma, t: times, kind } = attrs;
      const [truncation, scale] = kind === "scaled" ? [2, sigma * times] : [times, sigma];
      const values = (key: string) => Array.from(tensors.get(key)!.data as Float32Array);
      const wordOf = (p: number) => Math.min(2 ** 32 - 1, Math.max(0, Math.round(p * 2 ** 32 - 0.5)));
      const words = values("p").map(wordOf);
      const want = values("quantiles");
      assertClose(words.map((w) => mu + scale * normalOfWord(w, truncation)), want, tol, "host");
      const counters = Uint32Array.from({ length: 4 * words.length }, (_, i) => i % 4 ? 0 : words[i / 4]);
      const { normals } = await onDevice(gpu, counters, new Uint32Array(2 * words.length), truncation);
      assertClose(Array.from(normals, (x) => mu + scale * x), want, tol, "device");
      const cut = normalCdf(-truncation);
      const cdf = values("x").map((x) => (normalCdf((x - mu) / scale) - cut) / (1 - 2 * cut));
      assertClose(cdf, values("cdf"), tol, "cdf");
      // Moments of 2^16 evenly spaced words.
      const all = Array.from({ length: 1 << 16 }, (_, i) => normalOfWord(i * 65536 + 32768, truncation));
      const variance = all.reduce((sum, x) => sum + x * x, 0) / all.length * scale ** 2;
      assertClose([variance], [scalars_f64.variance], { rtol: 1e-5, atol: 0 }, "variance");
    });
  }
});

Deno.test("a finite set's order is a permutation, another one in each epoch and for each seed", () => {
  for (const samples of [1, 2, 3, 5, 16, 17, 100, 1000, 4097]) {
    const order = (epoch: number, seed = 1) =>
      Array.from({ length: samples }, (_, i) => permute(i, samples, philox4x32([0, epoch, 0, 4], [seed, 0])));
    const first = order(0);
    assert.deepEqual([...first].sort((a, b) => a - b), Array.from({ length: samples }, (_, i) => i));
    if (samples < 16) continue;
    assert.notDeepEqual(first, order(1));
    assert.notDeepEqual(first, order(0, 2));
  }
});

Deno.test("every place of a finite set's order is as likely for every sample", () => {
  for (const samples of [3, 5, 12]) {
    const epochs = 6000;
    for (let i = 0; i < samples; i++) {
      const counts = new Array(samples).fill(0);
      for (let e = 0; e < epochs; e++) counts[permute(i, samples, philox4x32([0, e, 0, 4], [7, 0]))]++;
      const excess = chiSquare(counts, counts.map(() => epochs / samples));
      assert(excess < 6, `${samples} samples, index ${i}: ${counts}`);
    }
  }
  const long = Array.from({ length: 5000 }, (_, i) => permute(i, 5000, philox4x32([0, 0, 0, 4], [7, 0])) / 5000);
  const steps = long.slice(1).map((x, i) => (x - long[i] + 1) % 1);
  assert(kolmogorovSmirnov(steps, (x) => x) < 1.95, "differences of neighbours are not uniform");
});

gpuTest("the device picks the samples of the host", async (gpu) => {
  const streams = { shuffleStream: 4, neighborStream: 5 };
  const laws = [
    { batch: 64, samples: null, shuffle: true, neighbors: 1, images: 1 },
    { batch: 100, samples: 77, shuffle: true, neighbors: 1, images: 1 },
    { batch: 100, samples: 1, shuffle: true, neighbors: null, images: 3 },
    { batch: 33, samples: 1000, shuffle: false, neighbors: 10, images: 1 },
    { batch: 256, samples: 1_300_000, shuffle: true, neighbors: 20, images: 5 },
    { batch: 256, samples: 0xffffffff, shuffle: true, neighbors: null, images: 1 },
  ];
  for (const law of laws) {
    for (const [seed, step] of [[0, 0], [5, 3], [2 ** 40 + 9, 40000], [1, 2 ** 31]]) {
      const g = new Graph();
      const attrs = { ...law, ...streams };
      g.output("keys", sampleKeys(g, g.input("rng", [4], "u32"), attrs));
      const rng = rngValues(seed, step);
      const { keys } = await execute(gpu, g, { rng });
      const want = Array.from({ length: law.images * law.batch }, (_, row) => sampleKey(rng, row, attrs)).flat();
      assert.deepEqual([...keys], want);
    }
  }
});

Deno.test("a seed is a whole number", () => {
  assert.deepEqual([...rngValues(2 ** 33 + 5, 9)], [5, 2, 9, 0]);
  assert.throws(() => rngValues(-1, 0), RangeError);
  assert.throws(() => rngValues(0.5, 0), RangeError);
});
