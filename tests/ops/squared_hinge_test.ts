/** The nodes of many squared-hinge problems; tests/evaluation/svm_test.ts holds what they find against LinearSVC. */

import assert from "node:assert/strict";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { HINGE_CONTROL, HingePull, squaredHingeTick } from "../../src/ops/squared_hinge.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

gpuTest(
  "samples pull by the loss's slope, then by its curvature, and not at all when a problem is done",
  async (gpu) => {
    const g = new Graph();
    const shape = [3, 4];
    const inputs = ["u", "f", "targets"].map((name) => g.input(name, shape));
    g.output("pull", g.apply(HingePull, [...inputs, g.input("control", [3, HINGE_CONTROL.size])], {}));
    const control = new Float32Array(3 * HINGE_CONTROL.size);
    [0, 1, HINGE_CONTROL.done].forEach((phase, row) => control[row * HINGE_CONTROL.size + HINGE_CONTROL.phase] = phase);
    const row = [0.5, 2, -0.25, 3];
    const { pull } = await execute(gpu, g, {
      u: Float32Array.of(...row, ...row, ...row),
      f: Float32Array.of(...row, 0.5, 2, -3, 0.9, ...row),
      targets: Float32Array.of(4, 4, -4, 0, 4, 4, -4, 0, 4, 4, 4, 4),
      control,
    });
    // Slope 2 y c max(0, 1 - y u) of the first row; 2 c u where y f < 1 of the second.
    assert.deepEqual([...pull!], [4, 0, -6, 0, 4, 0, 0, 0, 0, 0, 0, 0]);
  },
);

gpuTest("every row goes on by itself until its gradient is nearly nothing", async (gpu) => {
  const shape = { rows: 3, samples: 24, size: 8 };
  const [x, signs] = [noise(24 * 8, 1), noise(3 * 24, 2).map(Math.sign)];
  const targets = signs.map((sign, i) => sign * [1e-3, 1, 50][Math.floor(i / 24)]!);
  const g = new Graph();
  squaredHingeTick(g, shape, { tolerance: 1e-5, mostInner: 100, mostOuter: 50 });
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  store.write("hinge.x", x);
  store.write("hinge.targets", targets);
  const ticks: (number | undefined)[] = [undefined, undefined, undefined];
  for (let tick = 1; tick <= 200 && ticks.includes(undefined); tick++) {
    await session.run();
    const control = await store.read("hinge.control", 3 * HINGE_CONTROL.size);
    ticks.forEach((known, row) => {
      if (control[row * HINGE_CONTROL.size + HINGE_CONTROL.phase] === HINGE_CONTROL.done) ticks[row] = known ?? tick;
    });
  }
  assert.ok(ticks[0]! < ticks[1]! && ticks[1]! <= ticks[2]!, `${ticks}`);
  const w = await store.read("hinge.w", 3 * 8);
  for (const row of [0, 1, 2]) {
    const own = [...w.subarray(row * 8, row * 8 + 8)];
    const gradient = own.slice();
    for (let i = 0; i < 24; i++) {
      const t = targets[row * 24 + i]!;
      const sample = x.subarray(i * 8, i * 8 + 8);
      const score = own.reduce((sum, v, j) => sum + v * sample[j]!, 0);
      const pull = 2 * t * Math.max(0, 1 - Math.sign(t) * score);
      own.forEach((_, j) => gradient[j]! -= pull * sample[j]!);
    }
    assertClose([Math.hypot(...gradient) / Math.hypot(...own)], [0], { rtol: 0, atol: 5e-5 }, `row ${row}`);
  }
  session.close();
  store.close();
});

Deno.test("rows that are no whole vec4, or of different length, are refused", () => {
  const tick = (samples: number, size: number) =>
    squaredHingeTick(new Graph(), { rows: 2, samples, size }, { tolerance: 1, mostInner: 1, mostOuter: 1 });
  assert.throws(() => tick(6, 8), /takes rows of whole vec4/);
  assert.throws(() => tick(8, 6), /takes rows of whole vec4/);
});
