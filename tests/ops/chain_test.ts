/** Chains of element-wise operators against the same operators one by one, bit for bit but for the sign of zeros. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { batchNormInference } from "../../src/ops/batch_norm.ts";
import { add, binary, mul } from "../../src/ops/binary.ts";
import { affine, relu, unary } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { bothWays, joinedOps } from "../support/fused.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-40, 3e38, -3e38, 0.5, -2];

/** Values among which are special ones. */
function values(count: number, seed: number): Float32Array {
  return noise(count, seed).map((v, i) => i % 7 === 3 ? SPECIAL[(i + seed) % SPECIAL.length]! : 3 * v);
}

const UNARY = "Relu LeakyRelu Sigmoid Tanh Exp Log Sqrt Reciprocal Abs Neg Clip Affine".split(" ");
const BINARY = ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"];
/** Functions that drivers may round as they like, each compiled program in its own way. */
const ROUNDED = new Set(["Sigmoid", "Tanh", "Exp", "Log", "Div", "Sqrt", "Reciprocal", "Affine"]);

const shapes = fc.constantFrom([2, 3, 4, 8], [3, 2, 2, 6], [1, 5, 1, 4], [2, 8, 16], [40], [7], [3, 5], [2, 1, 3]);
/** Which dimensions an operand has in full. */
const bits = fc.integer({ min: 0, max: 15 });
const functions = fc.array(
  fc.oneof(
    fc.record({ unary: fc.constantFrom(...UNARY), bounds: fc.constantFrom([0.25, 2], [-Infinity, 1], [-1, Infinity]) }),
    fc.record({ binary: fc.constantFrom(...BINARY), bits, first: fc.boolean() }),
  ),
  { minLength: 2, maxLength: 8 },
);

gpuTest("any element-wise functions, joined or not, give the same", async (gpu) => {
  let chains = 0;
  await fc.assert(
    fc.asyncProperty(shapes, functions, async (shape, list) => {
      const g = new Graph();
      const inputs: Record<string, Float32Array> = { x: values(sizeOf(shape), 1) };
      let x = g.input("x", shape);
      for (const [i, entry] of list.entries()) {
        if ("unary" in entry) {
          const [alpha, beta] = entry.bounds as [number, number];
          const finite = entry.unary !== "Clip" && !(Number.isFinite(alpha) && Number.isFinite(beta));
          x = unary(g, entry.unary, x, finite ? { alpha: 0.25, beta: 2 } : { alpha, beta });
          continue;
        }
        const own = shape.map((d, axis) => entry.bits >> axis & 1 ? d : 1);
        const operand = g.input(`operand${i}`, own);
        inputs[`operand${i}`] = values(sizeOf(own), 10 + i);
        x = entry.first ? binary(g, entry.binary, x, operand) : binary(g, entry.binary, operand, x);
      }
      g.output("y", x);
      if (joinedOps(g).includes("Chain")) chains++;
      const exact = !list.some((entry) => ROUNDED.has("unary" in entry ? entry.unary : entry.binary));
      for (const by of ["rows", "plain"]) {
        const { joined, plain } = await bothWays(gpu, g, inputs, { Chain: by });
        assertClose(joined, plain, exact ? { rtol: 0, atol: 0 } : { rtol: 1e-5, atol: 1e-6 }, `by ${by}`);
      }
    }),
    { numRuns: 40, seed: 5 },
  );
  assert.ok(chains > 25, `only ${chains} of the graphs had a chain`);
});

