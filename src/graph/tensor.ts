/** Tensors of a graph: a static shape, an element type and where the values come from. */

import type { Node } from "./op.ts";

/**
 * Element types as they lie in GPU memory; a bool is a u32 of 0 or 1. f16 is how layers store their operands by option
 * (src/ops/half.ts): kernels read it as f32 and compute in f32.
 */
export type DType = "f32" | "i32" | "u32" | "bool" | "f16";

/** Host data of a tensor, row-major. */
export type HostArray = Float32Array | Int32Array | Uint32Array | Float16Array;

/** What fills a tensor: the host before a run, a lasting buffer, fixed data, or a node. */
export type TensorRole = "input" | "state" | "constant" | "value";

/** One tensor of a graph. Row-major and contiguous; images are [n, h, w, c]. */
export interface Tensor {
  readonly id: number;
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly role: TensorRole;
  /** Values of a constant, or the first values of a state. */
  readonly data?: HostArray;
  /** The node that makes a value. */
  readonly producer?: Node;
}

/** Shape and type alone, as shape rules take and return them. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

/** Size in bytes of one element. */
export function elementBytes(dtype: DType): number {
  return dtype === "f16" ? 2 : 4;
}

/** Size in bytes of a tensor's values. */
export function bytesOf(spec: TensorSpec): number {
  return elementBytes(spec.dtype) * sizeOf(spec.shape);
}

/** Bytes of a buffer for so many bytes of values: it ends on a vec4, so that vec4 kernels may read the last elements. */
export function paddedBytes(bytes: number): number {
  return Math.max(16, Math.ceil(bytes / 16) * 16);
}

/** Row-major strides in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** Whether two shapes are the same, dimension for dimension. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** The shape that a and b broadcast to (ONNX multidirectional broadcasting). Throws TypeError when they do not. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TypeError(`Shapes [${a}] and [${b}] do not broadcast: ${x} against ${y} in dimension ${i}`);
    }
    return x === 1 ? y : x;
  });
}

/** An axis counted from the front; throws RangeError when it is outside the rank. */
export function normalizeAxis(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= Math.max(rank, 1)) {
    throw new RangeError(`Axis ${axis} is outside a tensor of rank ${rank}`);
  }
  return a;
}

/** "f32[2,3]" for messages and printers. */
export function specText(spec: TensorSpec): string {
  return `${spec.dtype}[${spec.shape.join(",")}]`;
}

/** Host array of an element type, zero-filled. */
export function hostArray(dtype: DType, length: number): HostArray {
  return dtype === "f32"
    ? new Float32Array(length)
    : dtype === "i32"
    ? new Int32Array(length)
    : dtype === "f16"
    ? new Float16Array(length)
    : new Uint32Array(length);
}
