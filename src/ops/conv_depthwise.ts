/** Convolutions in which each channel has a filter of its own, four channels at a time. */

import { cover, input, type Lowering, output, type Target, texture } from "../graph/op.ts";
import { type ConvGeometry, convParams, pixelsOf } from "./conv_geometry.ts";
import { finishing, textureElements } from "./lowering.ts";
import { sizeOf } from "../graph/tensor.ts";

/** Pixels of one invocation of conv_depthwise.wgsl. */
const PIXELS = 4;

/** Whether a convolution is of this kind and fits the adapter's textures. */
export function isDepthwise({ x, w, y, group }: ConvGeometry, target: Target): boolean {
  const single = group > 1 && group === x[3] && group === y[3] && group % 4 === 0;
  return single && [x, w, y].every((shape) => sizeOf(shape) <= textureElements(target));
}

/** y from x (input 0) and w (input 1). */
export function depthwiseForward(geometry: ConvGeometry): Lowering {
  const { y } = geometry;
  const kernel = {
    shader: "conv_depthwise",
    params: convParams(geometry, 1),
    bindings: [texture(input(0)), texture(input(1)), output(0)],
    workgroups: cover(Math.ceil(pixelsOf(y) / PIXELS) * (y[3]! / 4), 64),
  };
  return { kernels: [finishing(kernel, { rows: PIXELS, restPays: true })] };
}
