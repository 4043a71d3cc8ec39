/** SGD's rule in f64, what the guard holds back, and what it notes. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { HostArray } from "../../src/graph/tensor.ts";
import { guard } from "../../src/ops/guard.ts";
import { sgd, type SgdAttrs } from "../../src/ops/sgd.ts";
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
  sgd(g, [g.state("p", [p.length], "f32", p)], [gradient], lr, rule, check);
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

/** Eleven small parameters, of which eight share a dispatch, and a large one. */
const MANY = [5, 64, 1, 33_000, 7, 12, 3, 260, 9, 2, 4, 1000];

for (const candidate of ["together", "plain"]) {
  for (const loss of [1, NaN]) {
    gpuTest(`sgd of many parameters by ${candidate}, loss ${loss}`, async (gpu) => {
      const g = new Graph();
      const rule = { momentum: 0.9, weightDecay: 0.01 };
      const values = (i: number, seed: number) => noise(MANY[i]!, seed + i);
      const parameters = MANY.map((size, i) => g.state(`p${i}`, [size], "f32", values(i, 1)));
      parameters.forEach(({ name, shape }, i) => g.state(`momentum.${name}`, shape, "f32", values(i, 100)));
      const gradients = MANY.map((size, i) => g.constant(values(i, 200), [size]));
      const guard = { loss: g.constant([loss], []), health: g.state("health", [1], "u32") };
      sgd(g, parameters, gradients, g.constant([0.1], [1]), rule, guard);
      const states = parameters.flatMap(({ name }) => [name, `momentum.${name}`]);
      const result = await execute(gpu, g, {}, { target: targetOf(gpu.info, { Sgd: candidate }), states });
      parameters.forEach(({ name }, i) => {
        const [p, buf, gradient] = [values(i, 1), values(i, 100), values(i, 200)];
        const next = buf.map((b, e) => loss === 1 ? 0.9 * b + gradient[e]! + 0.01 * p[e]! : b);
        const close = { rtol: 1e-5, atol: 1e-6 };
        assertClose(result[`momentum.${name}`]!, next, close, `momentum of ${name}`);
        assertClose(result[name]!, p.map((v, e) => loss === 1 ? v - 0.1 * next[e]! : v), close, name);
      });
    });
  }
}

Deno.test("small parameters share dispatches where the adapter binds enough buffers", () => {
  const g = new Graph();
  const parameters = MANY.map((size, i) => g.state(`p${i}`, [size]));
  const gradients = MANY.map((size, i) => g.input(`d${i}`, [size]));
  const check = guard(g, g.input("loss", [1]), g.input("rng", [4], "u32"));
  sgd(g, parameters, gradients, g.input("lr", [1]), { momentum: 0, weightDecay: 0 }, check);
  const dispatches = (maxBuffers: number) => {
    const target = {
      maxBuffers,
      kind: "cpu",
      maxBindingBytes: 2 ** 20,
      maxTextureRows: 64,
      maxIterations: 65535,
    } as const;
    return plan(g, target).steps.filter((s) => s.kind === "dispatch" && s.op === "Sgd").length;
  };
  assert.deepEqual([dispatches(32), dispatches(8)], [5, 12]); // the large one, 8 together, 3 left over
});

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
    () => sgd(g, [g.state("p", [4, 2])], [g.input("d", [2, 4])], g.input("lr", [1]), rule, check),
    /p: parameter f32\[4,2\].*f32\[2,4\]/,
  );
});
