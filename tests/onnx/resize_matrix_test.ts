/** Resize as matrices: against the kernel where both exist, and what must hold of the other modes. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { type AxisResize, resizeMatrix } from "../../src/onnx/resize_matrix.ts";
import { resize } from "../../src/ops/resize.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const axis = (given: Partial<AxisResize>): AxisResize => ({
  size: 7,
  out: 12,
  scale: 12 / 7,
  mode: "linear",
  coordinates: "half_pixel",
  nearestMode: "round_prefer_floor",
  cubicCoeffA: -0.75,
  antialias: false,
  excludeOutside: false,
  roi: [0, 1],
  ...given,
});

function applied(given: AxisResize, x: ArrayLike<number>): number[] {
  const { matrix } = resizeMatrix(given);
  return Array.from({ length: given.out }, (_, o) => {
    let sum = 0;
    for (let i = 0; i < given.size; i++) sum += matrix[o * given.size + i]! * x[i]!;
    return sum;
  });
}

for (const mode of ["nearest", "linear"] as const) {
  for (const coordinates of ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"] as const) {
    gpuTest(`the matrix of ${mode} under ${coordinates} is what the kernel does`, async (gpu) => {
      for (const out of [1, 3, 7, 12]) {
        const g = new Graph();
        const x = noise(7, out);
        g.output("y", resize(g, g.input("x", [1, 1, 7, 1]), { height: 1, width: out, mode, coordinates }));
        const { y } = await execute(gpu, g, { x });
        const want = applied(axis({ out, scale: out / 7, mode, coordinates }), x);
        assertClose(y as Float32Array, want, { rtol: 1e-5, atol: 1e-5 }, `to ${out}`);
      }
    });
  }
}

Deno.test("every mode keeps a constant signal", () => {
  for (const mode of ["linear", "cubic"] as const) {
    for (const antialias of [false, true]) {
      for (const excludeOutside of [false, true]) {
        for (const [size, out] of [[7, 12], [12, 5], [3, 1]] as const) {
          const given = axis({ size, out, scale: out / size, mode, antialias, excludeOutside });
          for (const v of applied(given, new Array(size).fill(2))) assert.ok(Math.abs(v - 2) < 1e-5, `${v}`);
        }
      }
    }
  }
});

Deno.test("antialiasing by whole factors is a mean with triangular weights", () => {
  // Factor 1/2: the triangle has weights 1, 3, 3, 1 of 8 around each output.
  const { matrix } = resizeMatrix(axis({ size: 8, out: 4, scale: 0.5, antialias: true }));
  assert.deepEqual([...matrix.slice(8, 16)].map((v) => v * 8), [0, 1, 3, 3, 1, 0, 0, 0]);
});

Deno.test("cropping tells what lies outside", () => {
  const given = axis({ size: 5, out: 5, scale: 1, coordinates: "tf_crop_and_resize", roi: [-0.25, 1] });
  assert.deepEqual(resizeMatrix(given).outside, [true, false, false, false, false]);
});
