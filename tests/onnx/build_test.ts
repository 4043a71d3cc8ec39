/** The writer of ONNX models, against the reader. */

import assert from "node:assert/strict";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { OnnxBuilder } from "../../src/onnx/build.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { gpuTest } from "../support/gpu.ts";

function example(): OnnxBuilder {
  const b = new OnnxBuilder("example", "two halves of x, one of them through a leaky ReLU");
  const x = b.input("x", [4]);
  const [low, high] = b.nodes(["low", "high"], "Split", [x, b.ints([2, 2])], { axis: 1 }) as [string, string];
  const bent = b.node("bent", "LeakyRelu", [low], { alpha: 0.5 });
  const scaled = b.node("scaled", "Mul", [high, b.weight("factor", [2], Float32Array.of(3, -1))]);
  b.output(b.node("y", "Concat", [bent, scaled], { axis: -1 }), [4]);
  return b;
}

Deno.test("what is written is read back: nodes, attributes, weights, a free batch", () => {
  const built = example();
  const model = decodeModel(built.encode(), "example");
  assert.equal(built.parameters, 2);
  assert.equal(model.opset, 13);
  assert.deepEqual([model.inputs[0]!.dims, model.outputs[0]!.dims], [["n", 4], ["n", 4]]);
  assert.deepEqual(model.nodes.map((n) => n.op), ["Split", "LeakyRelu", "Mul", "Concat"]);
  assert.deepEqual(Object.fromEntries(model.nodes.map((n) => [n.name, Object.fromEntries(n.attributes)])), {
    low: { axis: 1 },
    bent: { alpha: 0.5 },
    scaled: {},
    y: { axis: -1 },
  });
  assert.deepEqual([...model.weights.get("factor")!.data], [3, -1]);
  assert.deepEqual([...model.weights.get("ints_2_2")!.data], [2, 2]);
});

Deno.test("names that are made twice or not at all, and weights that do not fill their shape, are refused", () => {
  const b = example();
  assert.throws(() => b.input("x", [1]), /Value x is made twice/);
  assert.throws(() => b.node("z", "Relu", ["w"]), /Relu z reads unknown w/);
  assert.throws(() => b.weight("w", [3], new Float32Array(2)), /Weight w has shape \[3\] but 2 values/);
});

gpuTest("a written model runs at any batch", async (gpu) => {
  const model = decodeModel(example().encode(), "example");
  const g = new Graph();
  g.output("y", importModel(g, model, { x: g.input("x", [2, 4]) }).y!);
  const { y } = await execute(gpu, g, { x: Float32Array.of(-2, 1, 1, 1, 4, -4, 2, 2) });
  assert.deepEqual([...y!], [-1, 1, 3, -1, 4, -2, 6, -2]);
});
