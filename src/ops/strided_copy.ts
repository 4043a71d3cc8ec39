/** Kernels that move elements: the common part of Transpose, Slice and Expand. */

import { type Candidate, cover, input, type Kernel, type Node, output, texture } from "../graph/op.ts";
import { sizeOf } from "../graph/tensor.ts";
import { collapse, leading, type Walk } from "./broadcast.ts";

/** y[i0, i1, ...] = x[start + sum of i_d * strides_d], in elements; strides may be negative or 0. */
export interface StridedCopy {
  readonly start: number;
  readonly dims: readonly number[];
  readonly strides: readonly number[];
}

/** Dimensions that strided_copy_vec4.wgsl walks. */
const VECTOR_RANK = 4;
const WG_SIZE = 256;

/** Candidates of an operator whose output is a strided copy of its input. */
export function stridedCopies(copyOf: (node: Node) => StridedCopy): Candidate[] {
  const walkOf = (node: Node): Walk & { start: number } => {
    const { start, dims, strides } = copyOf(node);
    return { start, ...collapse({ dims, strides: [strides] }) };
  };
  const candidate = (
    name: string,
    accepts: (node: Node, walk: Walk & { start: number }) => boolean,
    kernel: (walk: Walk & { start: number }) => Kernel,
  ): Candidate => ({
    name,
    accepts: (node) => accepts(node, walkOf(node)),
    lower: (node) => ({ kernels: sizeOf(node.outputs[0]!.shape) === 0 ? [] : [kernel(walkOf(node))] }),
  });
  return [
    candidate("turned", (node, walk) => node.inputs[0]!.dtype === "f32" && turns(walk), turnedKernel),
    candidate("vectors", (_, walk) => isVectors(walk), vectorKernel),
    candidate("plain", () => true, plainKernel),
  ];
}

/** Whether a batch of matrices is turned, rows and columns being multiples of 4. */
function turns({ start, dims, strides: [strides] }: Walk & { start: number }): boolean {
  const [rows, columns] = dims.slice(-2) as [number, number];
  const [row, column] = strides!.slice(-2);
  const batched = dims.length === 2 || (dims.length === 3 && strides![0] === rows * columns);
  return start === 0 && batched && row === 1 && column === rows && rows % 4 === 0 && columns % 4 === 0;
}

/** x [batch, columns, rows] to [batch, rows, columns]. */
function turnedKernel({ dims }: Walk): Kernel {
  const [rows, columns] = dims.slice(-2) as [number, number];
  const blocks = sizeOf(dims) / 16;
  return {
    shader: "turn_matrices",
    params: { blocks, rows4: columns / 4, columns4: rows / 4 },
    bindings: [texture(input(0)), output(0)],
    workgroups: cover(blocks, 64),
  };
}

/** Whether whole vec4 move: the last dimension is walked in order, and all begins are multiples of 4. */
function isVectors({ start, dims, strides: [strides] }: Walk & { start: number }): boolean {
  const whole = [start, dims.at(-1) ?? 1, ...strides!.slice(0, -1)].every((v) => v % 4 === 0);
  return dims.length <= VECTOR_RANK && strides!.at(-1) === 1 && whole;
}

function vectorKernel({ start, dims, strides: [strides] }: Walk & { start: number }): Kernel {
  const front = <T>(list: readonly T[], fill: T) => [...new Array<T>(VECTOR_RANK - list.length).fill(fill), ...list];
  const sizes = front([...dims.slice(0, -1), dims.at(-1)! / 4], 1);
  const steps = front([...strides!.slice(0, -1).map((s) => s / 4), 1], 0);
  const vectors = sizeOf(sizes);
  return {
    shader: "strided_copy_vec4",
    params: { vectors, start: start / 4, dims: sizes, strides: steps },
    bindings: [input(0), output(0)],
    workgroups: cover(vectors, WG_SIZE),
  };
}

function plainKernel({ start, dims, strides: [strides] }: Walk & { start: number }): Kernel {
  return {
    shader: "strided_copy",
    params: { count: sizeOf(dims), start, dims: leading(dims, 1), strides: leading(strides!, 0) },
    bindings: [input(0), output(0)],
    workgroups: cover(sizeOf(dims), WG_SIZE),
  };
}
