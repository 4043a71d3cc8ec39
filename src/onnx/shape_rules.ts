/** Shapes and axes as ONNX's operators write them, for folding and for the device alike. */

import { normalizeAxis, sizeOf } from "../graph/tensor.ts";
import type { HostTensor } from "./decode.ts";
import { listOf, scalarOf } from "./host.ts";
import type { NodeReader } from "./reader.ts";

/** The axes of a node: an attribute in old opsets, an input in new ones; null where they are left out. */
export function axesOf(node: NodeReader, input: HostTensor | null | undefined): readonly number[] | null {
  return node.ints("axes") ?? (input ? listOf(input) : null);
}

/** Throws RangeError where the best of no values is asked for. */
export function checkSearched(shape: readonly number[], axis: number): void {
  if ((shape[axis] ?? 1) === 0) throw new RangeError(`axis ${axis} of [${shape}] has no elements to choose from`);
}

/**
 * How often a Tile repeats each dimension; before opset 6 its inputs name one axis and the times. Throws RangeError where
 * they are other dimensions than there are, or less than no times.
 */
export function repeatsOf(shape: readonly number[], given: HostTensor, axis: HostTensor | null | undefined): number[] {
  const at = axis && normalizeAxis(scalarOf(axis), shape.length);
  const repeats = axis ? shape.map((_, i) => i === at ? scalarOf(given) : 1) : listOf(given);
  if (repeats.length === shape.length && repeats.every((count) => count >= 0)) return repeats;
  throw new RangeError(`repeats [${repeats}] are not one number from 0 for each dimension of [${shape}]`);
}

/**
 * The shape of operand 1 beside operand 0 of `rank` axes before opset 7, when it began at an axis of its own. Throws
 * RangeError where it reaches past the last one.
 */
export function fromOwnAxis(node: NodeReader, rank: number, shape: readonly number[]): readonly number[] {
  node.ignore("broadcast"); // what fits is broadcast
  if (!node.has("axis")) return shape;
  const given = node.int("axis", 0);
  const axis = given < 0 ? given + rank : given;
  const after = rank - axis - shape.length;
  if (axis >= 0 && after >= 0) return [...shape, ...new Array<number>(after).fill(1)];
  throw new RangeError(`an operand of shape [${shape}] does not fit ${rank} axes from axis ${given} on`);
}

/** The axis of a Concat, which opsets before 4 may leave out. */
export function concatAxis(node: NodeReader): number {
  return node.opset < 4 ? node.int("axis", 1) : node.neededInt("axis");
}

/** Axes counted from the front. Throws RangeError for one that is outside the rank or named twice. */
export function distinctAxes(axes: readonly number[], rank: number): Set<number> {
  const found = new Set(axes.map((a) => normalizeAxis(a, rank)));
  if (found.size !== axes.length) throw new RangeError(`axes [${axes}] name one twice`);
  return found;
}

/** A shape with axes of size 1 put in. */
export function unsqueezed(shape: readonly number[], axes: readonly number[]): number[] {
  const rank = shape.length + axes.length;
  const at = distinctAxes(axes, rank);
  const rest = [...shape];
  return Array.from({ length: rank }, (_, i) => at.has(i) ? 1 : rest.shift()!);
}

/** A shape without axes of size 1 (all of them for null). Throws TypeError when one is not of size 1. */
export function squeezed(shape: readonly number[], axes: readonly number[] | null): number[] {
  const at = axes === null
    ? new Set(shape.flatMap((d, i) => d === 1 ? [i] : []))
    : new Set(axes.map((a) => normalizeAxis(a, shape.length)));
  for (const i of at) if (shape[i] !== 1) throw new TypeError(`axis ${i} of [${shape}] is not of size 1`);
  return shape.filter((_, i) => !at.has(i));
}

/**
 * The shape that a Reshape asks for: 0 copies a dimension (unless allowzero), -1 takes what is left. Throws RangeError
 * where a dimension is below -1, several are -1, or one that is -1 cannot be told.
 */
export function reshapeTarget(shape: readonly number[], wanted: readonly number[], allowZero: boolean): number[] {
  const target = wanted.map((d, i) => d === 0 && !allowZero ? shape[i] ?? 0 : d);
  if (target.some((d) => d < -1)) throw new RangeError(`the shape [${wanted}] has a dimension below -1`);
  const open = target.filter((d) => d === -1).length;
  if (open > 1) throw new RangeError(`the shape [${wanted}] leaves ${open} dimensions open`);
  const known = sizeOf(target.filter((d) => d !== -1));
  const left = sizeOf(shape) / known;
  if (open === 1 && !Number.isInteger(left)) throw new RangeError(`[${shape}] does not fit into the shape [${wanted}]`);
  return target.map((d) => d === -1 ? left : d);
}

/** The lists of a Slice, of one length. Throws RangeError where they do not fit each other. */
export function sliceLists(
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[] | null,
  steps: readonly number[] | null,
) {
  const lists = { starts, ends, axes: axes ?? starts.map((_, i) => i), steps: steps ?? starts.map(() => 1) };
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== starts.length) {
      throw new RangeError(`${starts.length} starts do not fit ${list.length} ${name}`);
    }
  }
  return lists;
}

/** The sizes of the parts of a Split into its outputs: those given, or equal ones, of which the last may be smaller. */
export function splitSizes(node: NodeReader, given: readonly number[] | null, size: number): number[] {
  const parts = node.node.outputs.length;
  if (node.int("num_outputs", parts) !== parts) {
    throw new RangeError(`num_outputs ${node.int("num_outputs", parts)} is not the number of outputs, ${parts}`);
  }
  if (!given) {
    const each = Math.ceil(size / parts);
    return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
  }
  const total = given.reduce((a, b) => a + b, 0);
  if (given.length === parts && total === size && given.every((d) => d >= 0)) return [...given];
  throw new RangeError(`parts of [${given}] do not make ${parts} outputs of an axis of ${size}`);
}
