/** Functions of whole numbers, composed so that every result that fits 32 bits is exact. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { broadcastShapes, sizeOf, type Tensor } from "../graph/tensor.ts";
import { binary, mul } from "../ops/binary.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import type { UnaryAttrs } from "../ops/unary.ts";
import type { NodeScope } from "./import.ts";

/** Products of single values that one matrix product may take. */
const MOST_PRODUCTS = 2 ** 26;

/** The element-wise functions that ONNX also has for whole numbers. */
export function ofWhole({ g, node }: NodeScope, name: string, x: Tensor, { alpha, beta }: UnaryAttrs): Tensor {
  if (x.dtype !== "i32") throw new UserError(`${node.label}: takes numbers, got ${x.dtype}`);
  const bound = (v: number) => g.scalar(Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1), "i32");
  const zero = bound(0);
  switch (name) {
    case "Neg":
      return binary(g, "Sub", zero, x);
    case "Abs":
      return binary(g, "Max", x, binary(g, "Sub", zero, x));
    case "Relu":
      return binary(g, "Max", x, zero);
    case "Sign":
      return binary(g, "Max", binary(g, "Min", x, bound(1)), bound(-1));
    case "Clip":
      return binary(g, "Min", binary(g, "Max", x, bound(alpha)), bound(beta));
    default:
      throw new UserError(`${node.label}: takes f32, got ${x.dtype}`);
  }
}

/** A matrix product with ONNX's rules: all single products, and their sums. `label` names the node in errors. */
export function wholeMatmul(g: Graph, a: Tensor, b: Tensor, label: string): Tensor {
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape;
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape;
  const products = broadcastShapes([...left, 1], [...right.slice(0, -2), 1, ...right.slice(-2)]);
  if (sizeOf(products) > MOST_PRODUCTS) {
    throw new UserError(`${label}: a product of whole numbers [${a.shape}] and [${b.shape}] is too large`);
  }
  const rows = reshape(g, a, [...left, 1]);
  const columns = reshape(g, b, [...right.slice(0, -2), 1, ...right.slice(-2)]);
  const y = reduce(g, "Sum", mul(g, rows, columns), [-2]);
  const kept = y.shape.slice(0, -2);
  if (a.shape.length > 1) kept.push(y.shape.at(-2)!);
  if (b.shape.length > 1) kept.push(y.shape.at(-1)!);
  return reshape(g, y, kept);
}
