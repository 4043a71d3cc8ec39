/** Each objective: what it computes from a batch, that it learns, and what it refuses. */

import assert from "node:assert/strict";
import type { Config } from "../../src/config.ts";
import { linear, projectionHead } from "../../src/encoders/head.ts";
import { initializeStates } from "../../src/encoders/init.ts";
import { resnet, resnetSpec } from "../../src/encoders/resnet.ts";
import { UserError } from "../../src/errors.ts";
import { rngInput } from "../../src/generators/latents.ts";
import { rngValues } from "../../src/generators/random.ts";
import { loadGenerator } from "../../src/generators/model.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { locate } from "../../src/paths.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { imagesPerSample, objectiveOf } from "../../src/training/objectives/mod.ts";
import { generatorSource, type Source } from "../../src/training/source.ts";
import { buildStep } from "../../src/training/step.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";
import { conditionalGenerator, inFolder, metricsOf, tinyConfig, trainTiny } from "../support/training.ts";

const CLASSES = 3;
const LABELS = [2, 0, 1, 2];
const N = LABELS.length;

/** The objective's loss on a fixed batch, beside the outputs of its heads, found by a second pass over the states. */
async function lossAndHeads(
  gpu: Gpu,
  kind: string,
  heads: (g: Graph, features: Tensor) => Record<string, Tensor>,
) {
  const config = tinyConfig(`objective.kind=${kind}`);
  const g = new Graph();
  const objective = objectiveOf(config);
  const rows = imagesPerSample(config) * N;
  const views = g.input("views", [rows, 32, 32, 3]);
  const [latents, labels] = [g.input("latents", [N, 5]), g.input("labels", [N], "i32")];
  const rng = g.input("rng", [4], "u32");
  const batch = { n: N, views, latents, labels, classes: CLASSES, source: "a test", rng };
  g.output("loss", objective.build(g, batch, config).loss);
  const { features } = g.scope("again", () => resnet(g, views, resnetSpec(config.encoder), true));
  for (const [name, t] of Object.entries(heads(g, features))) g.output(name, t);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  try {
    for (const [name, t] of g.states) store.reserve(name, t.shape);
    initializeStates(store, new Map([...g.states].map(([name, t]) => [name, t.shape])), 3);
    session.write("views", noise(rows * 32 * 32 * 3, 5));
    session.write("latents", noise(N * 5, 6));
    session.write("labels", Int32Array.from(LABELS));
    return await session.run([...g.outputs.keys()]);
  } finally {
    session.close();
    store.close();
  }
}

const CLOSE = { rtol: 1e-4, atol: 1e-5 };

/** Mean over the rows of -log softmax(logits)[label]. */
function crossEntropyOf(logits: ArrayLike<number>, classes: number): number {
  return LABELS.reduce((sum, label, i) => {
    const row = Array.from({ length: classes }, (_, c) => logits[i * classes + c]!);
    return sum + Math.log(row.reduce((total, x) => total + Math.exp(x), 0)) - row[label]!;
  }, 0) / N;
}

gpuTest("the inverter's loss is that of its two heads", async (gpu) => {
  const { loss, z, y } = await lossAndHeads(gpu, "inverter", (g, features) => ({
    z: linear(g, features, "head.0", 5).y,
    y: linear(g, features, "head.1", CLASSES).y,
  }));
  const error = noise(N * 5, 6).reduce((sum, v, i) => sum + (v - z![i]!) ** 2, 0) / (N * 5);
  assertClose(loss!, [error + crossEntropyOf(y!, CLASSES)], CLOSE);
});

gpuTest("the classifier's loss is that of its head", async (gpu) => {
  const { loss, y } = await lossAndHeads(gpu, "classifier", (g, features) => ({
    y: linear(g, features, "head.0", CLASSES).y,
  }));
  assertClose(loss!, [crossEntropyOf(y!, CLASSES)], CLOSE);
});

