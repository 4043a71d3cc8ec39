/** The works of the benchmark: what they compute does not change. */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { plan } from "../../src/graph/plan.ts";
import { memoryOf } from "../../src/graph/program.ts";
import { startOwn } from "../../src/studies/benchmark/own.ts";
import { prepareWork, type Work, WORKS } from "../../src/studies/benchmark/works.ts";
import { buildEncoderStep } from "../../src/training/step.ts";
import { gpuTest } from "../support/gpu.ts";

function workOf(name: string): Work {
  return WORKS.find((w) => w.work === name && !w.on)!;
}

Deno.test("no two works share name, batch and size", () => {
  const keys = WORKS.map(({ work, batch, size }) => `${work} ${batch} ${size}`);
  assert.equal(new Set(keys).size, keys.length);
});

/** Multiply-adds counted twice; those of the generators an image as PyTorch counts its own modules of the same layers. */
const FLOPS = {
  dcgan64: 16 * 209_715_200,
  biggan128: 16 * (4_937_433_600 + 2 * 100 * 128), // the embedding of one-hot labels is a product here
  stylegan64: 16 * 3_849_543_168,
  matmul: 2 * 1024 ** 3,
  "matmul-da": 2 * 1024 ** 3,
  "conv3x3-64-64": 2 * 16 * 32 ** 2 * 64 ** 2 * 9,
  "conv3x3-256-256-dx": 2 * 16 * 8 ** 2 * 256 ** 2 * 9,
  "conv1x1-256-64-dw": 2 * 16 * 32 ** 2 * 256 * 64,
};

for (const [name, flops] of Object.entries(FLOPS)) {
  Deno.test(`operations of ${name}`, async () => assert.equal((await prepareWork(workOf(name))).flops, flops));
}

Deno.test("a ResNet-50 step of 128 pixels is about 8 GFLOP an image", async () => {
  const { flops, work, states } = await prepareWork(workOf("train-resnet50"));
  assert.ok(Math.abs(flops / work.batch / 8e9 - 1) < 0.03, String(flops / work.batch));
  assert.ok([...states.values()].every(({ shape, data }) => shape.reduce((a, b) => a * b, 1) === data.length));
});

Deno.test("a step of 256 anchors with two views of 128 pixels plans within 24 GB on a GPU", () => {
  const { graph } = buildEncoderStep(parseConfig("{batch: 256, steps: 1, encoder: {input: 128}}"));
  const limits = { maxBindingBytes: 2 ** 31 - 4, maxTextureRows: 16_384, maxBuffers: 64, maxIterations: 2 ** 31 };
  const memory = memoryOf(plan(graph, { kind: "gpu", ...limits }));
  const total = Object.values(memory).reduce((a, b) => a + b, 0);
  assert.ok(total < 24e9, `${total} bytes`);
});

gpuTest("a generator's images fill their range, and are the same run after run", async (gpu) => {
  const prepared = await prepareWork(workOf("dcgan64"));
  const started = await startOwn(gpu, prepared);
  try {
    assert.equal(started.first.length, 16 * 3 * 64 * 64);
    assert.ok(started.first.every((v) => Math.abs(v) <= 1));
    const mean = started.first.reduce((sum, v) => sum + Math.abs(v), 0) / started.first.length;
    assert.ok(mean > 0.2 && mean < 0.8, `mean of the absolute values ${mean}`);
    const round = await started.run(2);
    assert.ok(round.ms > 0 && round.loss === null);
    assert.deepEqual(await started.session.read("image"), started.first);
  } finally {
    await started.close();
  }
});
