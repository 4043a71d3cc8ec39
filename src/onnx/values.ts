/**
 * Values under import. ONNX images are [n, c, h, w]; convolutions here take [n, h, w, c]. A value of rank 4 may lie in
 * either order (`nhwc`), and moves to the other one only when somebody needs it.
 */

import type { Graph } from "../graph/graph.ts";
import { type DType, type HostArray, hostArray, type Tensor } from "../graph/tensor.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { type HostTensor, withShape } from "./decode.ts";
import { permuted } from "./host.ts";

/** A value: known on the host, or a tensor of the graph. */
export type Value =
  | { readonly host: HostTensor }
  | { readonly tensor: Tensor; readonly nhwc: boolean };

/** A tensor in ONNX's order. */
export const plainValue = (tensor: Tensor): Value => ({ tensor, nhwc: false });
/** A tensor [n, h, w, c] that stands for [n, c, h, w]. */
export const imageValue = (tensor: Tensor): Value => ({ tensor, nhwc: true });

/** The shape as ONNX sees it. */
export function shapeOf(v: Value): readonly number[] {
  if ("host" in v) return v.host.shape;
  if (!v.nhwc) return v.tensor.shape;
  const [n, h, w, c] = v.tensor.shape as [number, number, number, number];
  return [n, c, h, w];
}

/** The element type. */
export function typeOfValue(v: Value): DType {
  return "host" in v ? v.host.dtype : v.tensor.dtype;
}

/** The tensor in ONNX's order. */
export function asPlain(g: Graph, v: Value): Tensor {
  if ("host" in v) return upload(g, v.host);
  return v.nhwc ? transpose(g, v.tensor, [0, 3, 1, 2]) : v.tensor;
}

/** The tensor as [n, h, w, c]; ranks below 4 get dimensions of size 1 in front, as broadcasting does. */
export function asImage(g: Graph, v: Value): Tensor {
  if ("host" in v) return uploadOnce(g, v.host, "image", () => permuted(padRank(v.host), [0, 2, 3, 1]));
  if (v.nhwc) return v.tensor;
  const { shape } = v.tensor;
  if (shape.length > 4) throw new TypeError(`takes images of rank 4, got [${shape}]`);
  const padded = reshape(g, v.tensor, [...new Array<number>(4 - shape.length).fill(1), ...shape]);
  return transpose(g, padded, [0, 2, 3, 1]);
}

/** Whether the value can be shown as [n, h, w, c] beside another one: rank 4 or less. */
export function fitsImage(v: Value): boolean {
  return shapeOf(v).length <= 4;
}

function padRank(t: HostTensor): HostTensor {
  if (t.shape.length > 4) throw new TypeError(`takes images of rank 4, got [${t.shape}]`);
  return withShape(t, [...new Array<number>(4 - t.shape.length).fill(1), ...t.shape]);
}

/** Throws RangeError where known places lie outside an axis of `size`; places from data are not looked at. */
export function checkPlaces(v: Value, size: number): void {
  const outside = "host" in v && v.host.data.find((place) => !(place >= -size && place < size));
  if (typeof outside === "number") throw new RangeError(`index ${outside} is outside an axis of ${size}`);
}

/** Constants of a graph, by host tensor and the order of dimensions that they have there. */
const uploaded = new WeakMap<Graph, Map<HostTensor, Map<string, Tensor>>>();

/** A host tensor as a constant of the graph, once for each. Whole numbers beyond 32 bits are clamped. */
function upload(g: Graph, host: HostTensor): Tensor {
  return uploadOnce(g, host, "", () => host);
}

/** The same with its dimensions in another order. */
export function uploadPermuted(g: Graph, host: HostTensor, order: readonly number[]): Tensor {
  return uploadOnce(g, host, order.join(), () => permuted(host, order));
}

function uploadOnce(g: Graph, host: HostTensor, key: string, make: () => HostTensor): Tensor {
  let tensors = uploaded.get(g);
  if (!tensors) uploaded.set(g, tensors = new Map());
  let known = tensors.get(host);
  if (!known) tensors.set(host, known = new Map());
  let tensor = known.get(key);
  if (!tensor) {
    const made = make();
    known.set(key, tensor = g.constant(deviceValues(made), made.shape, made.dtype));
  }
  return tensor;
}

function deviceValues({ dtype, data }: HostTensor): HostArray {
  if (data instanceof Float32Array) return data; // weights may be large: no copy
  const values = hostArray(dtype, data.length);
  data.forEach((v, i) => values[i] = dtype === "i32" ? Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1) : v);
  return values;
}
