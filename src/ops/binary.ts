/**
 * Element-wise functions of two tensors with ONNX's multidirectional broadcasting: arithmetic (Add, Sub, Mul,
 * Div, Pow, Max, Min, Mod, PRelu) and, giving bool, comparisons and logic. binary.wgsl serves equal shapes,
 * single values and trailing dimensions; binary_rows.wgsl operands repeated along others, in whole vec4;
 * binary_strided.wgsl the rest.
 */

import type { Graph } from "../graph/graph.ts";
import { type Candidate, cover, input, type Node, type Op, output } from "../graph/op.ts";
import { broadcastShapes, type DType, sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { broadcastStrides, collapse, leading } from "./broadcast.ts";
import { joinElementwise } from "./elementwise.ts";
import { affine, unary } from "./unary.ts";
import { reduceTo } from "./reduce.ts";
import { where } from "./where.ts";

const WG_SIZE = 256;

/** Gradients with respect to a and b, before they are summed back to the operands' shapes. */
type Rule = (
  g: Graph,
  a: Tensor,
  b: Tensor,
  y: Tensor,
  dout: Tensor,
) => readonly [() => Tensor, () => Tensor];

const none: Rule | null = null;

/** The functions in the order of the cases of shared/binary_functions.wgsl; those from Equal on give bool. */
const FUNCTIONS: Record<string, Rule | null> = {
  Add: (_g, _a, _b, _y, dout) => [() => dout, () => dout],
  Sub: (g, _a, _b, _y, dout) => [() => dout, () => affine(g, dout, -1, 0)],
  Mul: (g, a, b, _y, dout) => [() => mul(g, dout, b), () => mul(g, dout, a)],
  Div: (g, _a, b, y, dout) => [() => div(g, dout, b), () => affine(g, div(g, mul(g, dout, y), b), -1, 0)],
  // d a^b = b a^(b-1) da + a^b ln(a) db
  Pow: (g, a, b, y, dout) => [
    () => mul(g, dout, mul(g, b, pow(g, a, affine(g, b, 1, -1)))),
    () => mul(g, dout, mul(g, y, unary(g, "Log", a))),
  ],
  // The larger (smaller) operand gets all of it; of equal ones half each, as PyTorch.
  Max: (g, a, b, _y, dout) => [() => share(g, dout, a, b), () => share(g, dout, b, a)],
  Min: (g, a, b, _y, dout) => [() => share(g, dout, b, a, true), () => share(g, dout, a, b, true)],
  Mod: none,
  Fmod: none,
  PRelu: (g, a, b, _y, dout) => [
    () => where(g, positive(g, a), dout, mul(g, dout, b)),
    () => where(g, positive(g, a), g.scalar(0), mul(g, dout, a)),
  ],
  Equal: none,
  Greater: none,
  Less: none,
  GreaterOrEqual: none,
  LessOrEqual: none,
  And: none,
  Or: none,
  Xor: none,
};

const NAMES = Object.keys(FUNCTIONS);
const FIRST_BOOL = NAMES.indexOf("Equal");

/** The operators by name. */
export const binaryOps: Readonly<Record<string, Op>> = Object.fromEntries(
  NAMES.map((name, index) => [name, binaryOp(name, index, FUNCTIONS[name]!)]),
);

function binaryOp(name: string, index: number, rule: Rule | null): Op {
  return {
    name,
    infer: ([a, b]) => {
      if (a!.dtype !== b!.dtype) {
        throw new TypeError(`takes operands of one type, got ${specText(a!)} and ${specText(b!)}`);
      }
      const dtype: DType = index >= FIRST_BOOL ? "bool" : a!.dtype;
      return [{ shape: broadcastShapes(a!.shape, b!.shape), dtype }];
    },
    candidates: [rows(index), flat(index), strided(index)],
    splitInputs: (node) =>
      node.inputs.map((t) => t.shape.length === rankOf(node) && t.shape[0] === node.outputs[0]!.shape[0]),
    join: joinElementwise,
    ...(rule
      ? {
        gradient: (g: Graph, node: Node, [dout]: readonly (Tensor | null)[], wants: readonly boolean[]) => {
          const [a, b] = node.inputs as [Tensor, Tensor];
          const [da, db] = rule(g, a, b, node.outputs[0]!, dout!);
          return [wants[0] ? reduceTo(g, da(), a.shape) : null, wants[1] ? reduceTo(g, db(), b.shape) : null];
        },
      }
      : {}),
  };
}

const rankOf = (node: Node) => node.outputs[0]!.shape.length;
const constants = (node: Node, index: number) => ({
  FUNCTION: index,
  INTEGER: node.inputs[0]!.dtype === "f32" ? 0 : 1,
});

function flat(index: number): Candidate {
  return {
    name: "flat",
    accepts: (node) => node.inputs.every((t) => formOf(t, node) !== null),
    lower: (node) => {
      const [a, b] = node.inputs as [Tensor, Tensor];
      const vectors = Math.ceil(sizeOf(node.outputs[0]!.shape) / 4);
      return {
        kernels: [{
          shader: "binary",
          constants: { ...constants(node, index), A_FORM: formOf(a, node)!, B_FORM: formOf(b, node)! },
          params: { vectors, a_period: sizeOf(a.shape) >> 2, b_period: sizeOf(b.shape) >> 2 },
          bindings: [input(0), input(1), output(0)],
          workgroups: cover(vectors, WG_SIZE),
        }],
      };
    },
  };
}

/** How binary.wgsl reads an operand: 0 as the output, 1 one value, 2 trailing dimensions; null: not at all. */
function formOf(t: Tensor, node: Node): number | null {
  const shape = node.outputs[0]!.shape;
  if (sizeOf(t.shape) === sizeOf(shape)) return 0;
  if (sizeOf(t.shape) === 1) return 1;
  const dims = t.shape.slice(t.shape.findIndex((d) => d !== 1));
  return sizeOf(dims) % 4 === 0 && sameShape(dims, shape.slice(shape.length - dims.length)) ? 2 : null;
}

/** Dimensions that binary_rows.wgsl walks, and the rows of one of its invocations. */
const ROWS_RANK = 4;
const ROWS = 8;

/** The output's walk with the last dimension in vec4, and how each operand is read; null where that does not do. */
function rowsOf(node: Node): { dims: readonly number[]; operands: readonly RowOperand[] } | null {
  const { shape } = node.outputs[0]!;
  const walk = collapse({ dims: shape, strides: node.inputs.map((t) => broadcastStrides(t.shape, shape)) });
  const last = walk.dims.length - 1;
  if (last < 1 || last >= ROWS_RANK || walk.dims[last]! % 4 !== 0) return null;
  const operands = walk.strides.map((strides): RowOperand | null => {
    const front = new Array<number>(ROWS_RANK - 1 - last).fill(0);
    if (strides[last] === 0) return { vector: 0, strides: [...front, ...strides] };
    const outer = strides.slice(0, last);
    return strides[last] === 1 && outer.every((s) => s % 4 === 0)
      ? { vector: 1, strides: [...front, ...outer.map((s) => s / 4), 1] }
      : null;
  });
  if (operands.includes(null)) return null;
  const dims = [...walk.dims.slice(0, last), walk.dims[last]! / 4];
  return {
    dims: [...new Array<number>(ROWS_RANK - dims.length).fill(1), ...dims],
    operands: operands as RowOperand[],
  };
}

/** An operand read by vec4 (vector 1, strides in vec4) or by single values along the last dimension. */
interface RowOperand {
  readonly vector: number;
  readonly strides: readonly number[];
}

function rows(index: number): Candidate {
  return {
    name: "rows",
    accepts: (node) => rowsOf(node) !== null,
    lower: (node) => {
      const { dims: [d0, d1, rows, vectors], operands: [a, b] } = rowsOf(node) as {
        dims: [number, number, number, number];
        operands: [RowOperand, RowOperand];
      };
      const fixed = ({ strides }: RowOperand) => Number(strides[2] === 0);
      const constantsOfRows = { A_VECTOR: a.vector, B_VECTOR: b.vector, A_FIXED: fixed(a), B_FIXED: fixed(b) };
      return {
        kernels: [{
          shader: "binary_rows",
          constants: { ...constants(node, index), ...constantsOfRows },
          params: { d0, d1, rows, vectors, a_strides: a.strides, b_strides: b.strides },
          bindings: [input(0), input(1), output(0)],
          workgroups: cover(d0 * d1 * Math.ceil(rows / ROWS) * vectors, 64),
        }],
      };
    },
  };
}

function strided(index: number): Candidate {
  return {
    name: "strided",
    accepts: () => true,
    lower: (node) => {
      const { shape } = node.outputs[0]!;
      return {
        kernels: [{
          shader: "binary_strided",
          constants: constants(node, index),
          params: {
            count: sizeOf(shape),
            dims: leading(shape, 1),
            a_strides: leading(broadcastStrides(node.inputs[0]!.shape, shape), 0),
            b_strides: leading(broadcastStrides(node.inputs[1]!.shape, shape), 0),
          },
          bindings: [input(0), input(1), output(0)],
          workgroups: cover(sizeOf(shape), WG_SIZE),
        }],
      };
    },
  };
}

/** dout where a > b, half of it where a = b; with `less`, where a < b is meant by swapped operands. */
function share(g: Graph, dout: Tensor, a: Tensor, b: Tensor, less = false): Tensor {
  const [p, q] = less ? [b, a] : [a, b];
  const half = affine(g, dout, 0.5, 0);
  const zero = g.scalar(0);
  const wins = less ? binary(g, "Less", q, p) : binary(g, "Greater", p, q);
  return where(g, wins, dout, where(g, binary(g, "Equal", a, b), half, zero));
}

/** Adds a function of two tensors. */
export function binary(g: Graph, name: string, a: Tensor, b: Tensor): Tensor {
  return g.apply(binaryOps[name]!, [a, b], {});
}

/** a + b. */
export function add(g: Graph, a: Tensor, b: Tensor): Tensor {
  return binary(g, "Add", a, b);
}

/** a - b. */
export function sub(g: Graph, a: Tensor, b: Tensor): Tensor {
  return binary(g, "Sub", a, b);
}

/** a * b. */
export function mul(g: Graph, a: Tensor, b: Tensor): Tensor {
  return binary(g, "Mul", a, b);
}

/** a / b. */
export function div(g: Graph, a: Tensor, b: Tensor): Tensor {
  return binary(g, "Div", a, b);
}

/** a to the power b. */
export function pow(g: Graph, a: Tensor, b: Tensor): Tensor {
  return binary(g, "Pow", a, b);
}

/** x > 0, as bool. */
export function positive(g: Graph, x: Tensor): Tensor {
  return binary(g, "Greater", x, g.scalar(0));
}
