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

/** A weight's slices from `start` on along an axis: copied each time they are asked for, so that memory holds one. */
class WeightPart implements HostTensor {
  readonly dtype;
  readonly shape;

  constructor(readonly whole: HostTensor, readonly axis: number, readonly start: number, readonly length: number) {
    this.dtype = whole.dtype;
    this.shape = whole.shape.map((d, i) => i === axis ? length : d);
  }

  get data(): Float32Array | Float64Array {
    const { whole: { shape, data }, axis, start, length } = this;
    const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
    const part = data instanceof Float32Array
      ? new Float32Array(outer * length * inner)
      : new Float64Array(outer * length * inner);
    for (let o = 0; o < outer; o++) {
      const at = (o * shape[axis]! + start) * inner;
      part.set(data.subarray(at, at + length * inner), o * length * inner);
    }
    return part;
  }
}

/** Parts of weights, by axis: the same ones each time, so that a graph holds them once. */
const known = new WeakMap<HostTensor, Map<number, readonly HostTensor[]>>();

/** The tensor in parts along an axis, in order, none above 64 MiB unless one slice alone is; mostly the tensor itself. */
export function weightParts(weight: HostTensor, axis: number): readonly HostTensor[] {
  if (!isLargeWeight(weight)) return [weight];
  let byAxis = known.get(weight);
  if (!byAxis) known.set(weight, byAxis = new Map());
  let parts = byAxis.get(axis);
  if (!parts) byAxis.set(axis, parts = cut(weight, axis));
  return parts;
}

function cut(weight: HostTensor, axis: number): HostTensor[] {
  const size = weight.shape[axis]!;
  const count = Math.min(size, Math.ceil(4 * sizeOf(weight.shape) / MOST_BYTES));
  const each = Math.ceil(size / count / 4) * 4; // whole vec4 of channels, which have the faster kernels
  const starts = Array.from({ length: Math.ceil(size / each) }, (_, i) => i * each);
  return starts.map((start) => new WeightPart(weight, axis, start, Math.min(each, size - start)));
}
