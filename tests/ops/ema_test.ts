/** Averages of parameters against PyTorch, in the order of the step: the parameter moves first. */

import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { ema } from "../../src/ops/ema.ts";
import { guard } from "../../src/ops/guard.ts";
import { sgdStep } from "../../src/ops/sgd.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

for (const test of goldenCases("objectives", ({ op }) => op === "ema")) {
  for (const first of ["sgd", "ema"]) {
    gpuTest(`an average follows the moved parameter, ${first} added first`, async (gpu) => {
      const tensors = await test.load();
      const { attrs } = test;
      const start = tensors.get("p")!.data as Float32Array;
      const g = new Graph();
      const state = (name: string) => g.state(name, [start.length], "f32", start);
      const [p, average] = [state("p"), state("target.p")];
      const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
      const [gradient, lr, rate] = [g.input("gradient", [start.length]), g.input("lr", [1]), g.input("ema", [1])];
      const rule = { momentum: attrs.momentum, weightDecay: attrs.weight_decay };
      const adds = [() => sgdStep(g, p, gradient, lr, rule, check), () => ema(g, average, p, rate, check)];
      for (const add of first === "sgd" ? adds : adds.reverse()) add();
      const store = new StateStore(gpu);
      const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
      const run = async (gradients: Float32Array, loss: number) => {
        session.write("gradient", gradients);
        session.write("loss", Float32Array.of(loss));
        session.write("lr", Float32Array.of(attrs.lr));
        session.write("ema", Float32Array.of(attrs.ema));
        await session.run();
      };
      const gradients = tensors.get("gradients")!.data as Float32Array;
      for (let s = 0; s < attrs.steps; s++) await run(gradients.slice(s * start.length, (s + 1) * start.length), 1);
      await run(gradients.slice(0, start.length), NaN); // held back
      const want = (name: string) => tensors.get(name)!.data as Float32Array;
      assertClose(await session.read("p"), want("last_p"), test.tol, "p");
      assertClose(await session.read("target.p"), want("last_target"), test.tol, "target.p");
      session.close();
      store.close();
    });
  }
}
