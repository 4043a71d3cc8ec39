/** Images made a part of the batch at a time: the same ones, in the memory of a part. */

import assert from "node:assert/strict";
import { buildBigBiGan } from "../../models/bigbigan-128.ts";
import { buildStyleGan2 } from "../../models/stylegan2-512.ts";
import type { Weights } from "../../models/weights.ts";
import { loadConfig } from "../../src/config.ts";
import { type Generator, loadGenerator } from "../../src/generators/model.ts";
import { generate } from "../../src/generators/parts.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Target } from "../../src/graph/op.ts";
import { plan } from "../../src/graph/plan.ts";
import { memoryOf } from "../../src/graph/program.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { PROJECT_ROOT } from "../../src/paths.ts";
import { generatorSource } from "../../src/training/source.ts";
import { buildStep } from "../../src/training/step.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** A GPU whose bindings end at 2 GiB. */
const GPU: Target = {
  kind: "gpu",
  maxBindingBytes: 2 ** 31 - 4,
  maxTextureRows: 16_384,
  maxBuffers: 64,
  maxIterations: Infinity,
};

/** Images of n latents, and of classes in turn where there are some, `most` at a time. */
function imagesOf(generator: Generator, n: number, most: number | null): Graph {
  const g = new Graph();
  const labels = generator.classes === null ? null : g.input("y", [n, generator.classes]);
  g.output("images", generate(g, generator, g.input("z", [n, ...generator.latentShape]), labels, most));
  return g;
}

for (const card of ["card", "card-conditional"]) {
  gpuTest(`${card}.yaml gives the same images in parts, from the same constants`, async (gpu) => {
    const generator = await loadGenerator(`${PROJECT_ROOT}/models/fashion-mnist/${card}.yaml`);
    const n = 5;
    const hot = (classes: number) => Float32Array.from({ length: n * classes }, (_, i) => +(i % (classes + 1) === 0));
    const values = {
      z: noise(n * generator.latentSize, 1),
      ...(generator.classes === null ? {} : { y: hot(generator.classes) }),
    };
    const whole = (await execute(gpu, imagesOf(generator, n, null), values)).images!;
    const constants = (most: number | null) => memoryOf(plan(imagesOf(generator, n, most), GPU)).constant;
    for (const most of [1, 2, 5]) {
      const { images } = await execute(gpu, imagesOf(generator, n, most), values);
      assertClose(images!, whole as Float32Array, { rtol: 1e-4, atol: 1e-6 }, `${most} at a time`);
      assert.equal(constants(most), constants(null));
    }
  });
}

/** Weights that cost nothing to make. */
const FLAT: Weights = { has: () => false, get: (_, shape) => new Float32Array(sizeOf(shape)).fill(0.01) };

Deno.test("noise maps that a convolution's tail takes are spread over its channels once for all parts", () => {
  const sizes = { style: 4, mapping: 1, channels: [64, 64, 64, 64, 64] };
  const model = decodeModel(buildStyleGan2(FLAT, 1, sizes).encode(), "stylegan2.onnx");
  const build = (g: Graph, z: Tensor) => importModel(g, model, { z }).image!;
  const spread = (n: number) => {
    const g = new Graph();
    g.output("images", generate(g, { build }, g.input("z", [n, 4]), null, 2));
    return plan(g, GPU).prologue.filter((step) => step.kind === "dispatch" && step.op === "Expand").length;
  };
  assert.ok(spread(2) > 0);
  assert.equal(spread(6), spread(2));
});

/** Bytes that the recipe of BigBiGAN plans, at its own sizes. */
function recipeBytes(generator: Generator, ...sets: string[]): number {
  const config = loadConfig(`${PROJECT_ROOT}/tasks/configs/imagenet1000-bigbigan.yaml`, sets);
  assert.deepEqual([config.batch, config.encoder.input, config.encoder.recompute], [256, 112, "none"]);
  const { graph } = buildStep(generatorSource(generator, config), config);
  return Object.values(memoryOf(plan(graph, GPU))).reduce((a, b) => a + b, 0);
}

Deno.test("a step of 256 anchors with BigBiGAN plans within 14 GB, its images being made in parts", () => {
  const model = decodeModel(buildBigBiGan(FLAT).encode(), "bigbigan.onnx");
  const generator: Generator = {
    path: model.path,
    latentShape: [120],
    latentSize: 120,
    classes: null,
    levels: 256,
    build: (g, z) => transpose(g, importModel(g, model, { z }).image!, [0, 2, 3, 1]),
  };
  // 12.6 and 24.5 GB when this was written.
  assert.ok(recipeBytes(generator) < 14e9);
  assert.ok(recipeBytes(generator, "generator.batch=null") > 20e9);
});