gpuTest("a chain takes operands of every form, and rows that end within a sample", async (gpu) => {
  const shape = [3, 5, 7, 8]; // 35 rows a sample, which is no multiple of the rows of an invocation
  const forms = [[8], [3, 1, 1, 8], [1, 5, 7, 1], [5, 7, 8], [3, 5, 7, 8], [3, 5, 7, 1], [3, 1, 1, 1], [1]];
  for (const pair of forms.flatMap((a) => forms.map((b) => [a, b]))) {
    const g = new Graph();
    const x = g.input("x", shape);
    const [a, b] = pair.map((own, i) => g.input(`o${i}`, own));
    g.output("y", relu(g, add(g, mul(g, x, a!), b!)));
    assert.deepEqual(joinedOps(g), ["Chain"], String(pair));
    const inputs = { x: values(sizeOf(shape), 1), o0: values(sizeOf(pair[0]!), 2), o1: values(sizeOf(pair[1]!), 3) };
    for (const by of ["rows", "plain"]) {
      const { joined, plain } = await bothWays(gpu, g, inputs, { Chain: by });
      assertClose(joined, plain, { rtol: 0, atol: 0 }, `${pair} by ${by}`);
    }
  }
});

gpuTest("batch norm by given statistics joins with what follows", async (gpu) => {
  const g = new Graph();
  const x = g.input("x", [2, 3, 3, 8]);
  const constant = (seed: number) => g.constant(noise(8, seed).map((v) => v + 2), [8]);
  const statistics = [constant(1), constant(2), constant(3), constant(4)] as const;
  const y = batchNormInference(g, x, ...statistics, { relu: true, residual: g.input("residual", x.shape) });
  g.output("y", affine(g, y, 2, 1));
  assert.deepEqual(joinedOps(g), ["BatchNormFactors", "Chain"]);
  const { joined, plain } = await bothWays(gpu, g, { x: values(144, 1), residual: noise(144, 2) });
  assertClose(joined, plain, { rtol: 1e-5, atol: 1e-5 });
});

Deno.test("a chain ends where operands are too many or lie otherwise, and takes no whole numbers", () => {
  const ops = (build: (g: Graph, x: Tensor) => Tensor) => {
    const g = new Graph();
    g.output("y", build(g, g.input("x", [2, 3, 4, 8])));
    return joinedOps(g);
  };
  const more = (g: Graph, x: Tensor, count: number) =>
    Array.from({ length: count }, (_, i) => i).reduce((y, i) => add(g, y, g.input(`o${i}`, [8])), x);
  assert.deepEqual(ops((g, x) => more(g, x, 5)), ["Chain"]);
  assert.deepEqual(ops((g, x) => more(g, x, 6)), ["Chain", "Add"]);
  // One value for each row and column of all samples' pixels, and a column of them: four dimensions are left.
  assert.deepEqual(ops((g, x) => relu(g, add(g, x, g.input("o", [2, 1, 4, 1])))), ["Add", "Relu"]);
  assert.deepEqual(ops((g, x) => binary(g, "Pow", relu(g, x), g.scalar(2))), ["Relu", "Pow"]);
  assert.deepEqual(ops((g, x) => mul(g, relu(g, x), relu(g, x))), ["Relu", "Chain"]);
  assert.deepEqual(ops((g, x) => unary(g, "Relu", unary(g, "Affine", x, { alpha: Infinity, beta: 0 }))).length, 2);
  const g = new Graph();
  const n = g.input("n", [4], "i32");
  g.output("y", add(g, add(g, n, n), n));
  assert.deepEqual(joinedOps(g), ["Add", "Add"]);
});

gpuTest("a chain over the binding limit runs in parts along the batch", async (gpu) => {
  const g = new Graph();
  const shape = [16, 2, 4, 8];
  const x = g.input("x", shape);
  const [a, b] = [g.input("a", [16, 1, 1, 8]), g.input("b", [8])];
  g.output("y", relu(g, add(g, mul(g, x, a), b)));
  const inputs = { x: values(sizeOf(shape), 1), a: values(128, 2), b: values(8, 3) };
  const run = async (bytes: number) => {
    const target = { ...targetOf(gpu.info), maxBindingBytes: bytes };
    return (await execute(gpu, g, inputs, { target })).y;
  };
  assert.deepEqual(joinedOps(g), ["Chain"]);
  assert.deepEqual(await run(2048), await run(2 ** 20));
});
