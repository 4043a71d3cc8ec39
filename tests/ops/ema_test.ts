/** Averages of parameters against PyTorch, in the order of the step: the parameter moves first. */

import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { ema } from "../../src/ops/ema.ts";
import { guard } from "../../src/ops/guard.ts";
import { sgd } from "../../src/ops/sgd.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

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
      const adds = [() => sgd(g, [p], [gradient], lr, rule, check), () => ema(g, [[average, p]], rate, check)];
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

for (const candidate of ["together", "plain"]) {
  gpuTest(`averages of many tensors, the small ones by ${candidate}`, async (gpu) => {
    const sizes = [5, 64, 1, 33_000, 7, 12, 3, 260, 9, 2, 4];
    const g = new Graph();
    const state = (name: string, i: number, seed: number) =>
      g.state(`${name}${i}`, [sizes[i]!], "f32", noise(sizes[i]!, seed + i));
    const followed = sizes.map((_, i) => [state("average", i, 1), state("value", i, 50)] as const);
    const guard = { loss: g.constant([1], []), health: g.state("health", [1], "u32") };
    ema(g, followed, g.constant([0.75], [1]), guard);
    const states = sizes.map((_, i) => `average${i}`);
    const result = await execute(gpu, g, {}, { target: targetOf(gpu.info, { Ema: candidate }), states });
    sizes.forEach((size, i) => {
      const value = noise(size, 50 + i);
      const want = Array.from(noise(size, 1 + i), (v, e) => 0.75 * v + 0.25 * value[e]!);
      assertClose(result[`average${i}`]!, want, { rtol: 1e-6, atol: 1e-6 }, `tensor ${i} of ${size}`);
    });
  });
}
