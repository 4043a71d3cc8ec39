/**
 * How many inputs ONNX's operators take, and of which types, over all opsets (onnx/defs), so that a node with others is
 * refused by name.
 */

import { UserError } from "../errors.ts";
import { typeOfValue, type Value } from "./values.ts";

/** Operators by [least, most] inputs from an opset on (1 where it is left out); all others take one. */
const INPUTS: readonly (readonly [least: number, most: number, operators: string, since?: number])[] = [
  [0, 0, "Constant RandomNormal RandomUniform"],
  [1, 1, "Clip Dropout Pad Reshape Resize Slice Squeeze TopK Unsqueeze Upsample"],
  [1, 1, "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum"],
  [1, 1, "ReduceSumSquare"],
  [1, 1, "Split", 2],
  [1, 2, "Split Trilu"],
  [1, 2, "ReduceSum Split Squeeze", 13],
  [1, 2, "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd", 18],
  [1, 2, "ReduceSumSquare", 18],
  [1, 3, "Clip", 11],
  [1, 3, "Dropout", 12],
  [1, 4, "Resize", 11],
  [1, Infinity, "Concat Einsum Max Mean Min Sum"],
  [2, 2, "Add AffineGrid And CastLike CenterCropPad Compress CumSum Div Equal Expand Gather GatherElements GatherND"],
  [2, 2, "Greater GreaterOrEqual GridSample Less LessOrEqual MatMul Mod Mul Or PRelu Pow RMSNormalization Sub Xor"],
  [2, 2, "Reshape", 5],
  [2, 2, "Tile", 6],
  [2, 2, "Upsample", 9],
  [2, 2, "Resize TopK", 10],
  [2, 2, "Unsqueeze", 13],
  [2, 3, "Conv ConvTranspose Gemm LayerNormalization MaxUnpool"],
  [2, 3, "Pad", 11],
  [2, 4, "Pad", 18],
  [2, Infinity, "Loop"],
  [3, 3, "Col2Im GroupNormalization InstanceNormalization OneHot Range Scatter ScatterElements ScatterND Tile Where"],
  [3, 5, "Slice", 10],
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

const countsOf = Map.groupBy(
  INPUTS.flatMap(([least, most, operators, since = 1]) =>
    operators.split(" ").map((name) => ({ name, since, range: [least, most] as const }))
  ).sort((a, b) => b.since - a.since),
  ({ name }) => name,
);

/**
 * Throws UserError for a node with too few or too many inputs (one that is left out counts where others follow), or of a
 * wrong type.
 */
export function checkInputs(op: string, opset: number, label: string, inputs: readonly (Value | null)[]): void {
  const [least, most] = countsOf.get(op)?.find(({ since }) => since <= opset)?.range ?? [1, 1];
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
