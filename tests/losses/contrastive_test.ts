/** SimCLR's and SupCon's losses against the authors' code in f64, and what must hold for any features. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { simclrLoss, type Temperatures } from "../../src/losses/simclr.ts";
import { supconLoss } from "../../src/losses/supcon.ts";
import { grad } from "../../src/ops/gradients.ts";
import { l2Normalize } from "../../src/ops/l2_normalize.ts";
import { assertClose } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** Rows [n, views, d] with all first views first, or back with `n` and `views` exchanged. */
function exchange(data: ArrayLike<number>, n: number, views: number): Float32Array {
  const d = data.length / (n * views);
  return Float32Array.from({ length: data.length }, (_, i) => {
    const [row, column] = [Math.floor(i / d), i % d];
    return data[((row % n) * views + Math.floor(row / n)) * d + column]!;
  });
}

/** Loss and its gradient to the features [rows, d]. */
async function run(gpu: Gpu, rows: number, features: Float32Array, build: (g: Graph, x: Tensor) => Tensor) {
  const g = new Graph();
  const x = g.input("x", [rows, features.length / rows]);
  const loss = build(g, x);
  g.output("loss", loss);
  g.output("dx", grad(g, loss, [x])[0]!);
  const { loss: value, dx } = await execute(gpu, g, { x: features });
  return { loss: value![0]!, dx: dx as Float32Array };
}

async function checkGolden(gpu: Gpu, test: GoldenCase): Promise<void> {
  const tensors = await test.load();
  const { shape, data } = tensors.get("features")!;
  const [n, views] = shape as [number, number];
  const { temperature, base_temperature: baseTemperature, normalize_inside } = test.attrs;
  const labels = tensors.get("labels");
  const { loss, dx } = await run(gpu, n * views, exchange(data as Float32Array, n, views), (g, x) => {
    const z = normalize_inside ? l2Normalize(g, x) : x;
    return labels
      ? supconLoss(g, z, g.constant(labels.data as Int32Array, [n], "i32"), { temperature, baseTemperature })
      : simclrLoss(g, z, n, { temperature, baseTemperature });
  });
  assertClose([loss], [test.scalars_f64.loss!], test.tol, "loss");
  const want = tensors.get("grad.features")!.data as Float32Array;
  assertClose(exchange(dx, views, n), want, test.tol, "grad.features");
}

for (const test of goldenCases("losses", ({ op }) => op === "simclr" || op === "supcon")) {
  gpuTest(`${test.op} ${test.name}`, (gpu) => checkGolden(gpu, test));
}

const TEMPERATURES: Temperatures = { temperature: 0.1, baseTemperature: 0.07 };
const CLOSE = { rtol: 1e-5, atol: 1e-6 };

/** SimCLR's loss of rows of unit length, view-major, and its gradient to the rows, in f64. */
function twin(features: Float32Array, n: number, { temperature, baseTemperature }: Temperatures) {
  const rows = 2 * n, d = features.length / rows;
  const scale = temperature / baseTemperature / rows;
  const dx = new Float64Array(features.length);
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    const logits = Array.from({ length: rows }, (_, j) => {
      let s = 0;
      for (let k = 0; k < d; k++) s += features[i * d + k]! * features[j * d + k]!;
      return j === i ? -Infinity : s / temperature;
    });
    const top = Math.max(...logits);
    const total = logits.reduce((sum, v) => sum + Math.exp(v - top), 0);
    const positive = (i + n) % rows;
    loss += scale * (Math.log(total) + top - logits[positive]!);
    for (let j = 0; j < rows; j++) {
      const ds = scale / temperature * (Math.exp(logits[j]! - top) / total - (j === positive ? 1 : 0));
      for (let k = 0; k < d; k++) {
        dx[i * d + k]! += ds * features[j * d + k]!;
        dx[j * d + k]! += ds * features[i * d + k]!;
      }
    }
  }
  return { loss, dx };
}

function unitRows(rows: number, d: number, spread: number): Float32Array {
  const z = noise(rows * d, 11).map((v, i) => (i % d === 0 ? 1 : 0) + spread * v);
  for (let row = 0; row < rows; row++) {
    const norm = Math.hypot(...z.subarray(row * d, (row + 1) * d));
    for (let k = 0; k < d; k++) z[row * d + k]! /= norm;
  }
  return z;
}

// An untrained network's projections lie close together (spread 0.02): what is left of the gradient is small then.
for (const [n, d, spread] of [[37, 20, 1], [64, 128, 0.02], [128, 128, 1]] as const) {
  gpuTest(`simclr of ${n} samples, spread ${spread}, equals its twin`, async (gpu) => {
    const z = unitRows(2 * n, d, spread);
    const want = twin(z, n, TEMPERATURES);
    const { loss, dx } = await run(gpu, 2 * n, z, (g, x) => simclrLoss(g, x, n, TEMPERATURES));
    assertClose([loss], [want.loss], CLOSE, "loss");
    const scale = Math.max(...want.dx.map(Math.abs));
    assertClose(dx, want.dx, { rtol: 1e-5, atol: 2e-5 * scale }, "gradient");
  });
}

gpuTest("simclr of equal vectors is log(2n - 1), scaled by the temperatures", async (gpu) => {
  const z = Float32Array.from({ length: 2 * 9 * 6 }, (_, i) => i % 6 === 2 ? 1 : 0);
  const { loss } = await run(gpu, 18, z, (g, x) => simclrLoss(g, x, 9, TEMPERATURES));
  assertClose([loss], [Math.log(17) * 0.1 / 0.07], CLOSE);
});

gpuTest("simclr does not change when the views change places", async (gpu) => {
  const z = unitRows(10, 12, 1);
  const swapped = new Float32Array(z.length);
  swapped.set(z.subarray(60), 0);
  swapped.set(z.subarray(0, 60), 60);
  const loss = async (x: Float32Array) => (await run(gpu, 10, x, (g, t) => simclrLoss(g, t, 5, TEMPERATURES))).loss;
  assertClose([await loss(z)], [await loss(swapped)], CLOSE);
});

gpuTest("supcon of classes that no two samples share is simclr", async (gpu) => {
  const z = unitRows(14, 8, 1);
  const simclr = await run(gpu, 14, z, (g, x) => simclrLoss(g, x, 7, TEMPERATURES));
  const supcon = await run(gpu, 14, z, (g, x) => {
    return supconLoss(g, x, g.constant([5, 3, 9, 0, 2, -4, 7], [7], "i32"), TEMPERATURES);
  });
  assert.equal(supcon.loss, simclr.loss);
  assert.deepEqual(supcon.dx, simclr.dx);
});

gpuTest("a feature that is not a number makes the loss none", async (gpu) => {
  const z = unitRows(8, 8, 1);
  z[13] = NaN;
  const { loss } = await run(gpu, 8, z, (g, x) => simclrLoss(g, x, 4, TEMPERATURES));
  assert.ok(Number.isNaN(loss), String(loss));
});

Deno.test("rows that are no whole number of views are named", () => {
  const g = new Graph();
  const x = g.input("x", [7, 4]);
  assert.throws(() => simclrLoss(g, x, 3, TEMPERATURES), /7 feature rows.*3 samples/);
  assert.throws(() => supconLoss(g, x, g.input("labels", [2], "i32"), TEMPERATURES), /7 feature rows.*2 samples/);
});
