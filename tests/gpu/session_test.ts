/** Sessions on a device: runs, states, read-backs, the search for a non-finite value, errors. */

import assert from "node:assert/strict";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { firstNonFinite } from "../../src/gpu/profile.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { WorkPool } from "../../src/gpu/work_pool.ts";
import { Graph } from "../../src/graph/graph.ts";
import { cover, input, type Op, output, plain } from "../../src/graph/op.ts";
import { plan } from "../../src/graph/plan.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { affine, unary } from "../../src/ops/unary.ts";
import { gpuTest } from "../support/gpu.ts";

/** state *= factor, in place. */
const Scale: Op = {
  name: "Scale",
  infer: () => [],
  mutates: [0],
  candidates: plain((node) => ({
    kernels: [{
      shader: "../tests/fixtures/shaders/scale_in_place",
      params: { count: sizeOf(node.inputs[0]!.shape) },
      bindings: [input(0), input(1)],
      workgroups: cover(sizeOf(node.inputs[0]!.shape), 64),
    }],
  })),
};

gpuTest("states last from run to run and are shared between programs", async (gpu) => {
  const store = new StateStore(gpu);
  const first = new Graph();
  const w = first.state("w", [3], "f32", Float32Array.of(1, 2, 3));
  first.add(Scale, [w, first.input("factor", [1])], {});
  first.output("before", affine(first, w, 1, 0));
  const second = new Graph();
  second.output("w2", mul(second, second.state("w", [3]), second.scalar(2)));
  const a = await Session.create(gpu, plan(first, targetOf(gpu.info)), store);
  const b = await Session.create(gpu, plan(second, targetOf(gpu.info)), store);
  a.write("factor", Float32Array.of(10));
  const runs = [a.run(["before"]), a.run(["before"])];
  const read = await Promise.all(runs);
  assert.deepEqual(read.map((r) => [...r.before!]), [[1, 2, 3], [10, 20, 30]]);
  await b.run();
  assert.deepEqual([...await b.read("w2")], [200, 400, 600]);
  assert.deepEqual([...await store.read("w", 3)], [100, 200, 300]);
  a.close();
  b.close();
  store.close();
});

gpuTest("sessions of a pool work in the same memory and keep what the prologue left", async (gpu) => {
  const store = new StateStore(gpu);
  const pool = new WorkPool(gpu);
  // y = (3 x + 1)^2, and the square of a constant that only the prologue computes.
  const open = async (n: number) => {
    const g = new Graph();
    const x = affine(g, g.input("x", [n]), 3, 1);
    const fixed = affine(g, g.constant(new Float32Array(n).fill(n), [n]), 2, 0);
    g.output("y", add(g, mul(g, x, x), fixed));
    return await Session.create(gpu, plan(g, targetOf(gpu.info)), store, pool);
  };
  const sessions = [await open(40), await open(7), await open(300)];
  const work = (s: Session) => s.buffers.filter((_, i) => s.program.buffers[i]!.role === "work");
  assert.deepEqual(new Set(work(sessions[0]!)), new Set(work(sessions[1]!)));
  const runs = [0, 1, 2, 1, 0].map((i) => {
    const session = sessions[i]!;
    const n = session.place("x").shape[0]!;
    session.write("x", new Float32Array(n).fill(i));
    return session.run(["y"]).then(({ y }) => assert.deepEqual([...y!], Array(n).fill((3 * i + 1) ** 2 + 2 * n)));
  });
  await Promise.all(runs);
  sessions.forEach((session) => session.close());
  pool.close();
  store.close();
});

gpuTest("the first node with a NaN or Inf is found", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [4]);
  const fine = affine(g, x, 1, -1);
  const logs = g.scope("block", () => unary(g, "Log", fine));
  g.output("y", add(g, logs, x));
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  session.write("x", Float32Array.of(2, 3, 4, 5));
  assert.equal(await firstNonFinite(session), null);
  session.write("x", Float32Array.of(2, 1, 4, 5));
  const found = await firstNonFinite(session);
  assert.deepEqual([found?.node, found?.op, found?.shader], ["Affine + block.Log + Add", "Chain", "chain"]);
  session.close();
  store.close();
});

gpuTest("wrong inputs and shaders that do not compile name what is wrong", async (gpu) => {
  const g = new Graph();
  g.output("y", unary(g, "Exp", g.input("x", [4])));
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  assert.throws(() => session.write("x", new Float32Array(3)), /Input x of shape \[4\] takes 4 values, got 3/);
  assert.throws(() => session.place("z"), /There is no output z; there are y/);
  session.close();
  const bad = new Graph();
  const Bad: Op = {
    ...Scale,
    name: "Bad",
    mutates: [],
    infer: ([x]) => [x!],
    candidates: plain(() => ({
      kernels: [{ shader: "unary", params: { vectors: 1 }, bindings: [input(0), output(0)], workgroups: [1, 1, 1] }],
    })),
  };
  bad.output("y", bad.scope("stage", () => bad.apply(Bad, [bad.input("x", [4])], {}, "broken")));
  await assert.rejects(execute(gpu, bad), /unary\.wgsl needs parameter alpha/);
});
