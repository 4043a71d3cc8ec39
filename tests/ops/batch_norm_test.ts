/** Batch normalisation against PyTorch and an f64 twin: every candidate, fused or not, and the running statistics. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { batchNormInference, batchNormTrain } from "../../src/ops/batch_norm.ts";
import { add } from "../../src/ops/binary.ts";
import { type NormRecord, updateRunning } from "../../src/ops/running_stats.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise, type OpCase, opCases, permute, type Values } from "../support/op_cases.ts";

const CANDIDATES = [
  { name: "slabs", force: { BatchNormTrain: "slabs", BatchNormalization: "rows", BatchNormGradient: "slabs" } },
  { name: "plain", force: { BatchNormTrain: "plain", BatchNormalization: "plain", BatchNormGradient: "plain" } },
];

/** Channels last, and each channel four times over: the fast kernels take multiples of four. */
function fourfold(values: Values): Values {
  const { shape, data } = values.shape.length === 4 ? permute(values, [0, 2, 3, 1]) : values;
  const c = shape.at(-1)!;
  const wide = Float32Array.from({ length: 4 * data.length }, (_, i) => data[Math.floor(i / (4 * c)) * c + i % c]!);
  return { shape: [...shape.slice(0, -1), 4 * c], data: wide };
}

async function checkGolden(gpu: Gpu, test: OpCase, force: Record<string, string>): Promise<void> {
  const { train, eps: epsilon, momentum } = test.attrs;
  const values = (name: string) => fourfold(test.tensors.get(name)!);
  const g = new Graph();
  const given = Object.fromEntries([...test.inputs, "d_y"].map((name) => [name, values(name)]));
  const x = g.input("x", given.x!.shape);
  const channels = x.shape.at(-1)!;
  const [scale, bias, seed] = ["weight", "bias", "d_y"].map((name) => g.input(name, given[name]!.shape));
  const [mean, variance] = ["running_mean", "running_var"].map((name) =>
    g.state(name, [channels], "f32", given[name]!.data)
  );
  let y;
  if (train) {
    const batch = batchNormTrain(g, x, scale!, bias!, { epsilon });
    const guard = { loss: g.scalar(1), health: g.state("health", [1], "u32") };
    const count = sizeOf(x.shape) / channels;
    updateRunning(g, [{ running: { mean: mean!, variance: variance! }, batch, count }], guard, momentum);
    g.output("batch_mean", batch.mean);
    y = batch.y;
  } else {
    y = batchNormInference(g, x, scale!, bias!, mean!, variance!, { epsilon });
  }
  g.output("y", y);
  const wrt = [x, scale!, bias!];
  gradient(g, [{ output: y, seed: seed! }], wrt, add).forEach((t, i) => g.output(`grad.${wrt[i]!.name}`, t!));
  const inputs = Object.fromEntries(["x", "weight", "bias", "d_y"].map((name) => [name, given[name]!.data]));
  const options = { target: targetOf(gpu.info, force), states: train ? ["running_mean", "running_var"] : [] };
  const result = await execute(gpu, g, inputs, options);
  const names = ["y", "grad.x", "grad.weight", "grad.bias", ...(train ? ["batch_mean"] : [])];
  for (const name of names) assertClose(result[name]!, values(name).data, test.tol, `${test.name} ${name}`);
  for (const name of options.states) {
    assertClose(result[name]!, values(`${name}_out`).data, test.tol, `${test.name} ${name}`);
  }
}

const cases = await opCases("batch_norm");
for (const { name, force } of CANDIDATES) {
  gpuTest(`batch norm by ${name} equals PyTorch`, async (gpu, t) => {
    for (const test of cases) await t.step(test.name, () => checkGolden(gpu, test, force));
  });
}

interface Problem {
  readonly rows: number;
  readonly channels: number;
  readonly relu: boolean;
  readonly residual: boolean;
  readonly training: boolean;
}

const EPSILON = 1e-3;

