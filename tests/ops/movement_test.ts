/** Operators that move values: reshape, transpose, expand, concat, slice, pad, gather. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { concat } from "../../src/ops/concat.ts";
import { expand } from "../../src/ops/expand.ts";
import { gather } from "../../src/ops/gather.ts";
import { pad } from "../../src/ops/pad.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { slice } from "../../src/ops/slice.ts";
import { transpose } from "../../src/ops/transpose.ts";
import { checkDirection, noise } from "../support/op_cases.ts";
import { testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

testOperator("reshape", (g, [x], { shape }) => reshape(g, x!, shape));
const copies = (name: string) => [{ [name]: "turned" }, { [name]: "vectors" }, { [name]: "plain" }];
testOperator("transpose", (g, [x], { perm }) => transpose(g, x!, perm), copies("Transpose"));
testOperator("expand", (g, [x], { shape }) => expand(g, x!, shape), copies("Expand"));
testOperator("concat", (g, inputs, { axis }) => concat(g, inputs, axis));
testOperator("slice", (g, [x], attrs) => slice(g, x!, attrs), copies("Slice"));
testOperator("flip", (g, [x], { axes }) =>
  slice(g, x!, {
    axes,
    starts: axes.map(() => -1),
    ends: axes.map(() => -(2 ** 31)),
    steps: axes.map(() => -1),
  }));
testOperator("pad", (g, [x], { mode, value, pads }) => {
  const ends = (side: 0 | 1) => pads.map((p: [number, number]) => p[side]);
  return pad(g, x!, [...ends(0), ...ends(1)], mode, value ?? 0);
});
testOperator("gather", (g, [table, index], { axis }) => gather(g, table!, index!, axis));
testOperator("pixel_shuffle", (g, [x], { factor }) => {
  const [n, c, h, w] = x!.shape as [number, number, number, number];
  const out = c / factor / factor;
  const apart = transpose(g, reshape(g, x!, [n, out, factor, factor, h, w]), [0, 1, 4, 2, 5, 3]);
  return reshape(g, apart, [n, out, h * factor, w * factor]);
});

for (const mode of ["constant", "reflect", "edge"] as const) {
  gpuTest(`pad by ${mode} has the gradient of finite differences`, async (gpu) => {
    await checkDirection(gpu, [[3, 5, 4]], (g, [x]) => pad(g, x!, [0, 2, 1, 0, 3, 2], mode, 0));
  });
}

gpuTest("slices backwards and with steps have the gradients of finite differences", async (gpu) => {
  await checkDirection(gpu, [[7, 9]], (g, [x]) => slice(g, x!, { starts: [6, 1], ends: [-8, 9], steps: [-2, 3] }));
});

/** Movements that whole vec4, or turned blocks, can make: x has shape [2, 12, 8, 4]. */
const movements: Record<string, (g: Graph, x: Tensor) => Tensor> = {
  "turned matrices": (g, x) => transpose(g, x, [0, 2, 3, 1]),
  "turned matrices of a matrix": (g, x) => transpose(g, reshape(g, x, [24, 32]), [1, 0]),
  "heads": (g, x) => transpose(g, x, [0, 2, 1, 3]),
  "a slice of rows": (g, x) => slice(g, x, { starts: [3, 6], ends: [9, 1], axes: [1, 2], steps: [1, -2] }),
  "a slice of the last axis": (g, x) => slice(g, reshape(g, x, [24, 32]), { starts: [4], ends: [12], axes: [1] }),
  "repeated rows": (g, x) => expand(g, slice(g, x, { starts: [5], ends: [6], axes: [1] }), [2, 7, 8, 4]),
};
for (const [what, build] of Object.entries(movements)) {
  gpuTest(`${what} are moved alike by every kernel`, async (gpu) => {
    const results = [];
    for (const candidate of ["turned", "vectors", "plain"]) {
      const g = new Graph();
      g.output("y", build(g, g.input("x", [2, 12, 8, 4])));
      const target = targetOf(gpu.info, { Transpose: candidate, Slice: candidate, Expand: candidate });
      results.push(Array.from((await execute(gpu, g, { x: noise(768, 1) }, { target })).y!));
    }
    assert.deepEqual(results[0], results[2]);
    assert.deepEqual(results[1], results[2]);
  });
}

gpuTest("an empty slice gives no values", async (gpu) => {
  const g = new Graph();
  g.output("y", slice(g, g.input("x", [4]), { starts: [3], ends: [1] }));
  assert.equal((await execute(gpu, g, { x: new Float32Array(4) })).y!.length, 0);
});

Deno.test("shapes that do not fit name both sides", () => {
  const g = new Graph();
  const x = g.input("x", [2, 3]);
  assert.throws(() => reshape(g, x, [4]), /cannot show f32\[2,3\] as \[4\]/);
  assert.throws(() => transpose(g, x, [0, 0]), /takes a permutation of 2 dimensions, got \[0,0\]/);
  assert.throws(() => concat(g, [x, g.input("y", [2, 4])], 0), /cannot join f32\[2,4\] to f32\[2,3\] along axis 0/);
  assert.throws(() => expand(g, x, [3, 3]), /Shapes \[2,3\] and \[3,3\] do not broadcast/);
});
