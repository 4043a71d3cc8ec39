/**
 * Element-wise functions of one tensor (ONNX Relu, LeakyRelu, Sigmoid, Tanh, Exp, Log, Sqrt, Reciprocal, Abs,
 * Neg, Clip, Erf, Softplus, Sign, Floor, Ceil, the trigonometric and hyperbolic functions and their inverses; rounding to
 * float16 and bfloat16; and our Affine = alpha * x + beta).
 * One shader, unary.wgsl, serves them all; a function is a case of its switch.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { binary, div, mul, positive } from "./binary.ts";
import { joinElementwise } from "./elementwise.ts";
import { where } from "./where.ts";

/** Parameters of a function: the slope of LeakyRelu, the bounds of Clip, the factor and offset of Affine. */
export interface UnaryAttrs {
  readonly alpha: number;
  readonly beta: number;
}

const NONE: UnaryAttrs = { alpha: 0, beta: 0 };

/** d(output)/d(input) times dout. */
type Rule = (g: Graph, x: Tensor, y: Tensor, dout: Tensor, attrs: UnaryAttrs) => Tensor | null;

const zero: Rule = () => null;

/** The functions in the order of the cases of unary.wgsl, each with its gradient rule. */
const FUNCTIONS: Record<string, Rule> = {
  // Subgradient 0 at exactly 0, as PyTorch.
  Relu: (g, _x, y, dout) => where(g, positive(g, y), dout, g.scalar(0)),
  LeakyRelu: (g, x, _y, dout, { alpha }) => where(g, positive(g, x), dout, affine(g, dout, alpha, 0)),
  Sigmoid: (g, _x, y, dout) => mul(g, dout, mul(g, y, affine(g, y, -1, 1))),
  Tanh: (g, _x, y, dout) => mul(g, dout, affine(g, mul(g, y, y), -1, 1)),
  Exp: (g, _x, y, dout) => mul(g, dout, y),
  Log: (g, x, _y, dout) => div(g, dout, x),
  Sqrt: (g, _x, y, dout) => div(g, affine(g, dout, 0.5, 0), y),
  Reciprocal: (g, _x, y, dout) => affine(g, mul(g, dout, mul(g, y, y)), -1, 0),
  Abs: (g, x, _y, dout) => mul(g, dout, unary(g, "Sign", x)),
  Neg: (g, _x, _y, dout) => affine(g, dout, -1, 0),
  Clip: (g, x, y, dout) => where(g, binary(g, "Equal", x, y), dout, g.scalar(0)),
  // d erf / dx = 2 / sqrt(pi) * e^(-x^2)
  Erf: (g, x, _y, dout) =>
    mul(g, dout, affine(g, unary(g, "Exp", affine(g, mul(g, x, x), -1, 0)), 2 / Math.sqrt(Math.PI), 0)),
  Softplus: (g, x, _y, dout) => mul(g, dout, unary(g, "Sigmoid", x)),
  Affine: (g, _x, _y, dout, { alpha }) => affine(g, dout, alpha, 0),
  Sign: zero,
  Floor: zero,
  Ceil: zero,
  Sin: (g, x, _y, dout) => mul(g, dout, unary(g, "Cos", x)),
  Cos: (g, x, _y, dout) => mul(g, dout, affine(g, unary(g, "Sin", x), -1, 0)),
  Tan: (g, _x, y, dout) => mul(g, dout, affine(g, mul(g, y, y), 1, 1)),
  Asin: (g, x, _y, dout) => div(g, dout, root(g, x, -1, 1)),
  Acos: (g, x, _y, dout) => affine(g, div(g, dout, root(g, x, -1, 1)), -1, 0),
  Atan: (g, x, _y, dout) => div(g, dout, affine(g, mul(g, x, x), 1, 1)),
  Sinh: (g, x, _y, dout) => mul(g, dout, unary(g, "Cosh", x)),
  Cosh: (g, x, _y, dout) => mul(g, dout, unary(g, "Sinh", x)),
  Asinh: (g, x, _y, dout) => div(g, dout, root(g, x, 1, 1)),
  Acosh: (g, x, _y, dout) => div(g, dout, root(g, x, 1, -1)),
  Atanh: (g, x, _y, dout) => div(g, dout, affine(g, mul(g, x, x), -1, 1)),
  // Rounding is taken as the identity.
  Float16: (_g, _x, _y, dout) => dout,
  BFloat16: (_g, _x, _y, dout) => dout,
};

/** sqrt(alpha x^2 + beta). */
function root(g: Graph, x: Tensor, alpha: number, beta: number): Tensor {
  return unary(g, "Sqrt", affine(g, mul(g, x, x), alpha, beta));
}

export type UnaryName = keyof typeof FUNCTIONS;

/** The operators by name. */
export const unaryOps: Readonly<Record<string, Op<UnaryAttrs>>> = Object.fromEntries(
  Object.entries(FUNCTIONS).map(([name, rule], index) => [name, unaryOp(name, index, rule)]),
);

function unaryOp(name: string, index: number, rule: Rule): Op<UnaryAttrs> {
  return {
    name,
    infer: ([x]) => {
      if (x!.dtype !== "f32") throw new TypeError(`takes f32, got ${specText(x!)}`);
      return [x!];
    },
    candidates: plain((node) => {
      const vectors = Math.ceil(sizeOf(node.outputs[0]!.shape) / 4);
      return {
        kernels: [{
          shader: "unary",
          constants: { FUNCTION: index },
          params: { vectors, alpha: node.attrs.alpha, beta: node.attrs.beta },
          bindings: [input(0), output(0)],
          workgroups: cover(vectors, 64),
        }],
      };
    }),
    splitInputs: () => [true],
    join: joinElementwise,
    gradient: (g, node, [dout]) => [rule(g, node.inputs[0]!, node.outputs[0]!, dout!, node.attrs)],
  };
}

/** Adds an element-wise function. */
export function unary(g: Graph, name: string, x: Tensor, attrs: UnaryAttrs = NONE): Tensor {
  return g.apply(unaryOps[name]!, [x], attrs);
}

/** max(x, 0). */
export function relu(g: Graph, x: Tensor): Tensor {
  return unary(g, "Relu", x);
}

/** alpha * x + beta. */
export function affine(g: Graph, x: Tensor, alpha: number, beta: number): Tensor {
  return unary(g, "Affine", x, { alpha, beta });
}
