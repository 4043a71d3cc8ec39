/** What a run computes, writes, and does when it goes wrong. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { loadConfig } from "../../src/config.ts";
import { readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import { WorkError } from "../../src/errors.ts";
import { exists, locate, PROJECT_ROOT } from "../../src/paths.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
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

/** The message of a run that fails as work. */
async function failure(run: Promise<unknown>): Promise<string> {
  const error = await run.then(() => assert.fail("the run did not fail"), (error) => error);
  assert(error instanceof WorkError, String(error));
  return error.message;
}

gpuTest(
  "a loss that is not finite stops the run, names the place and keeps the last checkpoint",
  (gpu) =>
    inFolder(async (folder) => {
      const steps: number[] = [];
      const wild = tinyConfig("optimizer={lr: 1.0e+30, schedule: constant}", "checkpoint.every=1");
      const message = await failure(trainTiny(gpu, wild, folder, { onStep: ({ step }) => void steps.push(step) }));
      assert.match(message, /^the loss is (NaN|-?Infinity) at step \d, first at \S+ \(\w+, \w+\.wgsl\); the last/);
      assert.match(message, /lower optimizer\.lr than 1e\+30$/);
      const failed = Number(/at step (\d)/.exec(message)![1]);
      assert.deepEqual(steps, Array.from({ length: failed - 1 }, (_, i) => i + 1));
      const { step, tensors } = await loadCheckpoint(`${folder}/last.safetensors`);
      assert.equal(step, failed - 1);
      for (const [name, { data }] of tensors) assert(data.every(Number.isFinite), name);
    }),
);

gpuTest("a broken weight is found where it first shows", (gpu) =>
  inFolder(async (folder) => {
    const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=1"), folder);
    const { tensors, metadata } = await readSafetensors(checkpoint);
    const name = "encoder.layer3.0.conv2.weight";
    tensors.get(name)!.data[7] = NaN;
    await writeSafetensors(checkpoint, [...tensors], metadata);
    const before = await Deno.readFile(checkpoint);
    const message = await failure(trainTiny(gpu, tinyConfig(), folder, { resume: checkpoint }));
    assert.match(message, /^the loss is NaN at step 2, first at \S*layer3\.0\.conv2\S* \(Conv/);
    assert.deepEqual(await Deno.readFile(checkpoint), before);
  }));

gpuTest(
  "an update that overflows in the last step does not replace the checkpoint",
  (gpu) =>
    inFolder(async (folder) => {
      const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=1"), folder);
      const { tensors, metadata } = await readSafetensors(checkpoint);
      tensors.get("momentum.encoder.conv1.weight")!.data[0] = Infinity;
      await writeSafetensors(checkpoint, [...tensors], metadata);
      const before = await Deno.readFile(checkpoint);
      const message = await failure(trainTiny(gpu, tinyConfig("steps=2"), folder, { resume: checkpoint }));
      assert.match(
        message,
        /^\S*encoder\.conv1\.weight holds values that are not finite after step 2; the last checkpoint/,
      );
      assert.deepEqual(await Deno.readFile(checkpoint), before);
    }),
);

gpuTest("a run writes its settings, its views and its metrics", (gpu) =>
  inFolder(async (folder) => {
    const config = tinyConfig("steps=5", "log.every=2", "data.samples=8", "optimizer.schedule=constant");
    await trainTiny(gpu, config, folder);
    assert.deepEqual(loadConfig(`${folder}/config.yaml`), config);
    const metrics = await metricsOf(folder);
    assert.deepEqual(metrics.map(({ step, epoch }) => [step, epoch]), [[2, 1], [4, 2], [5, 3]]); // the last one always
    for (const line of metrics) {
      assert.deepEqual(Object.keys(line), ["step", "epoch", "loss", "lr", "gradient_norm"]);
      assert(line.lr === 0.03 && line.loss > 0, JSON.stringify(line));
    }
    const { data, info } = await sharp(`${folder}/views.png`).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    assert(info.width >= 4 * 32 && info.height >= 4 * 32, JSON.stringify(info));
    assert(new Set(data).size > 32); // a picture, not one colour
  }));

for (const kind of ["none", "gaussian", "independent"]) {
  for (const pixel of ["none", "simclr"]) {
    gpuTest(`a step with latent views ${kind} and pixel views ${pixel} runs`, (gpu) =>
      inFolder(async (folder) => {
        const config = tinyConfig("steps=1", `views={latent: {kind: ${kind}}, pixel: ${pixel}}`);
        const { loss } = await trainTiny(gpu, config, folder);
        assert(Number.isFinite(loss) && loss! > 0, String(loss));
      }));
  }
}

Deno.test("the settings that the project brings along are settings", async () => {
  const folder = `${PROJECT_ROOT}/tasks/configs`;
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  assert(names.includes("quick.yaml"), names.join());
  for (const name of names) loadConfig(`${folder}/${name}`);
  const { generator, probe } = loadConfig(`${folder}/quick.yaml`);
  assert(exists(locate(generator.model)) && exists(locate(probe.data.path!)));
});
