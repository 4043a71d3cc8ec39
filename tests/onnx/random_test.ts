/** Random operators: their laws, and whose draws they repeat. */

import assert from "node:assert/strict";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { rngValues } from "../../src/generators/random.ts";
import { importModel } from "../../src/onnx/import.ts";
import { gpuTest } from "../support/gpu.ts";
import { modelOf, real, run, TYPE } from "../support/onnx_models.ts";

const COUNT = 20_000;
const shape = { name: "shape", type: 7, ints: [2, COUNT / 2] };
const number = (name: string, f: number) => ({ name, type: 1, f });

function model(opType: string, attribute: { name: string; type: number }[] = [], input: string[] = []) {
  return modelOf({
    nodes: [{ opType, name: "draw", input, output: ["y"], attribute }],
    inputs: { x: [TYPE.f32, [2, COUNT / 2]] },
    outputs: { y: [TYPE.f32, [2, COUNT / 2]] },
  });
}

function moments(values: ArrayLike<number>): { mean: number; std: number; least: number; most: number } {
  const list = Array.from(values);
  const mean = list.reduce((a, b) => a + b, 0) / list.length;
  const std = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / list.length);
  return { mean, std, least: Math.min(...list), most: Math.max(...list) };
}

const x = real([2, COUNT / 2], (i) => i % 2 ? 0.25 : 0.75);
/** Six standard errors of a mean of COUNT draws. */
const near = (got: number, want: number, std: number) =>
  assert.ok(Math.abs(got - want) < 6 * std / Math.sqrt(COUNT), `${got}, expected ${want}`);

gpuTest("normal draws have the mean and the deviation asked for", async (gpu) => {
  for (const [op, extra, input] of [["RandomNormal", [shape], []], ["RandomNormalLike", [], ["x"]]] as const) {
    const attributes = [number("mean", 3), number("scale", 2), ...extra];
    const { y } = Object.fromEntries(await run(gpu, model(op, attributes, [...input]), { x }));
    const { mean, std } = moments(y!.data);
    near(mean, 3, 2);
    near(std, 2, 2);
  }
});

gpuTest("uniform draws fill their range", async (gpu) => {
  const attributes = [number("low", -1), number("high", 5), shape];
  const { y } = Object.fromEntries(await run(gpu, model("RandomUniform", attributes), { x }));
  const { mean, std, least, most } = moments(y!.data);
  near(mean, 2, 3);
  near(std, 6 / Math.sqrt(12), 3);
  assert.ok(least >= -1 && least < -0.99 && most <= 5 && most > 4.99);
});

gpuTest("Bernoulli hits as often as each probability says", async (gpu) => {
  const { y } = Object.fromEntries(await run(gpu, model("Bernoulli", [], ["x"]), { x }));
  const part = (odd: number) => Array.from(y!.data).filter((_, i) => i % 2 === odd);
  near(moments(part(0)).mean, 0.75, 1);
  near(moments(part(1)).mean, 0.25, 1);
});

gpuTest("draws follow the graph's seed and step; those with a seed of their own do not", async (gpu) => {
  const draws = async (seed: number, step: number, own: boolean) => {
    const g = new Graph();
    g.input("rng", [4], "u32");
    const attributes = own ? [shape, number("seed", 7)] : [shape];
    const parts = { x: g.input("x", [2, COUNT / 2]) };
    g.output("y", importModel(g, model("RandomNormal", attributes), parts).y!);
    const { y } = await execute(gpu, g, { rng: rngValues(seed, step), x: x.data as Float32Array });
    return Array.from(y!.slice(0, 8));
  };
  const first = await draws(1, 0, false);
  assert.deepEqual(await draws(1, 0, false), first);
  assert.notDeepEqual(await draws(1, 1, false), first);
  assert.notDeepEqual(await draws(2, 0, false), first);
  assert.deepEqual(await draws(1, 0, true), await draws(2, 5, true));
});

gpuTest("Dropout in training keeps its part and scales it", async (gpu) => {
  const node = { opType: "Dropout", name: "drop", input: ["x", "ratio", "on"], output: ["y", "mask"] };
  const dropout = modelOf({
    nodes: [node],
    inputs: { x: [TYPE.f32, [COUNT]] },
    outputs: { y: [TYPE.f32, [COUNT]], mask: [TYPE.bool, [COUNT]] },
    weights: [
      { name: "ratio", dataType: 1, floatData: [0.3] },
      { name: "on", dataType: 9, int32Data: [1] },
    ],
  });
  const got = await run(gpu, dropout, { x: real([COUNT], () => 1) });
  const mask = got.get("mask")!.data;
  near(moments(mask).mean, 0.7, Math.sqrt(0.21));
  got.get("y")!.data.forEach((v, i) => assert.ok(Math.abs(v - (mask[i] ? 1 / 0.7 : 0)) < 1e-6));
});