/** Everything in f64; `mean` and `variance` are used where they are not the batch's own. */
function twin(p: Problem, given: Record<string, ArrayLike<number>>) {
  const { x, scale, bias, residual, dy } = given as Record<string, ArrayLike<number>>;
  const size = p.rows * p.channels;
  const [mean, variance] = [Float64Array.from(given.mean!), Float64Array.from(given.variance!)];
  const [dscale, dbias] = [new Float64Array(p.channels), new Float64Array(p.channels)];
  const [y, dx, dresidual] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  for (let c = 0; c < p.channels; c++) {
    const column = Array.from({ length: p.rows }, (_, row) => row * p.channels + c);
    if (p.training) {
      mean[c] = column.reduce((sum, i) => sum + x![i]!, 0) / p.rows;
      variance[c] = column.reduce((sum, i) => sum + (x![i]! - mean[c]!) ** 2, 0) / p.rows;
    }
    const r = 1 / Math.sqrt(variance[c]! + EPSILON);
    const xhat = (i: number) => (x![i]! - mean[c]!) * r;
    for (const i of column) {
      const v = xhat(i) * scale![c]! + bias![c]! + (p.residual ? residual![i]! : 0);
      y[i] = p.relu ? Math.max(v, 0) : v;
      dresidual[i] = p.relu && v <= 0 ? 0 : dy![i]!;
      dscale[c]! += dresidual[i]! * xhat(i);
      dbias[c]! += dresidual[i]!;
    }
    for (const i of column) {
      const toStatistics = p.training ? (dbias[c]! + xhat(i) * dscale[c]!) / p.rows : 0;
      dx[i] = scale![c]! * r * (dresidual[i]! - toStatistics);
    }
  }
  return { y, mean, variance, dx, dscale, dbias, dresidual };
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);

function randomProblem(p: Problem): Record<string, Float32Array> {
  const size = p.rows * p.channels;
  return {
    // A mean that differs between channels, and drifts over the rows so that slabs differ.
    x: noise(size, 1).map((v, i) => 3 * v + (i % p.channels) - 5 + i / size),
    scale: noise(p.channels, 2).map((v) => v + 1.5),
    bias: noise(p.channels, 3),
    residual: noise(size, 4),
    dy: noise(size, 5).map((v) => v + 0.25),
    mean: noise(p.channels, 6),
    variance: noise(p.channels, 7).map((v) => v + 2),
  };
}

Deno.test("the twin of batch norm has the slopes of finite differences", () => {
  const p = { rows: 12, channels: 4, relu: true, residual: true, training: true };
  const given = randomProblem(p);
  const here = twin(p, given);
  for (const name of ["x", "scale", "bias", "residual"] as const) {
    const direction = noise(given[name]!.length, 20);
    const loss = (step: number) => {
      const moved = Array.from(given[name]!, (v, i) => v + step * direction[i]!);
      return dot(twin(p, { ...given, [name]: moved }).y, given.dy!);
    };
    const slope = (loss(1e-5) - loss(-1e-5)) / 2e-5;
    assertClose([dot(here[`d${name}`], direction)], [slope], { rtol: 1e-6, atol: 1e-6 }, `slope along ${name}`);
  }
});

async function checkTwin(gpu: Gpu, p: Problem, force: Record<string, string>): Promise<void> {
  const given = randomProblem(p);
  const want = twin(p, given);
  const g = new Graph();
  const big = (name: string) => g.input(name, [p.rows, p.channels]);
  const vector = (name: string) => g.input(name, [p.channels]);
  const [x, scale, bias] = [big("x"), vector("scale"), vector("bias")];
  const residual = p.residual ? big("residual") : null;
  const options = { epsilon: EPSILON, relu: p.relu, residual };
  let y;
  const outputs = ["y", "dx", "dscale", "dbias", ...(residual ? ["dresidual"] : [])] as (keyof typeof want)[];
  if (p.training) {
    const batch = batchNormTrain(g, x, scale, bias, options);
    g.output("mean", batch.mean);
    g.output("variance", batch.variance);
    outputs.push("mean", "variance");
    y = batch.y;
  } else {
    y = batchNormInference(g, x, scale, bias, vector("mean"), vector("variance"), options);
  }
  g.output("y", y);
  const wrt = [x, scale, bias, ...(residual ? [residual] : [])];
  gradient(g, [{ output: y, seed: big("dy") }], wrt, add).forEach((t, i) => g.output(`d${wrt[i]!.name}`, t!));
  const inputs = Object.fromEntries([...g.inputs.keys()].map((name) => [name, given[name]!]));
  const result = await execute(gpu, g, inputs, { target: targetOf(gpu.info, force) });
  for (const name of outputs) {
    const sum = name === "dscale" || name === "dbias";
    const tolerance = { rtol: 1e-4, atol: sum ? 2e-7 * p.rows + 1e-4 : 1e-5 };
    assertClose(result[name]!, want[name], tolerance, `${JSON.stringify(p)} ${name}`);
  }
}

