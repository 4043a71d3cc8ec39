/** MaxPool and AveragePool (ONNX 12 and 19, in NHWC), and the mean over all pixels. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Lowering, type Node, type Op, output, plain, type Ref, texture } from "../graph/op.ts";
import { sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { reduce } from "./reduce.ts";

/** A pooling; pads are top, left, bottom, right. */
export interface PoolAttrs {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  /** Whether a window may begin inside and end past the padded image. */
  readonly ceilMode: boolean;
  /** AveragePool: whether padding counts as elements of a window. */
  readonly countIncludePad: boolean;
}

/** Attributes left out: stride 1, no padding or dilation, whole windows, means of real pixels. */
export const POOL_DEFAULTS: Omit<PoolAttrs, "kernel"> = {
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
  ceilMode: false,
  countIncludePad: false,
};

function pooledShape(x: TensorSpec, attrs: PoolAttrs): number[] {
  if (x.dtype !== "f32" || x.shape.length !== 4) {
    throw new TypeError(`takes f32 images [n, h, w, c], got ${specText(x)}`);
  }
  const size = (axis: 0 | 1) => {
    const padded = x.shape[1 + axis]! + attrs.pads[axis] + attrs.pads[axis + 2]!;
    const span = padded - attrs.dilations[axis] * (attrs.kernel[axis] - 1) - 1;
    if (span < 0) throw new RangeError(`window ${attrs.kernel} reaches past images ${specText(x)}`);
    let count = (attrs.ceilMode ? Math.ceil : Math.floor)(span / attrs.strides[axis]) + 1;
    // A window that would begin in the padding at the end is left out.
    if (attrs.ceilMode && (count - 1) * attrs.strides[axis] >= x.shape[1 + axis]! + attrs.pads[axis]) count--;
    return count;
  };
  return [x.shape[0]!, size(0), size(1), x.shape[3]!];
}

function params(x: readonly number[], y: readonly number[], attrs: PoolAttrs): Record<string, number> {
  const [[kh, kw], [stride_h, stride_w], [dilation_h, dilation_w]] = [attrs.kernel, attrs.strides, attrs.dilations];
  const [pad_h, pad_w, bottom, right] = attrs.pads;
  const [n, h, w, c] = x as [number, number, number, number];
  return {
    ...{ n, h, w, c, oh: y[1]!, ow: y[2]!, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w },
    include_pad: attrs.countIncludePad ? 1 : 0,
    padded_h: h + pad_h + bottom,
    padded_w: w + pad_w + right,
  };
}

/** Attributes of a gradient node: those of the pooling and the shape of its images. */
interface PoolGradientAttrs extends PoolAttrs {
  readonly image: readonly number[];
}

/** Outputs the largest values, and where they lie (i32, row * w + column). */
export const MaxPool: Op<PoolAttrs> = {
  name: "MaxPool",
  infer: ([x], attrs) => {
    const shape = pooledShape(x!, attrs);
    return [{ shape, dtype: "f32" }, { shape, dtype: "i32" }];
  },
  candidates: plain((node) => ({
    kernels: [{
      shader: "max_pool",
      params: params(node.inputs[0]!.shape, node.outputs[0]!.shape, node.attrs),
      bindings: [input(0), output(0), output(1)],
      workgroups: cover(sizeOf(node.outputs[0]!.shape), 64),
    }],
  })),
  splitInputs: () => [true],
  gradient: (g, node, [dy]) => [
    g.apply(MaxPoolGradient, [dy!, node.outputs[1]!], { ...node.attrs, image: node.inputs[0]!.shape }),
  ],
};

const MaxPoolGradient: Op<PoolGradientAttrs> = {
  name: "MaxPoolGradient",
  infer: (_, { image }) => [{ shape: image, dtype: "f32" }],
  candidates: [
    {
      name: "vectors",
      accepts: ({ attrs }) => attrs.image[3] % 4 === 0 && attrs.dilations.every((d: number) => d === 1),
      lower: (node) => lowerMaxGradient(node, "max_pool_grad_vec4", 4, texture(input(0))),
    },
    ...plain((node) => lowerMaxGradient(node, "max_pool_grad", 1, input(0))),
  ],
};

/** Lowering to a shader whose invocations compute `width` values each. */
function lowerMaxGradient(node: Node, shader: string, width: number, dy: Ref): Lowering {
  return {
    kernels: [{
      shader,
      params: params(node.attrs.image, node.inputs[0]!.shape, node.attrs),
      bindings: [dy, input(1), output(0)],
      workgroups: cover(sizeOf(node.attrs.image) / width, 64),
    }],
  };
}

/** Means of windows. */
export const AveragePool: Op<PoolAttrs> = {
  name: "AveragePool",
  infer: ([x], attrs) => [{ shape: pooledShape(x!, attrs), dtype: "f32" }],
  candidates: plain((node) => averageKernel(node, node.inputs[0]!.shape, node.outputs[0]!.shape, false)),
  splitInputs: () => [true],
  gradient: (g, node, [dy]) => [g.apply(AveragePoolGradient, [dy!], { ...node.attrs, image: node.inputs[0]!.shape })],
};

const AveragePoolGradient: Op<PoolGradientAttrs> = {
  name: "AveragePoolGradient",
  infer: (_, { image }) => [{ shape: image, dtype: "f32" }],
  candidates: plain((node) => averageKernel(node, node.attrs.image, node.inputs[0]!.shape, true)),
  splitInputs: () => [true],
};

function averageKernel(node: Node, image: readonly number[], pooled: readonly number[], gradient: boolean) {
  return {
    kernels: [{
      shader: "average_pool",
      constants: { GRADIENT: Number(gradient) },
      params: { ...params(image, pooled, node.attrs), n: node.outputs[0]!.shape[0]! },
      bindings: [input(0), output(0)],
      workgroups: cover(sizeOf(node.outputs[0]!.shape), 64),
    }],
  };
}

/** Largest values of windows of x [n, h, w, c], and where they lie: i32, row * w + column. */
export function maxPoolPlaces(
  g: Graph,
  x: Tensor,
  attrs: Pick<PoolAttrs, "kernel"> & Partial<PoolAttrs>,
): { y: Tensor; places: Tensor } {
  const [y, places] = g.add(MaxPool, [x], { ...POOL_DEFAULTS, ...attrs });
  return { y: y!, places: places! };
}

/** Largest values of windows of x [n, h, w, c]. */
export function maxPool(g: Graph, x: Tensor, attrs: Pick<PoolAttrs, "kernel"> & Partial<PoolAttrs>): Tensor {
  return maxPoolPlaces(g, x, attrs).y;
}

/** Means of windows of x [n, h, w, c]. */
export function averagePool(g: Graph, x: Tensor, attrs: Pick<PoolAttrs, "kernel"> & Partial<PoolAttrs>): Tensor {
  return g.apply(AveragePool, [x], { ...POOL_DEFAULTS, ...attrs });
}

/** Mean over the pixels of x [n, h, w, c]: [n, 1, 1, c]. */
export function globalAveragePool(g: Graph, x: Tensor): Tensor {
  return reduce(g, "Mean", x, [1, 2], true);
}
