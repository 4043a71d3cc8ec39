/** Small ResNets against PyTorch: features, losses, every gradient, running statistics, and five steps of SGD. */

import assert from "node:assert/strict";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { fromTorchLayout } from "../../src/encoders/weights.ts";
import { StateStore } from "../../src/gpu/store.ts";
import type { HostArray } from "../../src/graph/tensor.ts";
import { assertClose, relativeError } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import {
  f32,
  fillStates,
  inferenceGraph,
  sampleMajor,
  trainingGraph,
  viewMajor,
  viewsOf,
  withSession,
} from "../support/resnet_cases.ts";

for (const test of goldenCases("resnet", (c) => c.op === "resnet_step")) {
  gpuTest(`resnet_step ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const stored = tensors.get("x")!;
    const views = viewsOf(test);
    const x = viewMajor(stored.shape, stored.data as Float32Array, views);
    const n = x.shape[0]!;
    const store = new StateStore(gpu);
    await withSession(gpu, inferenceGraph(test, x.shape), store, async (session) => {
      fillStates(store, tensors);
      session.write("x", x.data);
      await session.run();
      const features = sampleMajor(await session.read("features"), n, views);
      assertClose(features, f32(tensors, "features_eval"), test.tol, "features_eval");
    });
    await withSession(gpu, trainingGraph(test, x.shape), store, async (session) => {
      fillStates(store, tensors);
      session.write("x", x.data);
      if (test.attrs.classes) session.write("labels", tensors.get("labels")!.data as Int32Array);
      await session.run();
      assertClose(await session.read("loss"), f32(tensors, "loss"), test.tol, "loss");
      for (const name of ["features", test.attrs.classes ? "logits" : "z"]) {
        assertClose(sampleMajor(await session.read(name), n, views), f32(tensors, name), test.tol, name);
      }
      for (const [name, gradName] of Object.entries(test.grads)) {
        const want = tensors.get(gradName)!;
        const device = name === "x"
          ? viewMajor(want.shape, want.data as Float32Array, views)
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
    const sgd = { momentum: test.attrs.momentum, weightDecay: test.attrs.weight_decay };
    await withSession(gpu, trainingGraph(test, batches[0]!.shape, { sgd }), store, async (session) => {
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