for (const { name, force } of CANDIDATES) {
  gpuTest(`batch norm by ${name}, fused or not, equals its twin`, async (gpu, t) => {
    for (const training of [true, false]) {
      for (const relu of [true, false]) {
        for (const residual of [true, false]) {
          // One slab short of full; many slabs and a last one of a single row; one row.
          for (const [rows, channels] of [[203, 12], [2049, 36], [1, 4]] as const) {
            const p = { rows, channels, relu, residual, training };
            await t.step(
              `${rows}x${channels}${training ? " training" : ""}${relu ? " relu" : ""}${residual ? " +" : ""}`,
              () => checkTwin(gpu, p, force),
            );
          }
        }
      }
    }
  });

  gpuTest(`batch norm by ${name} hands on what is not a number`, async (gpu) => {
    const g = new Graph();
    const x = g.input("x", [6, 4]);
    const { y } = batchNormTrain(g, x, g.constant([1, 1, 1, 1], [4]), g.constant([0, 0, 0, 0], [4]), { relu: true });
    g.output("y", y);
    const values = noise(24, 8);
    values[5] = NaN; // of channel 1
    const result = await execute(gpu, g, { x: values }, { target: targetOf(gpu.info, force) });
    result.y!.forEach((v, i) => assert.equal(Number.isNaN(v), i % 4 === 1, `element ${i} is ${v}`));
  });
}

gpuTest("a large batch norm does not depend on where its slabs end", async (gpu) => {
  // 131,072 rows of 8 channels: a first layer of 128 images; texels fill more than one row of the texture.
  const p = { rows: 131072, channels: 8, relu: true, residual: false, training: true };
  await checkTwin(gpu, p, CANDIDATES[0]!.force);
});

gpuTest("running statistics wait while the guard holds", async (gpu) => {
  for (const [loss, health, moves] of [[1, 0, true], [NaN, 0, false], [-Infinity, 0, false], [1, 3, false]] as const) {
    const g = new Graph();
    const running = { mean: g.state("mean", [3]), variance: g.state("variance", [3], "f32", Float32Array.of(1, 1, 1)) };
    const batch = { mean: g.constant([1, 2, 3], [3]), variance: g.constant([4, 5, 6], [3]) };
    const guard = { loss: g.constant([loss], []), health: g.state("health", [1], "u32", Uint32Array.of(health)) };
    updateRunning(g, [{ running, batch, count: 5 }], guard);
    const result = await execute(gpu, g, {}, { states: ["mean", "variance"] });
    const close = { rtol: 1e-6, atol: 1e-6 };
    assertClose(result.mean!, moves ? [0.1, 0.2, 0.3] : [0, 0, 0], close, `mean, loss ${loss}, health ${health}`);
    const variance = moves ? [4, 5, 6].map((v) => 0.9 + 0.1 * v * 5 / 4) : [1, 1, 1];
    assertClose(result.variance!, variance, close, `variance, loss ${loss}, health ${health}`);
  }
});

for (const candidate of ["together", "plain"]) {
  gpuTest(`running statistics of many layers by ${candidate}`, async (gpu) => {
    const layers = [3, 8, 70, 1, 5, 16, 2]; // six of them together
    const g = new Graph();
    const record = (channels: number, i: number): NormRecord => {
      const [mean, variance] = [1, 2].map((seed) => g.constant(noise(channels, 10 * i + seed), [channels]));
      const running = { mean: g.state(`mean${i}`, [channels]), variance: g.state(`variance${i}`, [channels]) };
      return { running, batch: { mean: mean!, variance: variance! }, count: i + 2 };
    };
    const guard = { loss: g.constant([1], []), health: g.state("health", [1], "u32") };
    updateRunning(g, layers.map(record), guard);
    const states = layers.flatMap((_, i) => [`mean${i}`, `variance${i}`]);
    const result = await execute(gpu, g, {}, { target: targetOf(gpu.info, { RunningStats: candidate }), states });
    layers.forEach((channels, i) => {
      const close = { rtol: 1e-5, atol: 1e-7 };
      assertClose(result[`mean${i}`]!, noise(channels, 10 * i + 1).map((v) => 0.1 * v), close, `mean ${i}`);
      const unbiased = (i + 2) / (i + 1);
      const variance = noise(channels, 10 * i + 2).map((v) => 0.1 * unbiased * v);
      assertClose(result[`variance${i}`]!, variance, close, `variance ${i}`);
    });
  });
}

Deno.test("batch norm of parameters that do not fit names both shapes", () => {
  const g = new Graph();
  const x = g.input("x", [2, 3, 3, 8]);
  assert.throws(
    () => batchNormTrain(g, x, g.input("s", [7]), g.input("b", [8])),
    /8 channels.*f32\[2,3,3,8\].*f32\[7\]/,
  );
});
