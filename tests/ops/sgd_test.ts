/** SGD's rule in f64, what the guard holds back, and what it notes. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { HostArray } from "../../src/graph/tensor.ts";
import { guard } from "../../src/ops/guard.ts";
import { type SgdAttrs, sgdStep } from "../../src/ops/sgd.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** A parameter `p` whose gradient and loss are inputs, so that a test plays any course of a run. */
async function withStep(
  gpu: Gpu,
  p: Float32Array,
  rule: SgdAttrs,
  body: (
    step: (gradient: Float32Array, lr: number, loss: number) => Promise<void>,
    read: (name: "p" | "momentum.p" | "health") => Promise<HostArray>,
  ) => Promise<void>,
): Promise<void> {
  const g = new Graph();
  const [gradient, lr] = [g.input("gradient", [p.length]), g.input("lr", [1])];
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  sgdStep(g, g.state("p", [p.length], "f32", p), gradient, lr, rule, check);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  let count = 10; // the run is resumed, so that steps do not begin at 0
  try {
    await body(async (gradient, lr, loss) => {
      session.write("gradient", gradient);
      session.write("lr", Float32Array.of(lr));
      session.write("loss", Float32Array.of(loss));
      session.write("rng", Uint32Array.of(1, 2, count++, 0));
      await session.run();
    }, (name) => session.read(name));
  } finally {
    session.close();
    store.close();
  }
}

// One element, a size that ends within a vec4, and one of several workgroups.
for (const size of [1, 6, 4099]) {
  gpuTest(`sgd of ${size} elements equals torch.optim.SGD's rule over steps of different rates`, async (gpu) => {
    const rule = { momentum: 0.9, weightDecay: 0.01 };
    const p = Float64Array.from(noise(size, 1));
    const buf = new Float64Array(size);
    await withStep(gpu, Float32Array.from(p), rule, async (step, read) => {
      for (const [i, lr] of [0.1, 0.1, 0.02, 0].entries()) {
        const gradient = noise(size, 2 + i);
        for (let e = 0; e < size; e++) {
          buf[e] = rule.momentum * buf[e]! + (gradient[e]! + rule.weightDecay * p[e]!);
          p[e]! -= lr * buf[e]!;
        }
        await step(gradient, lr, 1);
      }
      assertClose(await read("p"), p, { rtol: 1e-5, atol: 1e-6 }, "parameter");
      assertClose(await read("momentum.p"), buf, { rtol: 1e-5, atol: 1e-6 }, "momentum");
      assert.deepEqual([...await read("health")], [0]);
    });
  });
}

for (const bad of [NaN, Infinity, -Infinity]) {
  gpuTest(`a loss of ${bad} stops all updates from its own step on`, async (gpu) => {
    await withStep(gpu, noise(8, 1), { momentum: 0.9, weightDecay: 0 }, async (step, read) => {
      await step(noise(8, 2), 0.1, 3.4e38); // large and finite
      const before = [[...await read("p")], [...await read("momentum.p")]];
      await step(noise(8, 3).fill(NaN), 0.1, bad);
      await step(noise(8, 4), 0.1, 1);
      await step(noise(8, 5), 0.1, bad);
      assert.deepEqual([[...await read("p")], [...await read("momentum.p")]], before);
      assert.deepEqual([...await read("health")], [1 + 11], "the first bad step is noted and kept");
    });
  });
}

Deno.test("sgd of a gradient of another shape names the shapes", () => {
  const g = new Graph();
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  const rule = { momentum: 0.9, weightDecay: 0 };
  assert.throws(
    () => sgdStep(g, g.state("p", [4, 2]), g.input("d", [2, 4]), g.input("lr", [1]), rule, check),
    /p: parameter f32\[4,2\].*f32\[2,4\]/,
  );
});
