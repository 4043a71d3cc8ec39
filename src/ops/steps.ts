/** Element-wise nodes as steps on one of their inputs, and how the steps' other operands lie beside it. */

import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/op.ts";
import { sameShape, sizeOf, type Tensor } from "../graph/tensor.ts";
import { batchNormSteps } from "./batch_norm.ts";
import { binaryOps } from "./binary.ts";
import { broadcastStrides, collapse } from "./broadcast.ts";
import { Chain, chainSteps } from "./chain.ts";
import { unaryOps } from "./unary.ts";

/** The functions in the order of the cases of shared/steps.wgsl; the first ones take an operand. */
export const FUNCTIONS = [
  ...["Add", "Sub", "Mul", "Div", "SubFrom", "DivInto", "Max", "Min", "PRelu"],
  ...["Relu", "LeakyRelu", "AtLeast", "AtMost", "Affine", "Neg", "Abs"],
  ...["Reciprocal", "Sqrt", "Exp", "Log", "Sigmoid", "Tanh"],
] as const;

/** v becomes f(v, operand); alpha and beta are the attributes of unary functions. */
export interface Step {
  readonly f: typeof FUNCTIONS[number];
  readonly operand: Tensor | null;
  readonly alpha: number;
  readonly beta: number;
}

/** A step without attributes. */
export function step(f: Step["f"], operand: Tensor | null = null): Step {
  return { f, operand, alpha: 0, beta: 0 };
}

/** v * alpha + beta. */
export function affineStep(alpha: number, beta: number): Step {
  return { f: "Affine", operand: null, alpha, beta };
}

/** The functions of binary operators whose first, or second, operand is v. */
const OF_FIRST: Readonly<Record<string, Step["f"]>> = {
  ...{ Add: "Add", Sub: "Sub", Mul: "Mul", Div: "Div", Max: "Max", Min: "Min", PRelu: "PRelu" },
};
const OF_SECOND: Readonly<Record<string, Step["f"]>> = {
  ...{ Add: "Add", Sub: "SubFrom", Mul: "Mul", Div: "DivInto", Max: "Max", Min: "Min" },
};

/** Input `main` becomes the node's output by these steps; null where it does not. May add small nodes to g. */
export function stepsOf(g: Graph, node: Node, main: number): Step[] | null {
  const { op, attrs, inputs, outputs } = node;
  if (inputs[main]!.dtype !== "f32" || !sameShape(inputs[main]!.shape, outputs[0]!.shape)) return null;
  if (op === unaryOps[op.name]) return unarySteps(op.name, attrs);
  if (op === binaryOps[op.name]) {
    const f = (main === 0 ? OF_FIRST : OF_SECOND)[op.name];
    return f ? [step(f, inputs[1 - main])] : null;
  }
  return main === 0 ? op === Chain ? chainSteps(node) : batchNormSteps(g, node) : null;
}

function unarySteps(name: string, { alpha, beta }: { alpha: number; beta: number }): Step[] | null {
  if (name === "Clip") {
    const bounds = [{ ...step("AtLeast"), alpha }, { ...step("AtMost"), alpha: beta }];
    return bounds.filter((bound) => Number.isFinite(Math.fround(bound.alpha)));
  }
  const f = FUNCTIONS.find((known) => known === name);
  return f && [alpha, beta].every((v) => Number.isFinite(Math.fround(v))) ? [{ f, operand: null, alpha, beta }] : null;
}

/**
 * A shape seen as samples of `sample` rows of `columns` elements, so that each operand is the same, or not, in all samples,
 * in all rows of a sample, and in all columns.
 */
export interface Frame {
  readonly sample: number;
  /** Null: all elements are one row, however many. */
  readonly columns: number | null;
  /** For each operand: which of sample (4), row (2) and column (1) tell its values apart. */
  readonly forms: readonly number[];
}

/** How operands that broadcast to a shape lie beside it; null where the three numbers do not tell. */
export function frameOf(shape: readonly number[], operands: readonly Tensor[]): Frame | null {
  const strides = operands.map((t) => broadcastStrides(t.shape, shape));
  const walk = collapse({ dims: shape, strides });
  const rank = walk.dims.length;
  if (rank > 3 || operands.some((t) => sizeOf(t.shape) > sizeOf(shape))) return null;
  if (rank < 2) return { sample: 1, columns: null, forms: walk.strides.map(([s]) => s ? 1 : 0) };
  const bits = rank === 3 ? [4, 2, 1] : [4, 1];
  const forms = walk.strides.map((own) => own.reduce((form, stride, d) => form + (stride ? bits[d]! : 0), 0));
  return { sample: rank === 3 ? walk.dims[1]! : 1, columns: walk.dims.at(-1)!, forms };
}
