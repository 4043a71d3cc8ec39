/** A 1 x 1 convolution that reads every pixel once is a matrix product of pixels by channels, and so are its gradients. */

import { input, type Lowering, output, type Target } from "../graph/op.ts";
import { type ConvGeometry, isUnstrided, pixelsOf } from "./conv_geometry.ts";
import { LoweringBuilder, sliceCount, textureElements } from "./lowering.ts";
import { PRODUCT, productInvocations, textureProduct } from "./matmul_kernels.ts";

/** Whether a convolution is such a product, of whole vec4 of channels; the sum over pixels takes four at a time. */
export function isPointwise(geometry: ConvGeometry, target: Target): boolean {
  const { x, w, y, pads, group } = geometry;
  const [ci, co] = [x[3]!, y[3]!];
  const plain = w[0] === 1 && w[1] === 1 && isUnstrided(geometry) && pads.every((p) => p === 0) && group === 1;
  const whole = ci % 4 === 0 && co % 4 === 0 && pixelsOf(x) % 4 === 0;
  return plain && whole && Math.max(pixelsOf(x) * Math.max(ci, co), ci * co) <= textureElements(target);
}

/** y from x (input 0) and w (input 1). */
export function pointwiseForward({ x, y }: ConvGeometry, target: Target): Lowering {
  const product = { ...PRODUCT, m: pixelsOf(x), n: y[3]!, k: x[3]! };
  return { kernels: [textureProduct(product, 1, target, [input(0), input(1), output(0)])] };
}

/** x's gradient from y's (input 0) and w (input 1). */
export function pointwiseToInput({ x, y }: ConvGeometry, target: Target): Lowering {
  const b = new LoweringBuilder();
  const turned = b.turned(input(1), [1, x[3]!, y[3]!]);
  const product = { ...PRODUCT, m: pixelsOf(x), n: x[3]!, k: y[3]! };
  b.kernels.push(textureProduct(product, 1, target, [input(0), turned, output(0)]));
  return b.lowering();
}

/** w's gradient from x (input 0) and y's gradient (input 1). */
export function pointwiseToWeights({ x, y }: ConvGeometry, target: Target): Lowering {
  const b = new LoweringBuilder();
  const [ci, co, pixels] = [x[3]!, y[3]!, pixelsOf(x)];
  const product = { ...PRODUCT, m: ci, n: co, k: pixels, transA: true };
  const slices = sliceCount(pixels, productInvocations(product), 4 * ci * co, target);
  b.kernels.push(
    b.summed(
      output(0),
      ci * co / 4,
      co / 4,
      slices,
      (parts) => textureProduct(product, slices, target, [input(0), input(1), parts]),
    ),
  );
  return b.lowering();
}
