/** Tensors on the host and walks over them, for what folds at import. */

import { broadcastShapes, sizeOf, stridesOf } from "../graph/tensor.ts";
import type { HostTensor } from "./decode.ts";
import type { NodeReader } from "./reader.ts";

/** Computes a node's outputs from host tensors; one that is left out is null. */
export type Folder = (node: NodeReader, inputs: readonly (HostTensor | null)[]) => HostTensor | readonly HostTensor[];

/** Values that a node may make on the host. */
const MOST_VALUES = 2 ** 24;

/** The number of elements of a shape. Throws RangeError for one that the host does not take. */
export function countOf(shape: readonly number[]): number {
  const count = sizeOf(shape);
  if (shape.every((d) => d >= 0) && count <= MOST_VALUES) return count;
  throw new RangeError(`makes ${count} values of shape [${shape}] at import, which is too much`);
}

/** The only value of a tensor. Throws TypeError for one of none or more. */
export function scalarOf({ shape, data }: HostTensor): number {
  if (data.length === 1) return data[0]!;
  throw new TypeError(`[${shape}] values stand where one number is needed`);
}

/** The values of a list. Throws TypeError for a tensor of another rank than 1 (a single value passes for a list). */
export function listOf({ shape, data }: HostTensor): number[] {
  if (shape.length <= 1) return Array.from(data);
  throw new TypeError(`[${shape}] values stand where a list is needed`);
}

/** A host tensor of whole numbers. */
export function ints(values: readonly number[], shape: readonly number[] = [values.length]): HostTensor {
  return { dtype: "i32", shape, data: Float64Array.from(values) };
}

/** A host tensor of bools. */
export function bools(shape: readonly number[], values: ArrayLike<number>): HostTensor {
  return { dtype: "bool", shape, data: Float64Array.from(values) };
}

/** A tensor of the type of `t`. */
export function like(t: Pick<HostTensor, "dtype">, shape: readonly number[], values: ArrayLike<number>): HostTensor {
  return { dtype: t.dtype, shape, data: t.dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values) };
}

/**
 * Places in flat data of the elements of `shape`, in order, where a step along each axis is so many elements long: 0
 * repeats, below 0 goes back.
 */
export function places(shape: readonly number[], strides: readonly number[], start = 0): Float64Array {
  const result = new Float64Array(countOf(shape));
  eachPlace(shape, strides, start, (from, i) => result[i] = from);
  return result;
}

/** Calls `visit` with each place of `places` and its number. */
function eachPlace(
  shape: readonly number[],
  strides: readonly number[],
  start: number,
  visit: (from: number, i: number) => void,
): void {
  const count = sizeOf(shape);
  const at = new Array<number>(shape.length).fill(0);
  let from = start;
  for (let i = 0; i < count; i++) {
    visit(from, i);
    for (let d = shape.length - 1; d >= 0; d--) {
      from += strides[d]!;
      if (++at[d]! < shape[d]!) break;
      from -= at[d]! * strides[d]!;
      at[d] = 0;
    }
  }
}

/** The elements of t at places. */
export function pick(t: HostTensor, shape: readonly number[], from: Float64Array): HostTensor {
  const { data } = t;
  const values = data instanceof Float32Array ? new Float32Array(from.length) : new Float64Array(from.length);
  for (let i = 0; i < from.length; i++) values[i] = data[from[i]!]!;
  return { dtype: t.dtype, shape, data: values };
}

/** t repeated to a shape that it broadcasts to. */
export function broadcastTo(t: HostTensor, shape: readonly number[]): HostTensor {
  const own = stridesOf(t.shape);
  const skip = shape.length - t.shape.length;
  const strides = shape.map((_, i) => i < skip || t.shape[i - skip] === 1 ? 0 : own[i - skip]!);
  return pick(t, shape, places(shape, strides));
}

/** The shape that all broadcast to. */
export function commonShape(tensors: readonly HostTensor[]): readonly number[] {
  return tensors.reduce((shape: readonly number[], t) => broadcastShapes(shape, t.shape), []);
}

/** The part of t that begins at `starts`, with `shape` elements `steps` apart. */
export function cut(
  t: HostTensor,
  starts: readonly number[],
  shape: readonly number[],
  steps: readonly number[],
): HostTensor {
  const strides = stridesOf(t.shape);
  const start = starts.reduce((sum, s, i) => sum + s * strides[i]!, 0);
  return pick(t, shape, places(shape, strides.map((s, i) => s * steps[i]!), start));
}

/** t with its axes in another order: axis i of the result is axis perm[i] of t. Weights of any size; one pass. */
export function permuted(t: HostTensor, perm: readonly number[]): HostTensor {
  const own = stridesOf(t.shape);
  const shape = perm.map((d) => t.shape[d]!);
  if (new Set(perm).size !== t.shape.length || perm.length !== t.shape.length || shape.includes(undefined!)) {
    throw new RangeError(`perm [${perm}] is no order of the axes of [${t.shape}]`);
  }
  const source = t.data;
  const data = source instanceof Float32Array ? new Float32Array(source.length) : new Float64Array(source.length);
  eachPlace(shape, perm.map((d) => own[d]!), 0, (from, i) => data[i] = source[from]!);
  return { dtype: t.dtype, shape, data };
}

/** A place along an axis of `size`, negative ones from its end. Throws RangeError outside. */
export function placeAlong(index: number, size: number): number {
  const place = index < 0 ? index + size : index;
  if (Number.isInteger(place) && place >= 0 && place < size) return place;
  throw new RangeError(`index ${index} is outside an axis of ${size}`);
}
