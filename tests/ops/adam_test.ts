/** Adam against PyTorch and against its rule in f64, and what the guard holds back. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { HostArray } from "../../src/graph/tensor.ts";
import { ADAM, type AdamAttrs, adamRates, adamStep } from "../../src/ops/adam.ts";
import { guard } from "../../src/ops/guard.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

type Name = "p" | "exp_avg.p" | "exp_avg_sq.p" | "health";

/** A parameter `p` whose gradient and loss are inputs, so that a test plays any course of a run. */
async function withStep(
  gpu: Gpu,
  p: ArrayLike<number>,
  rule: AdamAttrs,
  body: (
    step: (gradient: ArrayLike<number>, lr: number, loss?: number) => Promise<void>,
    read: (name: Name) => Promise<HostArray>,
  ) => Promise<void>,
): Promise<void> {
  const g = new Graph();
  const [gradient, rates] = [g.input("gradient", [p.length]), g.input("rates", [2])];
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  adamStep(g, g.state("p", [p.length], "f32", Float32Array.from(p)), gradient, rates, check, rule);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  let count = 0;
  try {
    await body(async (gradient, lr, loss = 1) => {
      session.write("gradient", Float32Array.from(gradient));
      session.write("rng", Uint32Array.of(1, 2, count, 0));
      session.write("rates", adamRates(lr, ++count, rule));
      session.write("loss", Float32Array.of(loss));
      await session.run();
    }, (name) => session.read(name));
  } finally {
    session.close();
    store.close();
  }
}

gpuTest("three steps of different rates equal torch.optim.Adam's", async (gpu) => {
  // torch 1.13 in f64; a gradient of 0 moves nothing, one of 1e-9 is held by eps.
  await withStep(gpu, [1, -2, 0.5, 3, 0], ADAM, async (step, read) => {
    for (const [i, lr] of [0.1, 0.1, 0.02].entries()) {
      await step([0.3 * (i + 1), -1e-3 * (i + 1), 2 - i, 0, 1e-9], lr);
    }
    const tolerance = { rtol: 1e-5, atol: 1e-7 };
    assertClose(await read("p"), [0.7843217786, -1.784323472, 0.2923704861, 3, -0.02], tolerance, "parameter");
    assertClose(await read("exp_avg.p"), [0.1683, -0.000561, 0.252, 0, 2.71e-10], { rtol: 1e-5, atol: 1e-14 }, "mean");
    assertClose(await read("exp_avg_sq.p"), [0.00125946009, 1.3994001e-08, 0.004991004, 0, 2.997001e-21], {
      rtol: 1e-5,
      atol: 1e-24,
    }, "square");
  });
});

// One element, a size that ends within a vec4, and one of several workgroups.
for (const size of [1, 6, 4099]) {
  gpuTest(`adam of ${size} elements equals its rule over many steps`, async (gpu) => {
    const rule = { beta1: 0.5, beta2: 0.9, eps: 1e-3 };
    const p = Float64Array.from(noise(size, 1));
    const [m, v] = [new Float64Array(size), new Float64Array(size)];
    await withStep(gpu, p, rule, async (step, read) => {
      for (let t = 1; t <= 20; t++) {
        const gradient = noise(size, 2 + t);
        const lr = 0.1 / t;
        for (let e = 0; e < size; e++) {
          m[e] = rule.beta1 * m[e]! + (1 - rule.beta1) * gradient[e]!;
          v[e] = rule.beta2 * v[e]! + (1 - rule.beta2) * gradient[e]! ** 2;
          const mean = m[e]! / (1 - rule.beta1 ** t);
          p[e]! -= lr * mean / (Math.sqrt(v[e]! / (1 - rule.beta2 ** t)) + rule.eps);
        }
        await step(gradient, lr);
      }
      assertClose(await read("p"), p, { rtol: 1e-5, atol: 2e-6 }, "parameter");
      assertClose(await read("exp_avg.p"), m, { rtol: 1e-5, atol: 1e-6 }, "mean");
      assertClose(await read("exp_avg_sq.p"), v, { rtol: 1e-5, atol: 1e-6 }, "square");
    });
  });
}

for (const bad of [NaN, Infinity, -Infinity]) {
  gpuTest(`a loss of ${bad} stops all updates from its own step on`, async (gpu) => {
    await withStep(gpu, noise(8, 1), ADAM, async (step, read) => {
      await step(noise(8, 2), 0.1);
      const all = async () => [[...await read("p")], [...await read("exp_avg.p")], [...await read("exp_avg_sq.p")]];
      const before = await all();
      await step(noise(8, 3).fill(NaN), 0.1, bad);
      await step(noise(8, 4), 0.1);
      assert.deepEqual(await all(), before);
      assert.deepEqual([...await read("health")], [1 + 1]);
    });
  });
}

Deno.test("adam of a gradient of another shape, or of one rate, names the shapes", () => {
  const g = new Graph();
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  const [p, rates] = [g.state("p", [4, 2]), g.input("rates", [2])];
  assert.throws(() => adamStep(g, p, g.input("d", [2, 4]), rates, check), /p: parameter f32\[4,2\].*f32\[2,4\]/);
  assert.throws(() => adamStep(g, p, g.input("e", [4, 2]), g.input("lr", [1]), check), /two rates, got f32\[1\]/);
});
