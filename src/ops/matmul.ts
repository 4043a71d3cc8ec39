/** Matrix products: batched and broadcast (ONNX MatMul, with either operand transposed), and Gemm. */

import type { Graph } from "../graph/graph.ts";
import {
  type Candidate,
  cover,
  input,
  type Kernel,
  type Node,
  type Op,
  output,
  type Ref,
  type Target,
} from "../graph/op.ts";
import { broadcastShapes, sameShape, sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { add } from "./binary.ts";
import { reduceTo } from "./reduce.ts";
import { expand } from "./expand.ts";
import { checkOperands, storedAs } from "./half.ts";
import { finishing, LoweringBuilder, roundUp4, sliceCount, textureElements } from "./lowering.ts";
import { PRODUCT, type Product, productInvocations, productParams, textureProduct } from "./matmul_kernels.ts";
import { reshape } from "./reshape.ts";
import { affine } from "./unary.ts";

/** Whether the last two axes of an operand are swapped before the product. */
export interface MatMulAttrs {
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Rows, and columns, of one workgroup of matmul_tile.wgsl. */
const TILE_SIZE = 64;
/** Rows of a from which b is turned first, so that neighbouring invocations read neighbouring texels. */
const TURN_ROWS = 128;

/** a: [...batch, m, k] (or [..., k, m]), b: [...batch, k, n] (or [..., n, k]) -> [...batch, m, n]. */
const matmulNode: Op<MatMulAttrs> = {
  name: "MatMul",
  infer([a, b], { transA, transB }) {
    checkOperands([a!, b!], (rank) => rank >= 2, "2 or more");
    const [m, k] = matrixOf(a!, transA);
    const [k2, n] = matrixOf(b!, transB);
    const [batchA, batchB] = [a!.shape.slice(0, -2), b!.shape.slice(0, -2)];
    const fits = sameShape(batchA, batchB) || sizeOf(batchA) === 1 || sizeOf(batchB) === 1;
    if (k !== k2 || !fits) {
      const turned = `${transA ? "transposed " : ""}${specText(a!)} and ${transB ? "transposed " : ""}${specText(b!)}`;
      throw new TypeError(`matrices ${turned} do not fit`);
    }
    return [{ shape: [...broadcastShapes(batchA, batchB), m, n], dtype: "f32" }];
  },
  candidates: [
    { name: "tile", on: "gpu", accepts: () => true, lower: (node, target) => lowerFast(node, target, true) },
    { name: "texture", accepts: fitsTextures, lower: (node, target) => lowerFast(node, target, false) },
    { name: "plain", accepts: () => true, lower: lowerPlain },
  ],
  splitInputs(node) {
    const { transA } = node.attrs as MatMulAttrs;
    const [a, b] = node.inputs as [Tensor, Tensor];
    const batched = (t: Tensor) => t.shape.length === node.outputs[0]!.shape.length && t.shape[0]! > 1;
    if (node.outputs[0]!.shape.length > 2) return [batched(a), batched(b)];
    if (transA) throw new RangeError(`MatMul ${node.name} of ${specText(a)} transposed cannot be split`);
    return [true, false];
  },
  gradient(g, node, [dout], wants) {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const { transA, transB } = node.attrs as MatMulAttrs;
    const dc = storedAs(g, dout!, a);
    const da = () => transA ? product(g, b, dc, transB, true) : product(g, dc, b, false, !transB);
    const db = () => transB ? product(g, dc, a, true, transA) : product(g, a, dc, !transA, false);
    return [wants[0] ? reduceTo(g, da(), a.shape) : null, wants[1] ? reduceTo(g, db(), b.shape) : null];
  },
  flops: (node) => {
    const { batch, m, n, k } = geometryOf(node);
    return 2 * batch * m * n * k;
  },
};

export { matmulNode as matmulOp };

function product(g: Graph, a: Tensor, b: Tensor, transA: boolean, transB: boolean): Tensor {
  return g.apply(matmulNode, [a, b], { transA, transB });
}

function matrixOf(spec: TensorSpec, transposed: boolean): [number, number] {
  const [rows, columns] = spec.shape.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

function geometryOf(node: Node): Product {
  const { transA, transB }: MatMulAttrs = node.attrs;
  const [a, b] = node.inputs as [Tensor, Tensor];
  const [m, k] = matrixOf(a, transA);
  const n = node.outputs[0]!.shape.at(-1)!;
  const batch = sizeOf(node.outputs[0]!.shape.slice(0, -2));
  const single = (t: Tensor) => sizeOf(t.shape.slice(0, -2)) === 1;
  // Matrices that share b lie below each other: one tall product.
  if (single(b) && !transA) return { ...PRODUCT, transB, m: m * batch, n, k };
  return { batch, m, n, k, transA, transB, sharesA: single(a), sharesB: single(b) };
}

function lowerPlain(node: Node): ReturnType<Candidate["lower"]> {
  const geometry = geometryOf(node);
  const { batch, m, n, transA, transB } = geometry;
  return {
    kernels: [{
      shader: "matmul",
      constants: { TRANS_A: Number(transA), TRANS_B: Number(transB) },
      params: productParams(geometry),
      bindings: [input(0), input(1), output(0)],
      workgroups: cover(batch * m * n, 64),
    }],
  };
}

function lowerFast(node: Node, target: Target, shared: boolean): ReturnType<Candidate["lower"]> {
  const g = geometryOf(node);
  // Whole vec4 of a's columns and b's columns, as they are stored.
  const [m, n, k] = [g.transA ? roundUp4(g.m) : g.m, roundUp4(g.n), roundUp4(g.k)];
  const stored = (transposed: boolean, rows: number, columns: number) => transposed ? [columns, rows] : [rows, columns];
  const shape = (shares: boolean, [rows, columns]: number[]) => [shares ? 1 : g.batch, rows!, columns!] as const;
  const b = new LoweringBuilder();
  const left = b.resized(
    input(0),
    shape(g.sharesA, stored(g.transA, g.m, g.k)),
    shape(g.sharesA, stored(g.transA, m, k)),
  );
  const right = b.resized(
    input(1),
    shape(g.sharesB, stored(g.transB, g.k, g.n)),
    shape(g.sharesB, stored(g.transB, k, n)),
  );
  const whole: Product = { ...g, m, n, k };
  const kernel = (result: Ref) => {
    if (shared) return tileProduct(whole, [left, right, result]);
    const turn = g.transB && g.m * g.batch >= TURN_ROWS * (g.sharesB ? 1 : g.batch);
    const operand = turn ? b.turned(right, [g.sharesB ? 1 : g.batch, n, k]) : right;
    const slices = sliceCount(k, productInvocations(whole), 4 * g.batch * m * n, target);
    return b.summed(
      result,
      g.batch * m * n / 4,
      n / 4,
      slices,
      (parts) => textureProduct({ ...whole, transB: g.transB && !turn }, slices, target, [left, operand, parts]),
    );
  };
  b.into(output(0), [g.batch, m, n], [g.batch, g.m, g.n], kernel);
  return b.lowering();
}

function tileProduct(product: Product, bindings: readonly Ref[]): Kernel {
  const { batch, m, n, transA, transB } = product;
  return finishing({
    shader: "matmul_tile",
    constants: { TRANS_A: Number(transA), TRANS_B: Number(transB) },
    params: productParams(product),
    bindings,
    workgroups: [Math.ceil(m / TILE_SIZE) * Math.ceil(n / TILE_SIZE) * batch, 1, 1],
  }, { rows: 4, restPays: true });
}

function fitsTextures(node: Node, target: Target): boolean {
  const { batch, m, n, k, sharesA, sharesB } = geometryOf(node);
  const rows = Math.max((sharesA ? 1 : batch) * roundUp4(m), (sharesB ? 1 : batch) * roundUp4(n));
  return rows * roundUp4(k) <= textureElements(target);
}

/**
 * Adds a matrix product with ONNX's rules: batches broadcast, and an operand of rank 1 is a row on the left,
 * a column on the right, its axis gone from the result.
 */
export function matmul(g: Graph, a: Tensor, b: Tensor, attrs: Partial<MatMulAttrs> = {}): Tensor {
  const { transA = false, transB = false } = attrs;
  if (a.shape.length === 1 || b.shape.length === 1) {
    const row = a.shape.length === 1 ? reshape(g, a, transA ? [a.shape[0]!, 1] : [1, a.shape[0]!]) : a;
    const column = b.shape.length === 1 ? reshape(g, b, transB ? [1, b.shape[0]!] : [b.shape[0]!, 1]) : b;
    const y = matmul(g, row, column, { transA, transB });
    const kept = y.shape.slice(0, -2);
    if (a.shape.length > 1) kept.push(y.shape.at(-2)!);
    if (b.shape.length > 1) kept.push(y.shape.at(-1)!);
    return reshape(g, y, kept);
  }
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (sizeOf(batchB) === 1 && batchA.length > 0 && batchB.length <= batchA.length && !transA) {
    // One b for all of a: a single tall product, whose gradient to b needs no sum over the batch.
    const tall = product(
      g,
      reshape(g, a, [sizeOf(batchA) * a.shape.at(-2)!, a.shape.at(-1)!]),
      batchB.length ? reshape(g, b, b.shape.slice(-2)) : b,
      false,
      transB,
    );
    return reshape(g, tall, [...batchA, a.shape.at(-2)!, tall.shape.at(-1)!]);
  }
  if (sameShape(batchA, batchB) || sizeOf(batchA) === 1 || sizeOf(batchB) === 1) {
    return product(g, a, b, transA, transB);
  }
  const batch = broadcastShapes(batchA, batchB);
  const whole = (t: Tensor) => expand(g, t, [...batch, ...t.shape.slice(-2)]);
  return product(g, whole(a), whole(b), transA, transB);
}

/** alpha * a * b + beta * c (ONNX Gemm); c broadcasts to the product. */
export function gemm(
  g: Graph,
  a: Tensor,
  b: Tensor,
  c: Tensor | null,
  options: Partial<MatMulAttrs> & { readonly alpha?: number; readonly beta?: number } = {},
): Tensor {
  const { alpha = 1, beta = 1, transA = false, transB = false } = options;
  const y = product(g, a, b, transA, transB);
  const scaled = alpha === 1 ? y : affine(g, y, alpha, 0);
  if (!c || beta === 0) return scaled;
  return add(g, scaled, beta === 1 ? c : affine(g, c, beta, 0));
}
