/** What a convolution's kernels need to know of it: shapes and attributes, and the fields of conv_params.wgsl. */

import { sizeOf } from "../graph/tensor.ts";
import { roundUp4 } from "./lowering.ts";

/** Attributes of a convolution, as ONNX has them: per axis [h, w], pads [top, left, bottom, right]. */
export interface ConvAttrs {
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly group: number;
}

/** Everything a kernel needs of a convolution x [n,h,w,ci], w [kh,kw,ci/group,co] -> y [n,oh,ow,co]. */
export interface ConvGeometry extends ConvAttrs {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
}

/** Floating-point operations of a convolution, and of either gradient. */
export function convFlops({ w, y }: ConvGeometry): number {
  return 2 * sizeOf(y) * w[0]! * w[1]! * w[2]!;
}

/** Pixels of images [n,h,w,c]. */
export function pixelsOf([n, h, w]: readonly number[]): number {
  return n! * h! * w!;
}

/** Whether every pixel has a window. */
export const isUnstrided = ({ strides }: ConvGeometry) => strides[0] === 1 && strides[1] === 1;

/** The gradient to the input of a convolution of stride 1, as a convolution of the gradient of its result. */
export function mirrored({ x, w, y, strides, pads, dilations, group }: ConvGeometry): ConvGeometry {
  return {
    x: y,
    w: [w[0]!, w[1]!, y[3]!, x[3]!],
    y: x,
    strides,
    pads: [-pads[0], -pads[1], -pads[2], -pads[3]],
    dilations: [-dilations[0], -dilations[1]],
    group,
  };
}

/** Fields of conv_params.wgsl. */
export function convParams(geometry: ConvGeometry, slices: number): Record<string, number> {
  const { x, w, y, strides, pads, dilations, group } = geometry;
  return {
    n: x[0]!,
    h: x[1]!,
    w: x[2]!,
    ci: x[3]!,
    oh: y[1]!,
    ow: y[2]!,
    co: y[3]!,
    groups: group,
    kh: w[0]!,
    kw: w[1]!,
    stride_h: strides[0],
    stride_w: strides[1],
    pad_h: pads[0],
    pad_w: pads[1],
    dilation_h: dilations[0],
    dilation_w: dilations[1],
    ci4: roundUp4(x[3]!) / 4,
    co4: roundUp4(y[3]!) / 4,
    step_h: strides[0] / gcd(strides[0], Math.abs(dilations[0])),
    step_w: strides[1] / gcd(strides[1], Math.abs(dilations[1])),
    slices,
    sample: 1,
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
