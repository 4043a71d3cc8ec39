/** Shape arithmetic on the host, each operator on values worked out by hand from ONNX's text. */

import assert from "node:assert/strict";
import type { Attribute, HostTensor } from "../../src/onnx/decode.ts";
import { folders } from "../../src/onnx/fold.ts";
import { ints } from "../../src/onnx/host.ts";
import { NodeReader } from "../../src/onnx/reader.ts";
import { reshapeTarget, squeezed, unsqueezed } from "../../src/onnx/shape_rules.ts";

const floats = (values: number[], shape: number[] = [values.length]): HostTensor => ({
  dtype: "f32",
  shape,
  data: Float32Array.from(values),
});

/** Folds one node to all its outputs. */
function foldAll(
  op: string,
  inputs: (HostTensor | null)[],
  attributes: Record<string, Attribute> = {},
  { opset = 13, outputs = ["y"] } = {},
): readonly HostTensor[] {
  const node = { name: op, op, domain: "", inputs: [], outputs, attributes: new Map(Object.entries(attributes)) };
  const reader = new NodeReader(node, opset);
  const result = folders[op]!(reader, inputs);
  reader.finish();
  return result instanceof Array ? result : [result as HostTensor];
}

/** The first output of a folded node. */
function fold(...given: Parameters<typeof foldAll>): HostTensor {
  return foldAll(...given)[0]!;
}

function check(got: HostTensor, shape: number[], values: number[], dtype = "i32"): void {
  assert.deepEqual([got.dtype, [...got.shape], Array.from(got.data)], [dtype, shape, values]);
}

const grid = ints([0, 1, 2, 3, 4, 5], [2, 3]);

Deno.test("arithmetic of whole numbers rounds towards zero and broadcasts", () => {
  check(fold("Div", [ints([7, -7, 8]), ints([2])]), [3], [3, -3, 4]);
  check(fold("Mul", [ints([1, 2], [2, 1]), ints([3, 4, 5])]), [2, 3], [3, 4, 5, 6, 8, 10]);
  check(fold("Mod", [ints([-7, 7]), ints([3, -3])]), [2], [2, -2]);
  check(fold("Sub", [ints([2 ** 40]), ints([1])]), [1], [2 ** 40 - 1]);
  check(fold("Div", [floats([7]), floats([2])]), [1], [3.5], "f32");
});

Deno.test("comparisons give bool", () => {
  check(fold("Equal", [ints([1, 2, 3]), ints([2])]), [3], [0, 1, 0], "bool");
  check(fold("Not", [fold("Less", [ints([1, 2]), ints([2])])]), [2], [0, 1], "bool");
  check(fold("Where", [fold("Greater", [ints([1, 5]), ints([2])]), ints([7]), ints([8])]), [2], [8, 7]);
});

Deno.test("a Slice takes negative steps, open ends and single axes", () => {
  check(fold("Slice", [ints([0, 1, 2, 3]), ints([3]), ints([-1000]), ints([0]), ints([-2])]), [2], [3, 1]);
  check(fold("Slice", [grid, ints([1]), ints([2 ** 40]), ints([-1])]), [2, 2], [1, 2, 4, 5]);
  check(fold("Slice", [ints([0, 1]), ints([5]), ints([9])]), [0], []);
});

Deno.test("Gather takes scalars, lists and negative places", () => {
  check(fold("Gather", [ints([5, 6, 7]), ints([-1], [])]), [], [7]);
  check(fold("Gather", [grid, ints([2, 0])], { axis: 1 }), [2, 2], [2, 0, 5, 3]);
});

Deno.test("Concat joins along any axis", () => {
  check(fold("Concat", [ints([1]), ints([2, 3]), ints([])], { axis: 0 }), [3], [1, 2, 3]);
  check(fold("Concat", [grid, ints([8, 9], [2, 1])], { axis: -1 }), [2, 4], [0, 1, 2, 8, 3, 4, 5, 9]);
});

Deno.test("Transpose, Expand and Tile move values", () => {
  check(fold("Transpose", [grid]), [3, 2], [0, 3, 1, 4, 2, 5]);
  check(fold("Expand", [ints([1, 2], [2, 1]), ints([2, 2])]), [2, 2], [1, 1, 2, 2]);
  check(fold("Tile", [ints([1, 2]), ints([2])]), [4], [1, 2, 1, 2]);
});

Deno.test("Range, ConstantOfShape and Cast make values", () => {
  check(fold("Range", [ints([5], []), ints([0], []), ints([-2], [])]), [3], [5, 3, 1]);
  check(fold("ConstantOfShape", [ints([2, 1])], { value: ints([3]) }), [2, 1], [3, 3]);
  check(fold("ConstantOfShape", [ints([])]), [], [0], "f32");
  check(fold("Cast", [floats([1.9, -1.9])], { to: 7 }), [2], [1, -1]);
});

Deno.test("reductions keep or drop their axes", () => {
  check(fold("ReduceProd", [grid], { axes: [1], keepdims: 0 }), [2], [0, 60]);
  check(fold("ReduceSum", [grid, ints([0])]), [1, 3], [3, 5, 7]);
  check(fold("ReduceMax", [grid]), [1, 1], [5]);
});

Deno.test("a size that would fill the memory is refused", () => {
  const huge = ints([2 ** 20, 2 ** 20]);
  assert.throws(() => fold("ConstantOfShape", [huge]), /1099511627776 values/);
  assert.throws(() => fold("Expand", [ints([1]), huge]), /1099511627776 values/);
  assert.throws(() => fold("Tile", [ints([1], [1, 1]), huge]), /1099511627776 values/);
  assert.throws(() => fold("Range", [ints([0], []), ints([2 ** 40], []), ints([1], [])]), /1099511627776 values/);
});

Deno.test("shapes of Reshape, Squeeze and Unsqueeze", () => {
  assert.deepEqual(reshapeTarget([2, 3, 4], [0, -1], false), [2, 12]);
  assert.deepEqual(reshapeTarget([0, 3], [3, 0], true), [3, 0]);
  assert.deepEqual(squeezed([1, 2, 1], null), [2]);
  assert.deepEqual(squeezed([1, 2, 1], [-1]), [1, 2]);
  assert.throws(() => squeezed([1, 2], [1]), /axis 1 of \[1,2\] is not of size 1/);
  assert.deepEqual(unsqueezed([3], [0, -1]), [1, 3, 1]);
});
