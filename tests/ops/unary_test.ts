/** Element-wise functions of one tensor against PyTorch, extreme values and gradients included. */

import { mul } from "../../src/ops/binary.ts";
import { gelu } from "../../src/ops/gelu.ts";
import { unary } from "../../src/ops/unary.ts";
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

gpuTest("a linear function has the gradient of finite differences", async (gpu) => {
  await checkDirection(gpu, [[37]], (g, [x]) => unary(g, "Affine", x!, { alpha: -1.5, beta: 0.25 }));
});
