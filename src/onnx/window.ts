/** Windows of convolutions and pooling: their attributes for 1, 2 or 3 spatial axes, and the values they run over. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { withShape } from "./decode.ts";
import type { NodeScope } from "./import.ts";
import { asImage, imageValue, plainValue, shapeOf, type Value } from "./values.ts";

/** One number for each spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Elements of padding before, and after, each axis. */
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

type Pair = readonly [number, number];

/** The most elements that a window or a step of it may span; more are a slip, and too many for a kernel to count. */
const MOST = 2 ** 24;

/** A window of two axes, with the attributes of the operators of src/ops. */
export interface PlanarWindow {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly pads: readonly [number, number, number, number];
}

/** Spatial axes of input 0: 1 (signals), 2 (images) or 3 (volumes); UserError for others. */
export function spatialRank(scope: NodeScope): number {
  const shape = scope.shape(0);
  const rank = shape.length - 2;
  if (rank >= 1 && rank <= 3) return rank;
  throw new UserError(
    `${scope.node.label}: input [${shape}] is no signal [n, c, w], image [n, c, h, w] or volume [n, c, d, h, w]`,
  );
}

/** A list attribute with `count` numbers; all `preset` where it is left out. */
export function numbers(scope: NodeScope, name: string, count: number, preset: number): readonly number[] {
  const values = scope.node.ints(name);
  if (!values || values.length === 0) return new Array<number>(count).fill(preset);
  if (values.length === count) return values;
  throw new UserError(`${scope.node.label}: ${name} [${values}] should be ${count} numbers`);
}

/** kernel, strides, dilations and pads of a node whose window has this size; auto_pad is resolved for input 0. */
export function readWindow(scope: NodeScope, kernel: readonly number[]): Window {
  const rank = kernel.length;
  const strides = numbers(scope, "strides", rank, 1);
  const dilations = numbers(scope, "dilations", rank, 1);
  const pads = numbers(scope, "pads", 2 * rank, 0);
  const given = { kernel, strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) };
  checkSpans(scope, given);
  const auto = scope.node.text("auto_pad", "NOTSET");
  if (auto === "NOTSET" || auto === "") return given;
  if (auto === "VALID") return { ...given, begins: kernel.map(() => 0), ends: kernel.map(() => 0) };
  if (auto !== "SAME_UPPER" && auto !== "SAME_LOWER") {
    throw new UserError(`${scope.node.label}: auto_pad ${auto} is not known`);
  }
  const total = scope.shape(0).slice(2).map((size, i) => {
    const out = Math.ceil(size / strides[i]!);
    return Math.max(0, (out - 1) * strides[i]! + dilations[i]! * (kernel[i]! - 1) + 1 - size);
  });
  // The odd element lies at the end for SAME_UPPER, at the begin for SAME_LOWER.
  const begins = total.map((t) => auto === "SAME_UPPER" ? Math.floor(t / 2) : Math.ceil(t / 2));
  return { ...given, begins, ends: total.map((t, i) => t - begins[i]!) };
}

/** UserError where a window or its steps are empty or too large. */
export function checkSpans({ node }: NodeScope, { kernel, strides, dilations }: Omit<Window, "begins" | "ends">): void {
  for (const [name, values] of Object.entries({ kernel_shape: kernel, strides, dilations })) {
    const wrong = values.some((v) => v < 1) ? "below 1" : values.some((v) => v > MOST) ? "too large" : null;
    if (wrong) throw new UserError(`${node.label}: ${name} [${values}] is ${wrong}`);
  }
}

/** The last two axes of a window; a window over a signal gets a row of height 1. */
export function planar(window: Window): PlanarWindow {
  const last = (values: readonly number[], fill: number) => [fill, ...values].slice(-2) as unknown as Pair;
  const [begins, ends] = [last(window.begins, 0), last(window.ends, 0)];
  return {
    kernel: last(window.kernel, 1),
    strides: last(window.strides, 1),
    dilations: last(window.dilations, 1),
    pads: [...begins, ...ends],
  };
}

/** A signal [a, b, w] as an image (or weights) of one row. */
export function withRow(g: Graph, v: Value): Value {
  const shape = shapeOf(v);
  if (shape.length !== 3) return v;
  const [a, b, w] = shape as [number, number, number];
  return "host" in v ? { host: withShape(v.host, [a, b, 1, w]) } : plainValue(reshape(g, v.tensor, [a, b, 1, w]));
}

/** Input 0, a signal or an image, as [n, h, w, c]. */
export function imageOf({ g, inputs }: NodeScope): Tensor {
  return asImage(g, withRow(g, inputs[0]!));
}

/** A result [n, h, w, c] for an input of so many spatial axes. */
export function imageResult(g: Graph, y: Tensor, rank: number): Value {
  if (rank === 2) return imageValue(y);
  const [n, , w, c] = y.shape as [number, number, number, number];
  return plainValue(transpose(g, reshape(g, y, [n, w, c]), [0, 2, 1]));
}

/** A volume [n, c, d, h, w] as [n, d, h, w, c]. */
export function volumeOf({ g, plain }: NodeScope): Tensor {
  return transpose(g, plain(0), [0, 2, 3, 4, 1]);
}

/** A result [n, d, h, w, c] as ONNX has it. */
export function volumeResult(g: Graph, y: Tensor): Value {
  return plainValue(transpose(g, y, [0, 4, 1, 2, 3]));
}