gpuTest("SupCon's positives are the views of the classes that came with the samples", async (gpu) => {
  const { loss, z } = await lossAndHeads(gpu, "supcon", (g, features) => ({ z: projectionHead(g, features).z }));
  const rows = 2 * N, d = z!.length / rows;
  const dot = (i: number, j: number) => {
    let sum = 0;
    for (let k = 0; k < d; k++) sum += z![i * d + k]! * z![j * d + k]! / 0.1;
    return sum;
  };
  let want = 0;
  for (let i = 0; i < rows; i++) {
    const others = Array.from({ length: rows }, (_, j) => j).filter((j) => j !== i);
    const total = Math.log(others.reduce((sum, j) => sum + Math.exp(dot(i, j)), 0));
    const positives = others.filter((j) => LABELS[j % N] === LABELS[i % N]);
    want += positives.reduce((sum, j) => sum + total - dot(i, j), 0) / positives.length / rows * 0.1 / 0.07;
  }
  assertClose(loss!, [want], CLOSE);
});

const FEW = ["steps=40", "data.samples=8", "batch=8", "views.pixel=none", "optimizer.lr=0.05"];

/** The first part of the names that a checkpoint has beside encoder and momentum, and settings, by objective. */
const LEARNERS: Record<string, { heads: readonly string[]; sets?: readonly string[] }> = {
  supcon: { heads: ["head.0", "head.2"] },
  inverter: { heads: ["head.0", "head.1"] },
  classifier: { heads: ["head.0"] },
  moco: { heads: ["head.0", "head.2", "queue", "target.encoder", "target.head"], sets: ["objective.queue=8"] },
  byol: {
    heads: ["head.0", "head.1", "head.3", "predictor.0", "predictor.1", "predictor.3", "target.encoder", "target.head"],
    sets: ["objective={hidden: 16, projection: 8, ema: 0.9}"],
  },
  vicreg: {
    heads: ["head.0", "head.1", "head.3", "head.4", "head.6"],
    sets: ["objective={hidden: 16, projection: 8}", "optimizer.lr=0.005"],
  },
  barlow_twins: {
    heads: ["head.0", "head.1", "head.3", "head.4", "head.6"],
    sets: ["objective={hidden: 16, projection: 8}", "optimizer.lr=0.01"],
  },
};

/** SupCon's loss where all images of a class are one point, far from the others: mean of log(positives), scaled. */
async function leastSupcon(gpu: Gpu, source: Source, config: Config): Promise<number> {
  const g = new Graph();
  g.output("labels", source.build(g, rngInput(g), config.batch, 2).labels!);
  const { labels } = await execute(gpu, g, { rng: rngValues(config.seed, 0) });
  const all = [...labels!, ...labels!];
  const positives = all.map((label) => all.filter((other) => other === label).length - 1);
  const { temperature, base_temperature } = config.objective;
  return positives.reduce((sum, n) => sum + Math.log(n), 0) / all.length * temperature / base_temperature;
}

for (const [kind, { heads, sets = [] }] of Object.entries(LEARNERS)) {
  gpuTest(`${kind} learns a few samples that repeat, and continues bit for bit`, (gpu) =>
    inFolder(async (folder) => {
      const config = tinyConfig(...FEW, ...sets, `objective.kind=${kind}`);
      const source = generatorSource(conditionalGenerator(CLASSES), config);
      const { checkpoint } = await trainTiny(gpu, config, folder, { source });
      const losses = (await metricsOf(folder)).map(({ loss }) => loss);
      const least = kind === "supcon" ? await leastSupcon(gpu, source, config) : 0;
      const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length - least;
      assert(mean(losses.slice(-5)) < 0.8 * mean(losses.slice(2, 7)), losses.join()); // MoCo's queue is full then
      const names = [...(await loadCheckpoint(checkpoint)).tensors.keys()];
      const others = names.filter((name) => !/^(encoder|momentum)\./.test(name));
      assert.deepEqual([...new Set(others.map((name) => name.split(".").slice(0, 2).join(".")))].sort(), heads);
      const out = `${folder}/parts`;
      const first = await trainTiny(gpu, config, out, { source, onStep: ({ step }) => step === 5 });
      await trainTiny(gpu, config, out, { source, resume: first.checkpoint });
      assert.deepEqual(await Deno.readFile(checkpoint), await Deno.readFile(first.checkpoint));
    }));
}

