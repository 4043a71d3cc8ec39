/** If and Loop, whose conditions are known at import. */

import assert from "node:assert/strict";
import { UserError } from "../../src/errors.ts";
import { gpuTest } from "../support/gpu.ts";
import { graphOf, modelOf, real, run, TYPE, whole } from "../support/onnx_models.ts";

const scale = (name: string, factor: number) =>
  graphOf({
    nodes: [
      { opType: "Constant", name: "c", output: ["f"], attribute: [{ name: "value_float", type: 1, f: factor }] },
      { opType: "Mul", name: "m", input: ["x", "f"], output: [name] }, // x is the outer graph's
    ],
    outputs: { [name]: [TYPE.f32, ["n"]] },
  });

/** x times 2 where it has 3 elements, else times 10. */
const choice = modelOf({
  nodes: [
    { opType: "Shape", name: "s", input: ["x"], output: ["size"] },
    { opType: "Constant", name: "c", output: ["three"], attribute: [{ name: "value_ints", type: 7, ints: [3] }] },
    { opType: "Equal", name: "e", input: ["size", "three"], output: ["is3"] },
    {
      opType: "If",
      name: "choose",
      input: ["is3"],
      output: ["y"],
      attribute: [
        { name: "then_branch", type: 5, g: scale("a", 2) },
        { name: "else_branch", type: 5, g: scale("b", 10) },
      ],
    },
  ],
  inputs: { x: [TYPE.f32, ["n"]] },
  outputs: { y: [TYPE.f32, ["n"]] },
});

gpuTest("If takes the branch that the shape decides", async (gpu) => {
  const three = await run(gpu, choice, { x: real([3], (i) => i) });
  assert.deepEqual([...three.get("y")!.data], [0, 2, 4]);
  const two = await run(gpu, choice, { x: real([2], (i) => i + 1) });
  assert.deepEqual([...two.get("y")!.data], [10, 20]);
});

/** v goes to v * v + round, and each round leaves v; on is a bool input or none. */
function rounds(count: string, on: string) {
  const body = graphOf({
    nodes: [
      { opType: "Cast", name: "c", input: ["i"], output: ["round"], attribute: [{ name: "to", type: 2, i: 1 }] },
      { opType: "Mul", name: "m", input: ["v", "v"], output: ["square"] },
      { opType: "Add", name: "a", input: ["square", "round"], output: ["next"] },
      { opType: "Identity", name: "k", input: [on || "go"], output: ["again"] },
    ],
    inputs: { i: [TYPE.i64, []], go: [TYPE.bool, []], v: [TYPE.f32, [2]] },
    outputs: { again: [TYPE.bool, []], next: [TYPE.f32, [2]], square: [TYPE.f32, [2]] },
  });
  const attribute = [{ name: "body", type: 5, g: body }];
  return modelOf({
    nodes: [{ opType: "Loop", name: "loop", input: [count, "", "x"], output: ["y", "all"], attribute }],
    inputs: { x: [TYPE.f32, [2]], n: [TYPE.i64, []], ...(on ? { [on]: [TYPE.bool, []] as const } : {}) },
    outputs: { y: [TYPE.f32, [2]], all: [TYPE.f32, ["n", 2]] },
  });
}

gpuTest("Loop is unrolled, and stacks what each round leaves", async (gpu) => {
  const got = await run(gpu, rounds("n", ""), { x: real([2], (i) => i + 1), n: whole([], [3]) });
  // 1, 2 -> 1, 4 -> 2, 17 -> 6, 291
  assert.deepEqual([...got.get("y")!.data], [6, 291]);
  assert.deepEqual(got.get("all")!.shape, [3, 2]);
  assert.deepEqual([...got.get("all")!.data], [1, 4, 1, 16, 4, 289]);
});

gpuTest("Loop without an end is refused", async (gpu) => {
  const inputs = { x: real([2], () => 0), n: whole([], [0]) };
  await assert.rejects(run(gpu, rounds("", ""), inputs), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^made\.onnx: Loop loop: more than 4096 rounds are not supported$/);
    return true;
  });
});

gpuTest("a loop of no rounds has nothing to stack", async (gpu) => {
  const inputs = { x: real([2], () => 0), n: whole([], [0]) };
  await assert.rejects(run(gpu, rounds("n", ""), inputs), /a loop of no rounds that leaves values is not supported/);
});
