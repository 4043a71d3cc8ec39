/** ResNets against PyTorch: features, losses, every gradient, running statistics, and five steps of SGD. */

import assert from "node:assert/strict";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { linear, projectionHead } from "../../src/encoders/head.ts";
import { type Encoded, resnet, type ResnetSpec, updateNorms } from "../../src/encoders/resnet.ts";
import { fromTorchLayout } from "../../src/encoders/weights.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { HostArray, Tensor } from "../../src/graph/tensor.ts";
import { simclrLoss } from "../../src/losses/simclr.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { grad } from "../../src/ops/gradients.ts";
import { guard } from "../../src/ops/guard.ts";
import { sgdStep } from "../../src/ops/sgd.ts";
import { assertClose, relativeError } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

type Tensors = ReadonlyMap<string, StoredTensor>;

const f32 = (tensors: Tensors, name: string): Float32Array => {
  const tensor = tensors.get(name);
  assert.equal(tensor?.dtype, "F32", name);
  return tensor!.data as Float32Array;
};

function specOf({ attrs }: GoldenCase): ResnetSpec {
  const stem = attrs.stem.startsWith("7x7") ? "imagenet" : "cifar";
  return { blocks: attrs.layers, bottleneck: attrs.block === "Bottleneck", stem, width: attrs.base };
}

/** Images [n, 3, h, w], the two views of a sample side by side, to [n, h, w, 3] with all first views first. */
function viewMajor(
  shape: readonly number[],
  data: Float32Array,
  views: number,
): { shape: number[]; data: Float32Array } {
  const [n, c, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let row = 0; row < n; row++) {
    const from = (row % (n / views)) * views + Math.floor(row / (n / views));
    for (let k = 0; k < c; k++) {
      for (let p = 0; p < h * w; p++) out[(row * h * w + p) * c + k] = data[(from * c + k) * h * w + p]!;
    }
  }
  return { shape: [n, h, w, c], data: out };
}

/** Rows of a matrix from view-major order back to the cases' order. */
function sampleMajor(data: ArrayLike<number>, rows: number, views: number): Float32Array {
  const width = data.length / rows;
  return Float32Array.from({ length: data.length }, (_, i) => {
    const row = Math.floor(i / width);
    return data[((row % views) * (rows / views) + Math.floor(row / views)) * width + i % width]!;
  });
}

/** Writes the case's parameters and statistics into the states of a session's store. */
function fillStates(store: StateStore, tensors: Tensors, prefix = ""): void {
  for (const name of store.names()) {
    const torch = prefix + name.replace(/^encoder\./, "");
    const tensor = tensors.get(torch);
    if (tensor) store.write(name, fromTorchLayout(tensor.shape, tensor.data as Float32Array).data);
  }
}

/** A training graph of a case: loss, gradients by name, and the update with its own running statistics. */
function trainingGraph(
  test: GoldenCase,
  shape: readonly number[],
  sgd: { momentum: number; weightDecay: number } | null,
) {
  const g = new Graph();
  const rng = g.input("rng", [4], "u32");
  const x = g.input("x", shape);
  const encoded: Encoded = resnet(g, x, specOf(test), true);
  let loss: Tensor;
  let parameters = encoded.parameters;
  if (test.attrs.classes) {
    const head = linear(g, encoded.features, "fc", test.attrs.classes);
    loss = crossEntropy(g, head.y, g.input("labels", [shape[0]!], "i32"));
    parameters = [...parameters, ...head.parameters];
    g.output("logits", head.y);
  } else {
    const head = projectionHead(g, encoded.features, test.attrs.head);
    const { temperature, base_temperature: baseTemperature } = test.attrs;
    loss = simclrLoss(g, head.z, shape[0]! / 2, { temperature, baseTemperature });
    parameters = [...parameters, ...head.parameters];
    g.output("z", head.z);
  }
  const gradients = grad(g, loss, [x, ...parameters]);
  g.output("loss", loss);
  g.output("features", encoded.features);
  [x, ...parameters].forEach((p, i) => g.output(`grad.${p.name.replace(/^encoder\./, "")}`, gradients[i]!));
  const check = guard(g, loss, rng);
  if (sgd) {
    const lr = g.input("lr", [1]);
    parameters.forEach((p, i) => sgdStep(g, p, gradients[i + 1]!, lr, sgd, check));
  }
  updateNorms(g, encoded.norms, check);
  return g;
}

