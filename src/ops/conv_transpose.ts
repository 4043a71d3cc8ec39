/**
 * Transposed convolution (ONNX ConvTranspose in NHWC): the gradient of a convolution to its input, and so the
 * kernel of that gradient as well. Its own gradients are the convolution and the convolution's weight gradient.
 */

import type { Graph } from "../graph/graph.ts";
import type { Node, Op } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { add } from "./binary.ts";
import { checkImages, CONV_DEFAULTS, convOp, convOutputSize, convWeightGradient } from "./conv.ts";
import { type ConvAttrs, convFlops, type ConvGeometry } from "./conv_geometry.ts";
import { convInputCandidates } from "./conv_kernels.ts";
import { inGroups, isWide } from "./conv_groups.ts";
import { storedAs } from "./half.ts";
import { matmul } from "./matmul.ts";
import { reshape } from "./reshape.ts";

/** Attributes of the convolution that is transposed, and the rows and columns of its input. */
export interface ConvTransposeAttrs extends ConvAttrs {
  readonly size: readonly [number, number];
}

/** x: [n,h,w,ci], w: [kh,kw,co/group,ci] -> [n,...size,co]. */
export const convTransposeOp: Op<ConvTransposeAttrs> = {
  name: "ConvTranspose",
  infer([x, w], attrs) {
    checkImages(x!, w!);
    const [n, h, width, ci] = x!.shape as [number, number, number, number];
    if (ci !== w!.shape[3] || ci % attrs.group !== 0) {
      throw new TypeError(`images ${specText(x!)} do not fit weights ${specText(w!)} in ${attrs.group} groups`);
    }
    const shape = [n, ...attrs.size, w!.shape[2]! * attrs.group];
    const [oh, ow] = convOutputSize(shape, w!.shape, attrs);
    if (oh !== h || ow !== width) {
      throw new RangeError(`images of ${attrs.size} convolve to ${oh} x ${ow}, not to those of ${specText(x!)}`);
    }
    return [{ shape, dtype: "f32" }];
  },
  candidates: convInputCandidates(geometryOf),
  splitInputs: () => [true, false],
  gradient(g, node, [dout], wants) {
    const [x, w] = node.inputs as [Tensor, Tensor];
    const { size: _, ...attrs } = node.attrs as ConvTransposeAttrs;
    const dy = storedAs(g, dout!, x);
    return [
      wants[0] ? g.apply(convOp, [dy, w], attrs) : null,
      wants[1] ? convWeightGradient(g, dy, x, w.shape, attrs) : null,
    ];
  },
  flops: (node) => convFlops(geometryOf(node)),
};

function geometryOf(node: Node): ConvGeometry {
  return { ...node.attrs, x: node.outputs[0]!.shape, w: node.inputs[1]!.shape, y: node.inputs[0]!.shape };
}

/** Whether images of one pixel become the whole kernel, as in the first layer of a DCGAN. */
function spreadsOnePixel(
  x: Tensor,
  { pads, dilations, group }: Pick<ConvAttrs, "pads" | "dilations" | "group">,
  outputPadding: readonly [number, number],
): boolean {
  const whole = [...pads, ...outputPadding].every((p) => p === 0) && dilations.every((d) => d === 1);
  return x.shape[1] === 1 && x.shape[2] === 1 && group === 1 && whole;
}

/**
 * Adds a transposed convolution, and a bias [co] where there is one. The result has
 * (in - 1) * stride - pads + dilation * (k - 1) + 1 + outputPadding rows and columns.
 */
export function convTranspose(
  g: Graph,
  x: Tensor,
  w: Tensor,
  bias: Tensor | null,
  options: Partial<ConvAttrs> & { readonly outputPadding?: readonly [number, number] } = {},
): Tensor {
  const { outputPadding = [0, 0], ...given } = options;
  const { strides, pads, dilations, group } = { ...CONV_DEFAULTS, ...given };
  const size = (axis: 0 | 1) =>
    (x.shape[1 + axis]! - 1) * strides[axis] - pads[axis] - pads[2 + axis]! +
    dilations[axis] * (w.shape[axis]! - 1) + 1 + outputPadding[axis];
  if (spreadsOnePixel(x, { pads, dilations, group }, outputPadding)) {
    // Each pixel of the result meets one tap of the kernel: a product, where the convolution would try all taps.
    const [kh, kw, co, ci] = w.shape as [number, number, number, number];
    const rows = matmul(g, reshape(g, x, [x.shape[0]!, ci]), reshape(g, w, [kh * kw * co, ci]), { transB: true });
    const y = reshape(g, rows, [x.shape[0]!, kh, kw, co]);
    return bias ? add(g, y, bias) : y;
  }
  const attrs = { strides, pads, dilations, size: [size(0), size(1)] as const };
  const one = (own: number) => (image: Tensor, weight: Tensor) =>
    g.apply(convTransposeOp, [image, weight], { ...attrs, group: own });
  const wide = isWide(group, x.shape[3]!, w.shape[2]! * group);
  const y = wide ? inGroups(g, x, w, group, one(1)) : one(group)(x, w);
  return bias ? add(g, y, bias) : y;
}
