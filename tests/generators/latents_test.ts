/** Latents, their views and labels as a step draws them. */

import assert from "node:assert/strict";
import {
  anchors,
  type LatentView,
  latentView,
  rngInput,
  sampleLabels,
  type SampleLaw,
  stepSamples,
} from "../../src/generators/latents.ts";
import { rngValues } from "../../src/generators/random.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { gpuTest } from "../support/gpu.ts";
import { chiSquare, correlation, moments } from "../support/statistics.ts";

const ENDLESS: SampleLaw = { batch: 256, samples: null, shuffle: true, neighbors: 1 };

async function step(gpu: Gpu, law: SampleLaw, view: LatentView, { seed = 1, at = 0, width = 32 } = {}) {
  const g = new Graph();
  const rng = rngInput(g);
  const keys = stepSamples(g, rng, law);
  const z = anchors(g, rng, keys, { shape: [width], truncation: 2 });
  g.output("keys", keys);
  g.output("z", z);
  g.output("view", latentView(g, rng, keys, z, view));
  const { labels, oneHot } = sampleLabels(g, rng, keys, { classes: 10, choice: "random" });
  g.output("labels", labels);
  g.output("oneHot", oneHot);
  const { keys: sampled, z: anchor, view: views, labels: classes, oneHot: hot } = await execute(gpu, g, {
    rng: rngValues(seed, at),
  });
  const rowsOf = (values: ArrayLike<number>) => {
    const all = Array.from(values);
    return Array.from({ length: law.batch }, (_, i) => all.slice(i * width, (i + 1) * width));
  };
  return {
    keys: sampled,
    z: anchor as Float32Array,
    view: views as Float32Array,
    labels: classes as Int32Array,
    oneHot: hot as Float32Array,
    rows: rowsOf(anchor),
    views: rowsOf(views),
  };
}

gpuTest("a Gaussian view is the anchor plus cut noise of its std", async (gpu) => {
  const { z, view } = await step(gpu, ENDLESS, { kind: "gaussian", std: 0.25, truncation: 2 }, { width: 128 });
  const w = Float32Array.from(z, (x, i) => view[i] - x);
  assert(w.every((x) => Math.abs(x) <= 0.5 + 1e-6));
  assert(z.every((x) => Math.abs(x) <= 2));
  assert(view.some((x) => Math.abs(x) > 2), "the view is not cut again");
  const { mean, variance } = moments(w);
  assert(Math.abs(mean) < 4 * 0.22 / Math.sqrt(w.length));
  assert(Math.abs(variance / 0.0483588314718702 - 1) < 0.02);
  assert(Math.abs(correlation(z, w)) < 4 / Math.sqrt(w.length));
});

gpuTest("no view is the anchor, an independent one has nothing in common with it", async (gpu) => {
  const none = await step(gpu, ENDLESS, { kind: "none" });
  assert.deepEqual(none.view, none.z);
  const zero = await step(gpu, ENDLESS, { kind: "gaussian", std: 0, truncation: 2 });
  assert.deepEqual(zero.view, none.z);
  const { z, view } = await step(gpu, ENDLESS, { kind: "independent", truncation: 2 });
  assert(Math.abs(correlation(z, view)) < 4 / Math.sqrt(z.length));
  assert(Math.abs(moments(view).variance / 0.7737 - 1) < 0.04);
  assert(view.every((x) => Math.abs(x) <= 2));
});

gpuTest("ever new samples follow from the step", async (gpu) => {
  const law = { ...ENDLESS, batch: 64 };
  const view: LatentView = { kind: "gaussian", std: 1, truncation: 2 };
  const first = await step(gpu, law, view, { at: 0 });
  const second = await step(gpu, law, view, { at: 1 });
  const both = await step(gpu, { ...law, batch: 128 }, view, { at: 0 });
  assert.deepEqual([...first.rows, ...second.rows], both.rows);
  assert.deepEqual([...first.views, ...second.views], both.views);
  assert.deepEqual([...first.labels, ...second.labels], [...both.labels]);
  assert.notDeepEqual((await step(gpu, law, view, { seed: 2 })).z, first.z);
});

gpuTest("a finite set shows each sample once an epoch, with its own neighbours and label", async (gpu) => {
  const law = { batch: 16, samples: 32, shuffle: true, neighbors: 2 };
  const view: LatentView = { kind: "gaussian", std: 1, truncation: 2 };
  const seen = new Map<string, { views: Set<string>; labels: Set<number>; count: number }>();
  const samples: number[][] = [];
  for (let at = 0; at < 20; at++) {
    const { keys, rows, views, labels } = await step(gpu, law, view, { at, width: 4 });
    samples.push(Array.from({ length: 16 }, (_, i) => keys[2 * i]));
    rows.forEach((row, i) => {
      const entry = seen.get(row.join()) ?? { views: new Set(), labels: new Set(), count: 0 };
      entry.views.add(views[i].join());
      entry.labels.add(labels[i]);
      entry.count++;
      seen.set(row.join(), entry);
    });
  }
  assert.equal(seen.size, 32);
  for (const { views, labels, count } of seen.values()) {
    assert.deepEqual([views.size, labels.size, count], [2, 1, 10]);
  }
  for (let at = 0; at < 20; at += 2) assert.equal(new Set(samples.slice(at, at + 2).flat()).size, 32);
  assert.notDeepEqual(samples[0], samples[2], "epochs have an order of their own");
});

gpuTest("fresh neighbours never come twice", async (gpu) => {
  const law = { batch: 8, samples: 8, shuffle: false, neighbors: null };
  const view: LatentView = { kind: "gaussian", std: 1, truncation: 2 };
  const first = await step(gpu, law, view, { at: 0 });
  const second = await step(gpu, law, view, { at: 1 });
  assert.deepEqual(first.rows, second.rows);
  first.views.forEach((row, i) => assert.notDeepEqual(row, second.views[i]));
});

gpuTest("labels are uniform over the classes, and one-hot", async (gpu) => {
  const { labels, oneHot } = await step(gpu, { ...ENDLESS, batch: 8192 }, { kind: "none" }, { width: 1 });
  const counts = new Array(10).fill(0);
  labels.forEach((label) => counts[label]++);
  assert(chiSquare(counts, counts.map(() => 819.2)) < 4, `${counts}`);
  assert(oneHot.every((x, i) => x === Number(labels[Math.floor(i / 10)] === i % 10)));
});

gpuTest("labels are drawn from a list, or are one class for all", async (gpu) => {
  const draw = async (choice: number | number[], classes: number) => {
    const g = new Graph();
    const rng = rngInput(g);
    const { labels, oneHot } = sampleLabels(g, rng, stepSamples(g, rng, { ...ENDLESS, batch: 100 }), {
      classes,
      choice,
    });
    g.output("labels", labels);
    g.output("oneHot", oneHot);
    return await execute(gpu, g, { rng: rngValues(1, 0) });
  };
  assert.deepEqual(new Set((await draw([3, 999, 7], 1000)).labels), new Set([3, 999, 7]));
  const { labels, oneHot } = await draw(999, 1000);
  assert.deepEqual(new Set(labels), new Set([999]));
  assert.equal(oneHot.filter((x) => x === 1).length, 100);
});

Deno.test("a class that is not there is named", () => {
  const g = new Graph();
  const rng = rngInput(g);
  const keys = stepSamples(g, rng, ENDLESS);
  assert.throws(() => sampleLabels(g, rng, keys, { classes: 10, choice: [1, 10] }), /Class 10 .* 10 classes/);
  assert.throws(() => stepSamples(g, rng, { ...ENDLESS, samples: 0 }), /samples 0/);
});
