/**
 * How many inputs ONNX's operators take, and of which types, over all opsets (onnx/defs), so that a node with others is
 * refused by name.
 */

import { UserError } from "../errors.ts";
import { typeOfValue, type Value } from "./values.ts";

/** Operators by [least, most] inputs; all others take one. */
const INPUTS: readonly (readonly [least: number, most: number, operators: string])[] = [
  [0, 0, "Constant RandomNormal RandomUniform"],
  [1, 2, "Reshape Split Squeeze Unsqueeze Upsample TopK Trilu"],
  [1, 2, "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum"],
  [1, 2, "ReduceSumSquare"],
  [1, 3, "Clip Dropout"],
  [1, 4, "Pad Resize"],
  [1, 5, "Slice"],
  [1, Infinity, "Concat Einsum Max Mean Min Sum"],
  [2, 2, "Add AffineGrid And CastLike CenterCropPad Compress CumSum Div Equal Expand Gather GatherElements GatherND"],
  [2, 2, "Greater GreaterOrEqual GridSample Less LessOrEqual MatMul Mod Mul Or PRelu Pow RMSNormalization Sub Xor"],
  [2, 3, "Conv ConvTranspose Gemm LayerNormalization MaxUnpool Tile"],
  [2, Infinity, "Loop"],
  [3, 3, "Col2Im GroupNormalization InstanceNormalization OneHot Range Scatter ScatterElements ScatterND Where"],
  [5, 5, "BatchNormalization"],
];

/** Types of input 0, for operators that would make something of others here; the kernels refuse what they have no form for. */
const TYPES: readonly (readonly [types: string, operators: string])[] = [
  ["bool", "And Not Or Xor"],
  ["f32", "BatchNormalization GlobalAveragePool GlobalMaxPool Hardmax IsInf IsNaN"],
  [
    "f32 i32",
    "Add Clip CumSum Div Einsum Greater GreaterOrEqual Less LessOrEqual Max MaxPool Mean Min Mod Mul PRelu Pow",
  ],
  ["f32 i32", "Range ReduceL1 ReduceMean ReduceProd ReduceSum ReduceSumSquare Shrink Sub Sum TopK"],
];

const typesOf = new Map(
  TYPES.flatMap(([types, operators]) => operators.split(" ").map((name) => [name, types] as const)),
);

const byOperator = new Map(
  INPUTS.flatMap(([least, most, operators]) => operators.split(" ").map((name) => [name, [least, most]] as const)),
);

/** Throws UserError for a node with too few or too many inputs (one that is left out counts where others follow), or of a wrong type. */
export function checkInputs(op: string, label: string, inputs: readonly (Value | null)[]): void {
  const [least, most] = byOperator.get(op) ?? [1, 1];
  const given = inputs.findLastIndex((v) => v !== null) + 1;
  const needed = most === Infinity ? inputs : inputs.slice(0, least); // lists have no gaps
  const missing = needed.findIndex((v) => v === null);
  if (given < least || given > most) {
    const range = least === most ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;
    throw new UserError(`${label}: takes ${range} inputs, got ${given}`);
  }
  if (missing >= 0 && op !== "Loop") throw new UserError(`${label}: input ${missing} is missing`);
  const types = typesOf.get(op);
  const dtype = inputs[0] && typeOfValue(inputs[0]);
  if (types && dtype && !types.split(" ").includes(dtype)) {
    throw new UserError(`${label}: takes ${types.replace(" ", " or ")}, got ${dtype}`);
  }
}
