/** Element-wise functions of two tensors and Where, under broadcasting, by every kernel. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { execute } from "../../src/gpu/execute.ts";
import { add, binary, div, mul, pow, sub } from "../../src/ops/binary.ts";
import { cast } from "../../src/ops/cast.ts";
import { where } from "../../src/ops/where.ts";
import { checkDirection } from "../support/op_cases.ts";
import { testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

const all = (name: string) => [{ [name]: "rows" }, { [name]: "flat" }, { [name]: "strided" }];
testOperator("add", (g, [a, b]) => add(g, a!, b!), all("Add"));
testOperator("sub", (g, [a, b]) => sub(g, a!, b!), all("Sub"));
testOperator("mul", (g, [a, b]) => mul(g, a!, b!), all("Mul"));
testOperator("div", (g, [a, b]) => div(g, a!, b!), all("Div"));
testOperator("pow", (g, [a, b], { exponent }) => pow(g, a!, b ?? g.scalar(exponent)), all("Pow"));
testOperator("where", (g, [c, a, b]) => where(g, cast(g, c!, "bool"), a!, b!));

for (const force of all("Mul")) {
  for (
    const [a, b] of [[[2, 3, 8], [8]], [[2, 3, 8], [3, 1]], [[4, 1], [1, 5]], [[6], []], [[2, 9, 8], [2, 1, 8]], [[
      2,
      3,
      1,
      4,
    ], [1, 3, 5, 1]]] as const
  ) {
    gpuTest(`mul of [${a}] and [${b}] by ${force.Mul} has the gradients of finite differences`, async (gpu) => {
      await checkDirection(gpu, [a, b], (g, [x, y]) => mul(g, x!, y!), force);
    });
  }
}

gpuTest("whole numbers and comparisons are exact", async (gpu) => {
  const g = new Graph();
  const a = g.constant([7, -7, 7, -7], [4], "i32");
  const b = g.constant([2, 2, -2, -2], [4], "i32");
  for (const name of ["Add", "Mul", "Div", "Mod", "Fmod", "Max", "Greater", "Equal"]) {
    g.output(name, binary(g, name, a, b));
  }
  const got = await execute(gpu, g);
  const lists = Object.fromEntries(Object.entries(got).map(([name, values]) => [name, [...values]]));
  assert.deepEqual(lists, {
    Add: [9, -5, 5, -9],
    Mul: [14, -14, -14, 14],
    Div: [3, -3, -3, 3],
    Mod: [1, 1, -1, -1],
    Fmod: [1, -1, 1, -1],
    Max: [7, 2, 7, -2],
    Greater: [1, 0, 1, 0],
    Equal: [0, 0, 0, 0],
  });
});

gpuTest("powers of negative, infinite and missing numbers are those of C", async (gpu) => {
  const powers: [base: number, exponent: number, result: number][] = [
    ...[[-2, 3, -8], [-2, 2, 4], [-2, -1, -0.5], [-2, 0.5, NaN], [0, 0, 1], [0, -1, Infinity]] as const,
    ...[[NaN, 0, 1], [NaN, 2, NaN], [2, NaN, NaN], [1, NaN, 1], [-Infinity, 3, -Infinity]] as const,
    ...[[-Infinity, 0.5, Infinity], [-Infinity, -0.5, 0], [0.5, Infinity, 0], [2, Infinity, Infinity]] as const,
  ].map(([a, b, c]) => [a, b, c]);
  const g = new Graph();
  const [a, b] = [0, 1].map((i) => g.constant(powers.map((row) => row[i]!), [powers.length]));
  g.output("y", pow(g, a!, b!));
  const { y } = await execute(gpu, g);
  powers.forEach(([base, exponent, result], i) => {
    const got = y![i]!;
    const same = Object.is(got, result) || Math.abs(got - result) <= 1e-6 * Math.abs(result);
    assert.ok(same, `${base} to the power ${exponent} is ${got}, not ${result}`);
  });
});

gpuTest("powers of whole numbers are exact", async (gpu) => {
  const powers = [[3, 19, 1162261467], [-7, 9, -40353607], [10, 0, 1], [2, -1, 0], [-1, -3, -1], [1, -2, 1]];
  const g = new Graph();
  const [a, b] = [0, 1].map((i) => g.constant(powers.map((row) => row[i]!), [powers.length], "i32"));
  g.output("y", pow(g, a!, b!));
  assert.deepEqual([...(await execute(gpu, g)).y!], powers.map((row) => row[2]!));
});

Deno.test("shapes that do not broadcast are named, both of them", () => {
  const g = new Graph();
  assert.throws(() => add(g, g.input("a", [2, 3]), g.input("b", [4])), /Shapes \[2,3\] and \[4\] do not broadcast/);
});
