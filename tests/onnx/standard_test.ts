/** What ONNX's standard forbids is refused by name; what files of any age leave open, or say in other words, is understood. */

import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import { UserError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { decodeModel, type Model } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { gpuTest } from "../support/gpu.ts";
import { graphOf, modelOf, type Parts, real, run, TYPE, whole } from "../support/onnx_models.ts";

const { ModelProto } = onnxProto.onnx;

type Attribute = onnxProto.onnx.IAttributeProto;
const int = (name: string, i: number): Attribute => ({ name, type: 2, i });
const ints = (name: string, values: number[]): Attribute => ({ name, type: 7, ints: values });
const text = (name: string, value: string): Attribute => ({ name, type: 3, s: new TextEncoder().encode(value) });

/** Imports a model at the shapes that it declares, open ones at 2. */
function importAsDeclared(model: Model): void {
  const g = new Graph();
  const shape = (dims: readonly (number | string)[] | null) => (dims ?? [2]).map((d) => typeof d === "string" ? 2 : d);
  importModel(
    g,
    model,
    Object.fromEntries(model.inputs.map(({ name, dtype, dims }) => [name, g.input(name, shape(dims), dtype)])),
  );
}

/** One node from inputs of f32 (and weights of int64) to y. */
function single(
  opType: string,
  dims: readonly number[][],
  { attribute = [], opset = 17, weights = {}, out = [] }: {
    attribute?: Attribute[];
    opset?: number;
    weights?: Record<string, [number[], number[]]>;
    out?: number[];
  } = {},
): Parts {
  const names = dims.map((_, i) => `x${i}`);
  return {
    nodes: [{ opType, name: "n", input: [...names, ...Object.keys(weights)], output: ["y"], attribute }],
    inputs: Object.fromEntries(dims.map((d, i) => [names[i]!, [TYPE.f32, d] as const])),
    outputs: { y: [TYPE.f32, out.map((d) => d < 0 ? `d${d}` : d)] },
    weights: Object.entries(weights).map(([name, [shape, values]]) => ({
      name,
      dims: shape,
      dataType: TYPE.i64,
      int64Data: values,
    })),
    opset,
  };
}

const image = [1, 3, 4, 4];
const refused: readonly [what: string, parts: Parts, message: RegExp][] = [
  [
    "a switch that is neither on nor off",
    single("ReduceMean", [image], { attribute: [int("keepdims", 2)] }),
    /ReduceMean n: attribute keepdims is 2, neither 0 nor 1/,
  ],
  [
    "an attribute of another type",
    single("Concat", [image, image], { attribute: [text("axis", "1")] }),
    /attribute axis is of the wrong type, not a whole number/,
  ],
  ["a Concat without its axis", single("Concat", [image, image]), /Concat n: the attribute axis is missing/],
  ["a SpaceToDepth without its block", single("SpaceToDepth", [image]), /the attribute blocksize is missing/],
  [
    "channels that make no blocks",
    single("DepthToSpace", [image], { attribute: [int("blocksize", 2)] }),
    /3 channels do not make blocks of 2 x 2 pixels/,
  ],
  [
    "pads of another rank",
    single("Pad", [image], { weights: { pads: [[4], [1, 1, 1, 1]] } }),
    /Pad n: takes 8 pads, got 4/,
  ],
  ["bounds that are lists", single("Clip", [image, [2]]), /a bound of shape \[2\] should be one number/],
  [
    "a known index outside",
    single("Gather", [image], { weights: { i: [[1], [4]] }, attribute: [int("axis", 1)] }),
    /index 4 is outside an axis of 3/,
  ],
  [
    "places that reach outside",
    single("GatherElements", [[2, 2]], { weights: { i: [[3, 2], [0, 1, 0, 1, 0, 1]] }, attribute: [int("axis", 1)] }),
    /indices \[3,2\] do not fit \[2,2\] along axis 1/,
  ],
  [
    "a known row outside",
    single("GatherND", [[2, 2]], { weights: { i: [[1, 2], [1, 2]] } }),
    /index 2 is outside an axis of 2/,
  ],
  [
    "updates of another shape",
    {
      ...single("ScatterND", [[2, 3], [3, 1]], { weights: { i: [[1, 1], [1]] } }),
      nodes: [{ opType: "ScatterND", name: "n", input: ["x0", "i", "x1"], output: ["y"] }],
    },
    /ScatterND n: updates \[3,1\] should be \[1,3\]/,
  ],
  [
    "an operand that reaches past the last axis, before opset 7",
    {
      ...single("Add", [[2, 3], [3]], { attribute: [int("broadcast", 1), int("axis", 2)], out: [2, 3] }),
      opset: 6,
    },
    /Add n: an operand of shape \[3\] does not fit 2 axes from axis 2 on/,
  ],
  [
    "a norm of other channels",
    single("InstanceNormalization", [image, [1], [3]]),
    /scale and bias of f32\[1,4,4,3\] should be \[3\], got f32\[1\]/,
  ],
  [
    "a stride without end",
    single("MaxPool", [image], { attribute: [ints("kernel_shape", [2, 2]), ints("strides", [2 ** 40, 1])] }),
    /strides \[1099511627776,1\] is too large/,
  ],
  [
    "a declared shape that is not made",
    single("Relu", [image], { out: [1, 3, 4, 5] }),
    /its nodes make y f32\[1,3,4,4\], the file declares f32\[1,3,4,5\]/,
  ],
  [
    "a declared type that is not made",
    { ...single("Shape", [image]), outputs: { y: [TYPE.f32, [4]] } },
    /its nodes make y i32\[4\], the file declares f32\[4\]/,
  ],
  [
    "a value that is made twice",
    {
      nodes: [
        { opType: "Relu", name: "a", input: ["x"], output: ["y"] },
        { opType: "Neg", name: "b", input: ["x"], output: ["y"] },
      ],
      inputs: { x: [TYPE.f32, [2]] },
      outputs: { y: [TYPE.f32, [2]] },
    },
    /Neg b makes y anew/,
  ],
  [
    "two weights of one name",
    {
      ...single("Relu", [[2]], { out: [2] }),
      weights: [1, 2].map((v) => ({ name: "w", dims: [1], dataType: TYPE.f32, floatData: [v] })),
    },
    /two weights have the name w/,
  ],
];

for (const [what, parts, message] of refused) {
  Deno.test(`refused by name: ${what}`, () => {
    assert.throws(() => importAsDeclared(modelOf(parts)), (error) => {
      assert.ok(error instanceof UserError, String((error as Error).stack));
      assert.match(error.message, message);
      return true;
    });
  });
}

gpuTest("open dimensions: -1, unnamed ones that differ, and shapes that are left out", async (gpu) => {
  const tensor = (name: string, shape: onnxProto.onnx.ITensorShapeProto | null) => ({
    name,
    type: { tensorType: { elemType: TYPE.f32, ...(shape ? { shape } : {}) } },
  });
  const graph = {
    node: [{ opType: "MatMul", name: "m", input: ["a", "b"], output: ["y"] }],
    input: [tensor("a", { dim: [{ dimValue: -1 }, {}] }), tensor("b", { dim: [{}, { dimValue: -1 }] })],
    output: [tensor("y", null)],
  };
  const encode = (parts: onnxProto.onnx.IGraphProto) =>
    decodeModel(
      ModelProto.encode({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph: parts }).finish(),
      "open.onnx",
    );
  const given = { a: real([2, 3], (i) => i), b: real([3, 1], (i) => i + 1) };
  assert.deepEqual([...(await run(gpu, encode(graph), given)).get("y")!.data], [8, 26]);
  const free = { ...graph, input: [tensor("a", null), tensor("b", null)] };
  assert.deepEqual([...(await run(gpu, encode(free), given)).get("y")!.data], [8, 26]);
});

gpuTest("a file of 2017: no opset, attributes without types, a Cast by name", async (gpu) => {
  const graph = graphOf({
    nodes: [
      { opType: "Cast", name: "c", input: ["x"], output: ["t"], attribute: [{ ...text("to", "FLOAT"), type: 0 }] },
      { opType: "Concat", name: "j", input: ["t", "t"], output: ["y"], attribute: [{ ...int("axis", 0), type: 0 }] },
    ],
    inputs: { x: [TYPE.i64, [2]] },
    outputs: { y: [TYPE.f32, [4]] },
  });
  for (const node of graph.node!) for (const a of node.attribute!) delete a.type;
  const model = decodeModel(ModelProto.encode({ irVersion: 2, graph }).finish(), "old.onnx");
  assert.equal(model.opset, 1);
  assert.deepEqual([...(await run(gpu, model, { x: whole([2], [3, -4]) })).get("y")!.data], [3, -4, 3, -4]);
});

gpuTest("a Tile of the first opsets repeats one axis", async (gpu) => {
  const scalar = (name: string, value: number) => ({ name, dims: [], dataType: TYPE.f32, floatData: [value] });
  const model = modelOf({
    nodes: [{ opType: "Tile", name: "n", input: ["x", "tiles", "axis"], output: ["y"] }],
    inputs: { x: [TYPE.f32, [2, 1]] },
    outputs: { y: [TYPE.f32, [2, 3]] },
    weights: [scalar("tiles", 3), scalar("axis", 1)],
    opset: 1,
  });
  assert.deepEqual([...(await run(gpu, model, { x: real([2, 1], (i) => i + 1) })).get("y")!.data], [1, 1, 1, 2, 2, 2]);
});

gpuTest("a scatter of no updates leaves the data", async (gpu) => {
  const model = modelOf({
    nodes: [{ opType: "ScatterElements", name: "n", input: ["x", "i", "u"], output: ["y"] }],
    inputs: { x: [TYPE.f32, [3, 2]], i: [TYPE.i64, [0, 2]], u: [TYPE.f32, [0, 2]] },
    outputs: { y: [TYPE.f32, [3, 2]] },
  });
  const given = { x: real([3, 2], (i) => i), i: whole([0, 2], []), u: real([0, 2], () => 0) };
  assert.deepEqual([...(await run(gpu, model, given)).get("y")!.data], [0, 1, 2, 3, 4, 5]);
});

gpuTest("a Gemm of whole numbers", async (gpu) => {
  const node = { opType: "Gemm", name: "n", input: ["a", "b", "c"], output: ["y"], attribute: [int("transB", 1)] };
  const model = modelOf({
    nodes: [node],
    inputs: { a: [TYPE.i64, [2, 3]], b: [TYPE.i64, [2, 3]], c: [TYPE.i64, [2]] },
    outputs: { y: [TYPE.i64, [2, 2]] },
  });
  const given = { a: whole([2, 3], [1, 2, 3, 4, 5, 6]), b: whole([2, 3], [1, 0, 0, 7, 8, 9]), c: whole([2], [10, -1]) };
  assert.deepEqual([...(await run(gpu, model, given)).get("y")!.data], [11, 49, 14, 121]);
});

gpuTest("bounds of a Clip that follow from the model's inputs", async (gpu) => {
  const model = modelOf({
    nodes: [
      { opType: "ReduceMean", name: "m", input: ["x"], output: ["mean"], attribute: [int("keepdims", 0)] },
      { opType: "Clip", name: "c", input: ["x", "", "mean"], output: ["y"] },
    ],
    inputs: { x: [TYPE.f32, ["n"]] },
    outputs: { y: [TYPE.f32, ["n"]] },
  });
  const y = (await run(gpu, model, { x: real([4], (i) => i) })).get("y")!;
  assert.deepEqual([...y.data], [0, 1, 1.5, 1.5]);
});
