/** What a run computes, writes, and does when it goes wrong. */

import assert from "node:assert/strict";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, metricsOf, tinyConfig, trainTiny } from "../support/training.ts";

gpuTest("equal seeds give equal bytes, another seed does not", (gpu) =>
  inFolder(async (folder) => {
    const run = async (name: string, seed: number) => {
      const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=2", `seed=${seed}`), `${folder}/${name}`);
      return { metrics: await metricsOf(`${folder}/${name}`), bytes: await Deno.readFile(checkpoint) };
    };
    const [a, b, c] = [await run("a", 5), await run("b", 5), await run("c", 6)];
    assert.deepEqual(a, b);
    assert.notEqual(a.metrics[0]!.loss, c.metrics[0]!.loss);
    assert.notDeepEqual(a.bytes, c.bytes);
  }));

gpuTest("the loss falls on a few samples that repeat", (gpu) =>
  inFolder(async (folder) => {
    const few = ["steps=40", "data.samples=8", "batch=8", "views.pixel=none", "optimizer.lr=0.05"];
    await trainTiny(gpu, tinyConfig(...few), folder);
    const losses = (await metricsOf(folder)).map(({ loss }) => loss);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    const [first, last] = [mean(losses.slice(0, 5)), mean(losses.slice(-5))];
    assert(last < 0.7 * first, `${first} to ${last}: ${losses}`);
  }));