Deno.test("objectives that need classes say so where the generator has none", async () => {
  for (const kind of ["supcon", "classifier"]) {
    const config = tinyConfig(`objective.kind=${kind}`);
    const source = generatorSource(await loadGenerator(locate(config.generator.model)), config);
    assert.throws(() => buildStep(source, config), (error) => {
      assert(error instanceof UserError);
      assert.match(
        error.message,
        new RegExp(`^objective.kind is ${kind}, which needs classes, and .*onnx has none: use`),
      );
      return true;
    });
  }
});

Deno.test("the inverter of a generator without classes has one head", async () => {
  const config = tinyConfig("objective.kind=inverter");
  const { states } = buildStep(generatorSource(await loadGenerator(locate(config.generator.model)), config), config);
  assert.deepEqual(states.get("head.0.weight"), [64, 32]);
  assert(![...states.keys()].some((name) => name.startsWith("head.1")));
});

Deno.test("classes that a generator has not are refused", () => {
  const config = tinyConfig("generator.labels=[0, 3]");
  assert.throws(
    () => generatorSource(conditionalGenerator(CLASSES), config),
    /generator.labels has class 3, conditional has the classes 0 to 2/,
  );
});

gpuTest("several views of an anchor are different ones of its pool", async (gpu) => {
  const config = tinyConfig("views.latent={images: 3, neighbors: 4, std: 0.5}", "views.pixel=none");
  const g = new Graph();
  const source = generatorSource(conditionalGenerator(CLASSES), config);
  const { images, latents, labels } = source.build(g, rngInput(g), 4, imagesPerSample(config));
  for (const [name, t] of Object.entries({ images, latents: latents!, labels: labels! })) g.output(name, t);
  assert.deepEqual([images.shape, latents!.shape, labels!.shape], [[16, 8, 8, 1], [4, 4], [4]]);
  const { images: pixels } = await execute(gpu, g, { rng: rngValues(3, 2) });
  const rows = Array.from({ length: 16 }, (_, i) => pixels!.slice(64 * i, 64 * (i + 1)).join());
  assert.equal(new Set(rows).size, 16);
});

Deno.test("more views than the pool has are refused", () => {
  const config = tinyConfig("views.latent.images=3", "views.latent.neighbors=2");
  assert.throws(() => generatorSource(conditionalGenerator(CLASSES), config), /images is 3, more than the 2 of /);
});

gpuTest("target networks begin as the networks they follow, and then do", async (gpu) => {
  for (const kind of ["moco", "byol"]) {
    await inFolder(async (folder) => {
      const sets = [
        `objective={kind: ${kind}, queue: 8, hidden: 8, projection: 8, ema: 0.75}`,
        "optimizer.schedule=constant",
      ];
      const states = async (steps: number, lr: number) => {
        const config = tinyConfig(...sets, `steps=${steps}`, `optimizer.lr=${lr}`);
        const source = generatorSource(conditionalGenerator(CLASSES), config);
        const { checkpoint } = await trainTiny(gpu, config, `${folder}/${lr}`, { source });
        return (await loadCheckpoint(checkpoint)).tensors;
      };
      const name = "encoder.layer1.0.conv1.weight";
      const still = await states(1, 1e-30); // nothing moves
      assert.deepEqual(still.get(`target.${name}`), still.get(name));
      const moved = await states(1, 0.1);
      const [first, last] = [still.get(name)!.data, moved.get(name)!.data];
      const rate = 0.75; // of the first step; BYOL's begins there
      const want = first.map((v, i) => rate * v + (1 - rate) * last[i]!);
      assertClose(moved.get(`target.${name}`)!.data, want, { rtol: 1e-5, atol: 1e-6 }, kind);
      assert.notDeepEqual(first, last);
    });
  }
});

Deno.test("a queue that is no multiple of the batch, and sets where pairs are compared, are refused", () => {
  const build = (...sets: string[]) => () => {
    const config = tinyConfig(...sets);
    return buildStep(generatorSource(conditionalGenerator(CLASSES), config), config);
  };
  assert.throws(build("objective={kind: moco, queue: 10}"), /objective.queue is 10, .* multiple of batch, 4/);
  const set = "views.latent={images: 2, neighbors: 2}";
  for (const kind of ["moco", "byol", "vicreg", "barlow_twins"]) {
    assert.throws(build(`objective.kind=${kind}`, set), new RegExp(`images is 2, and objective.kind ${kind} compares`));
  }
});
