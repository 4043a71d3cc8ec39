/** Nodes whose bindings pass the adapter's limit, in parts along the batch. */

import { boundInputs, largestBinding } from "./choose.ts";
import type { Node, Target } from "./op.ts";
import { bytesOf, type Tensor } from "./tensor.ts";

/** Offsets of parts of a buffer, as WebGPU's default minStorageBufferOffsetAlignment. */
const ALIGN = 256;

/** A node whole, or rows from `start` on of the inputs that are split and of its outputs. */
export interface Part {
  readonly node: Node;
  readonly start: number;
  readonly split: readonly boolean[] | null;
}

/** The node whole, or cut along the first axis where one of its bindings would pass the adapter's limit. */
export function partsOf(node: Node, target: Target): Part[] {
  const largest = largestBinding(node, target);
  if (largest <= target.maxBindingBytes) return [{ node, start: 0, split: null }];
  const split = node.op.splitInputs?.(node);
  const limit = target.maxBindingBytes;
  const tooLarge = `${node.op.name} ${node.name} binds ${largest} bytes; the adapter binds at most ${limit}`;
  if (!split) throw new RangeError(`${tooLarge} and the operator cannot be split: use a smaller batch`);
  const whole = boundInputs(node, target).find((i) => !split[i] && bytesOf(node.inputs[i]!) > limit);
  if (whole !== undefined) throw new RangeError(`${tooLarge}: its input ${node.inputs[whole]!.name} cannot be split`);
  const n = node.outputs[0]!.shape[0]!;
  const moving = [...node.inputs.filter((_, i) => split[i]), ...node.outputs];
  // Scratch memory grows with the batch as tensors do.
  const rowBytes = Math.max(largest / n, ...moving.map((t) => bytesOf(t) / n));
  let rows = Math.floor(limit / rowBytes);
  // A part starts at a multiple of ALIGN bytes in every tensor.
  while (rows > 0 && moving.some((t) => (rows * bytesOf(t) / n) % ALIGN !== 0)) rows--;
  if (rows < 1) throw new RangeError(`${tooLarge}: one sample takes ${rowBytes} bytes`);
  const parts = [];
  for (let start = 0; start < n; start += rows) {
    const count = Math.min(rows, n - start);
    const cut = (t: Tensor): Tensor => ({ ...t, shape: [count, ...t.shape.slice(1)] });
    const inputs = node.inputs.map((t, i) => split[i] ? cut(t) : t);
    parts.push({ node: { ...node, inputs, outputs: node.outputs.map(cut) }, start, split });
  }
  return parts;
}
