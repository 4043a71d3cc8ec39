/** The operator cases of ../shared/golden/ops: PyTorch's results in NCHW and OIHW, with gradients. */

import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { add } from "../../src/ops/binary.ts";
import type { ConvAttrs } from "../../src/ops/conv.ts";
import { assertClose } from "./close.ts";
import { goldenCases } from "./golden.ts";

/** A host tensor. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** One case: attributes as PyTorch names them, tensors by name, and the tolerance that belongs to it. */
export interface OpCase {
  readonly name: string;
  readonly op: string;
  // deno-lint-ignore no-explicit-any
  readonly attrs: any;
  readonly inputs: readonly string[];
  readonly tol: { readonly rtol: number; readonly atol: number };
  readonly tensors: ReadonlyMap<string, Values>;
}

/** The cases of some operators. */
export async function opCases(...ops: string[]): Promise<OpCase[]> {
  const cases = goldenCases("ops", (c) => ops.includes(c.op));
  return await Promise.all(
    cases.map(async (entry) => ({ ...entry, tensors: await entry.load() as ReadonlyMap<string, Values> })),
  );
}

/** PyTorch's numbers, one or a pair, as a pair. */
const pair = (value: number | [number, number]): [number, number] => Array.isArray(value) ? value : [value, value];

/** Attributes of a case of conv2d. */
export function convAttrsOf({ attrs }: OpCase): ConvAttrs {
  const [top, left] = pair(attrs.padding);
  return {
    strides: pair(attrs.stride),
    pads: [top, left, top, left],
    dilations: pair(attrs.dilation),
    group: attrs.groups,
  };
}

/** The values with axes in another order: axis i of the result is axis `order[i]` of the source. */
export function permute({ shape, data }: Values, order: readonly number[]): Values {
  const strides = shape.map((_, i) => sizeOf(shape.slice(i + 1)));
  const to = order.map((axis) => shape[axis]!);
  const result = new Float32Array(data.length);
  const at = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < result.length; i++) {
    result[i] = data[at.reduce((sum, index, axis) => sum + index * strides[order[axis]!]!, 0)]!;
    for (let axis = at.length - 1; axis >= 0 && ++at[axis]! === to[axis]; axis--) at[axis] = 0;
  }
  return { shape: to, data: result };
}

/** NCHW to NHWC. */
export const nhwc = (x: Values): Values => permute(x, [0, 2, 3, 1]);
/** OIHW to HWIO. */
export const hwio = (w: Values): Values => permute(w, [2, 3, 1, 0]);

/**
 * Runs a case: the result, and its gradients for the stored cotangent, against the stored values.
 * `layout` brings a named tensor into our axis order; a gradient has that of its tensor.
 */
export async function checkCase(
  gpu: Gpu,
  test: OpCase,
  build: (g: Graph, inputs: Tensor[]) => Tensor,
  layout: (name: string, values: Values) => Values,
  force?: Readonly<Record<string, string>>,
): Promise<void> {
  const g = new Graph();
  const values = (name: string, as = name) => layout(as, test.tensors.get(name)!);
  const given = Object.fromEntries([...test.inputs, "d_y"].map((name) => [name, values(name, name.replace("d_", ""))]));
  const tensors = Object.entries(given).map(([name, { shape }]) => g.input(name, shape));
  const seed = tensors.pop()!;
  const y = build(g, tensors);
  g.output("y", y);
  const gradients = gradient(g, [{ output: y, seed }], tensors, add);
  gradients.forEach((t, i) => t && g.output(`grad.${test.inputs[i]}`, t));
  const data = Object.fromEntries(Object.entries(given).map(([name, v]) => [name, v.data]));
  const result = await execute(gpu, g, data, { target: targetOf(gpu.info, force) });
  for (const name of ["y", ...test.inputs.map((input) => `grad.${input}`)]) {
    const want = values(name, name.replace("grad.", ""));
    assertClose(result[name] as Float32Array, want.data, test.tol, `${test.name} ${name}`);
  }
}

/** Numbers in [-1, 1) that depend on the seed alone. */
export function noise(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/**
 * Holds gradients against finite differences: L = sum(y * seed) is linear along a random direction of any one
 * input of a product, so the step may be large and only rounding is left.
 */
export async function checkDirection(
  gpu: Gpu,
  shapes: readonly (readonly number[])[],
  build: (g: Graph, inputs: Tensor[]) => Tensor,
  force?: Readonly<Record<string, string>>,
): Promise<void> {
  const g = new Graph();
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
  const y = build(g, inputs);
  const seed = g.input("seed", y.shape);
  g.output("y", y);
  gradient(g, [{ output: y, seed }], inputs, add).forEach((t, i) => g.output(`dx${i}`, t!));
  const target = targetOf(gpu.info, force);
  const weights = noise(sizeOf(y.shape), 99);
  const base = shapes.map((shape, i) => noise(sizeOf(shape), i + 1));
  const run = (xs: Float32Array[]) =>
    execute(gpu, g, { ...Object.fromEntries(xs.map((x, i) => [`x${i}`, x])), seed: weights }, { target });
  const loss = (result: Record<string, ArrayLike<number>>) => dot(result.y!, weights);
  const here = await run(base);
  for (const [i, shape] of shapes.entries()) {
    const direction = noise(sizeOf(shape), 50 + i);
    const there = await run(base.map((x, j) => j === i ? x.map((v, e) => v + direction[e]!) : x));
    const slope = dot(here[`dx${i}`] as Float32Array, direction);
    const norm = Math.sqrt(dot(here[`dx${i}`] as Float32Array, here[`dx${i}`] as Float32Array));
    assertClose([loss(there) - loss(here)], [slope], { rtol: 1e-4, atol: 1e-4 * norm }, `slope along input ${i}`);
  }
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
