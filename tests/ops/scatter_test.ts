import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { scatter } from "../../src/ops/scatter.ts";
import { assertClose } from "../support/close.ts";
import { checkDirection } from "../support/op_cases.ts";
import { gpuTest } from "../support/gpu.ts";

const data = { shape: [2, 4, 2], values: Float32Array.from({ length: 16 }, (_, i) => i) };
/** Two updates of place 1, one out of range; the second line goes backwards. */
const places = { shape: [2, 3], values: Int32Array.of(1, 4, 1, 3, 0, -1) };
const updates = { shape: [2, 3, 2], values: Float32Array.from({ length: 12 }, (_, i) => 100 + i) };

/** What the operator says, in plain code. */
function expected(combine: (before: number, update: number) => number): number[] {
  const y = Array.from(data.values);
  for (let line = 0; line < 2; line++) {
    for (let k = 0; k < 3; k++) {
      const place = places.values[line * 3 + k]!;
      if (place < 0 || place > 3) continue;
      for (let i = 0; i < 2; i++) {
        const at = (line * 4 + place) * 2 + i;
        y[at] = combine(y[at]!, updates.values[(line * 3 + k) * 2 + i]!);
      }
    }
  }
  return y;
}

const combinations = {
  none: (_: number, b: number) => b,
  add: (a: number, b: number) => a + b,
  mul: (a: number, b: number) => a * b,
  max: Math.max,
  min: Math.min,
};

for (const dtype of ["f32", "i32"] as const) {
  for (const [reduction, combine] of Object.entries(combinations)) {
    for (const candidate of reduction === "none" ? ["last", "plain"] : ["plain"]) {
      gpuTest(`scatter with reduction ${reduction} of ${dtype}, ${candidate}`, async (gpu) => {
        const g = new Graph();
        const d = g.input("data", data.shape, dtype);
        const u = g.input("updates", updates.shape, dtype);
        const p = g.input("places", places.shape, "i32");
        g.output("y", scatter(g, d, p, u, reduction as keyof typeof combinations));
        const as = (v: Float32Array) => dtype === "f32" ? v : Int32Array.from(v);
        const given = { data: as(data.values), updates: as(updates.values), places: places.values };
        const { y } = await execute(gpu, g, given, { target: targetOf(gpu.info, { Scatter: candidate }) });
        assertClose(y as Float32Array, expected(combine), { rtol: 0, atol: 0 }, reduction);
      });
    }
  }
}

for (const reduction of ["none", "add"] as const) {
  gpuTest(`scatter with reduction ${reduction} has the gradients of finite differences`, async (gpu) => {
    await checkDirection(gpu, [[2, 4, 3], [2, 2, 3]], (g, [d, u]) => {
      return scatter(g, d!, g.constant(Int32Array.of(2, 0, 3, 1), [2, 2], "i32"), u!, reduction);
    });
  });
}

Deno.test("updates that do not fit are refused with all three shapes", () => {
  const g = new Graph();
  const [d, p, u] = [g.input("d", [1, 4, 2]), g.input("p", [1, 3], "i32"), g.input("u", [1, 2, 2])];
  assert.throws(() => scatter(g, d, p, u, "none"), /updates f32\[1,2,2\] at i32\[1,3\] do not fit data f32\[1,4,2\]/);
});
