/**
 * Weights beyond what an adapter binds at once. WebGPU promises 128 MiB a binding and no more, so a larger weight
 * becomes several constants along its output channels, each with a node of its own, and the results are joined.
 */

import { sizeOf } from "../graph/tensor.ts";
import type { HostTensor } from "./decode.ts";

/** Bytes of one constant; half of what is promised, as kernels may pad it. */
const MOST_BYTES = 64 * 2 ** 20;

/** Whether a weight is cut into parts. */
export function isLargeWeight({ shape }: HostTensor): boolean {
  return 4 * sizeOf(shape) > MOST_BYTES;
}

/** The tensor in parts along an axis, in order, none above 64 MiB unless one slice alone is; mostly the tensor itself. */
export function weightParts(weight: HostTensor, axis: number): HostTensor[] {
  const { shape, data, dtype } = weight;
  const size = shape[axis]!;
  const count = Math.min(size, Math.ceil(4 * data.length / MOST_BYTES));
  if (count <= 1) return [weight];
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const each = Math.ceil(size / count / 4) * 4; // whole vec4 of channels, which have the faster kernels
  const parts: HostTensor[] = [];
  for (let start = 0; start < size; start += each) {
    const length = Math.min(each, size - start);
    const part = data instanceof Float32Array
      ? new Float32Array(outer * length * inner)
      : new Float64Array(outer * length * inner);
    for (let o = 0; o < outer; o++) {
      const at = (o * size + start) * inner;
      part.set(data.subarray(at, at + length * inner), o * length * inner);
    }
    parts.push({ dtype, shape: shape.map((d, i) => i === axis ? length : d), data: part });
  }
  return parts;
}
