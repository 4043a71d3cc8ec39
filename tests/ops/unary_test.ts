/** Element-wise functions of one tensor against PyTorch, extreme values and gradients included. */

import { execute } from "../../src/gpu/execute.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { unary } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { checkDirection } from "../support/op_cases.ts";
import { testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

const plain: Record<string, string> = {
  relu: "Relu",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  softplus: "Softplus",
  exp: "Exp",
  abs: "Abs",
  neg: "Neg",
  erf: "Erf",
  log: "Log",
  sqrt: "Sqrt",
  reciprocal: "Reciprocal",
};
for (const [op, name] of Object.entries(plain)) testOperator(op, (g, [x]) => unary(g, name, x!));
testOperator("leaky_relu", (g, [x], { slope }) => unary(g, "LeakyRelu", x!, { alpha: slope, beta: 0 }));
testOperator("clamp", (g, [x], { min, max }) => unary(g, "Clip", x!, { alpha: min, beta: max }));
testOperator("square", (g, [x]) => mul(g, x!, x!));
testOperator("rsqrt", (g, [x]) => unary(g, "Reciprocal", unary(g, "Sqrt", x!)));
testOperator("gelu", (g, [x], { approximate }) => gelu(g, x!, approximate));
testOperator("silu", (g, [x]) => mul(g, x!, unary(g, "Sigmoid", x!)));

/** Functions of the host, and the range that they are held in. */
const trigonometry: Record<string, [f: (x: number) => number, low: number, high: number]> = {
  Sin: [Math.sin, -6, 6],
  Cos: [Math.cos, -6, 6],
  Tan: [Math.tan, -1.5, 1.5],
  Asin: [Math.asin, -0.99, 0.99],
  Acos: [Math.acos, -0.99, 0.99],
  Atan: [Math.atan, -50, 50],
  Sinh: [Math.sinh, -8, 8],
  Cosh: [Math.cosh, -8, 8],
  Asinh: [Math.asinh, -500, 500],
  Acosh: [Math.acosh, 1.01, 500],
  Atanh: [Math.atanh, -0.999, 0.999],
};
for (const [name, [f, low, high]] of Object.entries(trigonometry)) {
  gpuTest(`${name} is the host's, and so is its slope`, async (gpu) => {
    const places = Array.from({ length: 401 }, (_, i) => low + (high - low) * i / 400);
    if (low < 0) places.push(1e-4, -3e-6, 0); // where sums with 1 lose the value
    const x = Float32Array.from(places);
    const g = new Graph();
    const input = g.input("x", [x.length]);
    const y = unary(g, name, input);
    const seed = g.constant(new Float32Array(x.length).fill(1), [x.length]);
    g.output("y", y);
    g.output("dx", gradient(g, [{ output: y, seed }], [input], add)[0]!);
    const got = await execute(gpu, g, { x });
    const tolerance = { rtol: 2e-5, atol: 1e-6 };
    assertClose(got.y as Float32Array, Array.from(x, f), tolerance, name);
    const h = 1e-5;
    const slope = Array.from(x, (v) => (f(v + h) - f(v - h)) / (2 * h));
    assertClose(got.dx as Float32Array, slope, { rtol: 1e-2, atol: 1e-3 }, `slope of ${name}`);
  });
}

/** Values at the edges of a function's domain, beyond them, and beyond any number. */
const EDGES = [-Infinity, -1e30, -3, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 3, 1e30, Infinity, NaN];
const everywhere: Record<string, (x: number) => number> = {
  Log: Math.log,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Exp: Math.exp,
  Tanh: Math.tanh,
  Sign: Math.sign,
  Abs: Math.abs,
  Asin: Math.asin,
  Acos: Math.acos,
  Atan: Math.atan,
  Sinh: Math.sinh,
  Cosh: Math.cosh,
  Asinh: Math.asinh,
  Acosh: Math.acosh,
  Atanh: Math.atanh,
};
for (const [name, f] of Object.entries(everywhere)) {
  gpuTest(`${name} is infinite or no number where the host's is`, async (gpu) => {
    const g = new Graph();
    g.output("y", unary(g, name, g.input("x", [EDGES.length])));
    const { y } = await execute(gpu, g, { x: Float32Array.from(EDGES) });
    assertClose(y as Float32Array, EDGES.map((x) => Math.fround(f(x))), { rtol: 2e-5, atol: 1e-6 }, name);
  });
}

gpuTest("a linear function has the gradient of finite differences", async (gpu) => {
  await checkDirection(gpu, [[37]], (g, [x]) => unary(g, "Affine", x!, { alpha: -1.5, beta: 0.25 }));
});
