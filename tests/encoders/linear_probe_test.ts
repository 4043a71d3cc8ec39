/** A linear classifier by SGD whose rate falls on the way, against PyTorch, step by step. */

import { linear } from "../../src/encoders/head.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { grad } from "../../src/ops/gradients.ts";
import { guard } from "../../src/ops/guard.ts";
import { sgd } from "../../src/ops/sgd.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { f32, fillStates, withSession } from "../support/resnet_cases.ts";

for (const test of goldenCases("resnet", ({ op }) => op === "linear_probe_sgd")) {
  gpuTest(`linear_probe_sgd ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const [steps, rows, size] = tensors.get("features")!.shape as [number, number, number];
    const [features, labels] = [f32(tensors, "features"), tensors.get("labels")!.data as Int32Array];
    const { lr_per_step: rates, momentum, weight_decay: weightDecay } = test.attrs;
    const g = new Graph();
    const head = linear(g, g.input("x", [rows, size]), "fc", tensors.get("fc.weight")!.shape[0]!);
    const loss = crossEntropy(g, head.y, g.input("labels", [rows], "i32"));
    const gradients = grad(g, loss, head.parameters);
    const check = guard(g, loss, g.input("rng", [4], "u32"));
    const lr = g.input("lr", [1]);
    sgd(g, head.parameters, gradients, lr, { momentum, weightDecay }, check);
    g.output("loss", loss);
    const store = new StateStore(gpu);
    await withSession(gpu, g, store, async (session) => {
      fillStates(store, tensors);
      const losses: number[] = [];
      for (let step = 0; step < steps; step++) {
        session.write("x", features.slice(step * rows * size, (step + 1) * rows * size));
        session.write("labels", labels.slice(step * rows, (step + 1) * rows));
        session.write("lr", Float32Array.of(rates[step]));
        losses.push((await session.run(["loss"])).loss![0]!);
      }
      assertClose(losses, f32(tensors, "losses"), test.tol, "losses");
      for (const name of ["fc.weight", "fc.bias"]) {
        assertClose(await session.read(name), f32(tensors, `final.${name}`), test.tol, `final.${name}`);
      }
    });
    store.close();
  });
}