/** Features in inference mode. */
function inferenceGraph(test: GoldenCase, shape: readonly number[]): Graph {
  const g = new Graph();
  g.output("features", resnet(g, g.input("x", shape), specOf(test), false).features);
  return g;
}

async function withSession<T>(
  gpu: Gpu,
  g: Graph,
  store: StateStore,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  try {
    return await body(session);
  } finally {
    session.close();
  }
}

const views = (test: GoldenCase) => test.attrs.loss === "simclr" ? 2 : 1;

for (const test of goldenCases("resnet", (c) => c.op === "resnet_step")) {
  gpuTest(`resnet_step ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const stored = tensors.get("x")!;
    const x = viewMajor(stored.shape, stored.data as Float32Array, views(test));
    const n = x.shape[0]!;
    const store = new StateStore(gpu);
    await withSession(gpu, inferenceGraph(test, x.shape), store, async (session) => {
      fillStates(store, tensors);
      session.write("x", x.data);
      await session.run();
      const features = sampleMajor(await session.read("features"), n, views(test));
      assertClose(features, f32(tensors, "features_eval"), test.tol, "features_eval");
    });
    await withSession(gpu, trainingGraph(test, x.shape, null), store, async (session) => {
      fillStates(store, tensors);
      session.write("x", x.data);
      if (test.attrs.classes) session.write("labels", tensors.get("labels")!.data as Int32Array);
      await session.run();
      assertClose(await session.read("loss"), f32(tensors, "loss"), test.tol, "loss");
      for (const name of ["features", test.attrs.classes ? "logits" : "z"]) {
        assertClose(sampleMajor(await session.read(name), n, views(test)), f32(tensors, name), test.tol, name);
      }
      for (const [name, gradName] of Object.entries(test.grads)) {
        const want = tensors.get(gradName)!;
        const device = name === "x"
          ? viewMajor(want.shape, want.data as Float32Array, views(test))
          : fromTorchLayout(want.shape, want.data as Float32Array);
        const error = relativeError(await session.read(`grad.${name}`), device.data);
        assert.ok(error <= 1e-3, `grad.${name}: relative error ${error}`);
      }
      for (const name of tensors.keys()) {
        const state = /^after\.(.*running_.*)$/.exec(name)?.[1];
        if (state) assertClose(await session.read(`encoder.${state}`), f32(tensors, name), test.tol, name);
      }
    });
    store.close();
  });
}

for (const test of goldenCases("resnet", (c) => c.op === "resnet_sgd")) {
  gpuTest(`resnet_sgd ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const { shape, data } = tensors.get("x")! as StoredTensor & { data: Float32Array };
    const size = data.length / shape[0]!;
    const batches = Array.from(
      { length: shape[0]! },
      (_, i) => viewMajor(shape.slice(1), data.slice(i * size, (i + 1) * size), 2),
    );
    const n = shape[1]!;
    const store = new StateStore(gpu);
    const rule = { momentum: test.attrs.momentum, weightDecay: test.attrs.weight_decay };
    await withSession(gpu, trainingGraph(test, batches[0]!.shape, rule), store, async (session) => {
      fillStates(store, tensors);
      session.write("lr", Float32Array.of(test.attrs.lr));
      const losses: HostArray[] = [];
      for (const batch of batches) {
        session.write("x", batch.data);
        losses.push((await session.run(["loss"])).loss!);
      }
      assertClose(losses.map((l) => l[0]!), f32(tensors, "losses"), test.tol, "losses");
      for (const name of tensors.keys()) {
        const state = /^final\.(.*)$/.exec(name)?.[1];
        if (!state || state.includes("num_batches")) continue;
        const want = fromTorchLayout(tensors.get(name)!.shape, f32(tensors, name)).data;
        const got = await session.read(/^(head|fc)\./.test(state) ? state : `encoder.${state}`);
        const error = relativeError(got, want);
        assert.ok(error <= 2e-3, `${name}: relative error ${error}`);
      }
    });
    await withSession(gpu, inferenceGraph(test, batches[0]!.shape), store, async (session) => {
      session.write("x", batches[0]!.data);
      await session.run();
      const features = sampleMajor(await session.read("features"), n, 2);
      assertClose(features, f32(tensors, "features_eval_after"), test.tol, "features_eval_after");
    });
    store.close();
  });
}
