/** Profiles: times of a program's steps as a table. */

import assert from "node:assert/strict";
import { targetOf } from "../../src/gpu/execute.ts";
import { printProfile, profileTable, timeSteps } from "../../src/gpu/profile.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { DispatchStep } from "../../src/graph/program.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { unary } from "../../src/ops/unary.ts";
import { gpuTest } from "../support/gpu.ts";

const EMPTY_STEP: Omit<DispatchStep, "node" | "op" | "shader" | "flops"> = {
  kind: "dispatch",
  entry: "main",
  constants: {},
  params: null,
  bindings: [],
  workgroups: [1, 1, 1],
  writes: [],
};

gpuTest("a profile has a row a kernel, with the operations that its operator tells", async (gpu) => {
  if (!gpu.device.features.has("timestamp-query")) return;
  const g = new Graph();
  const c = matmul(g, g.input("a", [64, 64]), g.input("b", [64, 64]));
  g.output("c", unary(g, "Tanh", c));
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  await session.run();
  const rows = profileTable(await timeSteps(session)).filter((r) => r.op !== "copies"); // only where textures are read
  assert.deepEqual(new Set(rows.map((r) => r.op)), new Set(["MatMul", "Tanh"]));
  assert.ok(rows.every((r) => r.ms >= 0 && (r.op === "MatMul") === r.gflops > 0));
  assert.ok(rows.every((r) => r.gbps > 0));
  session.close();
  store.close();
});

Deno.test("a profile gives a node's operations to its longest kernel and says what no kernel takes", () => {
  const step = (node: string, shader: string) => ({ ...EMPTY_STEP, node, op: "Conv", shader, flops: 3e6 });
  const time = (step: DispatchStep | null, ms: number) => ({ step, ms, count: 1, bytes: 1e6 });
  const times = [time(step("a", "pad"), 1), time(null, 1), time(step("a", "conv"), 4), time(step("b", "conv"), 2)];
  const rows = profileTable(times);
  assert.deepEqual(rows.map((r) => [r.shader, r.count, r.ms, r.gflops]), [
    ["conv", 2, 6, 1.5],
    ["pad", 1, 1, 0],
    ["into textures", 1, 1, 0],
  ]);
  assert.deepEqual(rows.map((r) => [r.share, Number(r.gbps.toFixed(3))]), [[0.75, 0.333], [0.125, 1], [0.125, 1]]);
  const lines = printProfile(rows, 10).split("\n").map((line) => line.split(/ {2,}/).slice(0, 4));
  assert.deepEqual(lines.slice(-3), [
    ["all of these", "4", "8.00", "100%"],
    ["a run without timestamps", "10.00"],
    ["between dispatches, waiting", "2.00"],
  ]);
});
