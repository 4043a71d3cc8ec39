/** Convolution of images [n,h,w,ci] with weights [kh,kw,ci/group,co] (ONNX Conv in NHWC), and its weights' gradient. */

import type { Graph } from "../graph/graph.ts";
import type { Node, Op } from "../graph/op.ts";
import { specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { add } from "./binary.ts";
import { type ConvAttrs, convFlops, type ConvGeometry } from "./conv_geometry.ts";
import { convCandidates, convWeightCandidates } from "./conv_kernels.ts";
import { inGroups, isWide } from "./conv_groups.ts";
import { convTransposeOp } from "./conv_transpose.ts";
import { checkOperands, storedAs } from "./half.ts";

export type { ConvAttrs } from "./conv_geometry.ts";

/** Attributes left out: stride 1, no padding, dilation 1, one group. */
export const CONV_DEFAULTS: ConvAttrs = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };

/** Rows and columns of the result: floor((in + pads - dilation * (k - 1) - 1) / stride) + 1. */
export function convOutputSize(x: readonly number[], w: readonly number[], attrs: ConvAttrs): [number, number] {
  const size = (axis: 0 | 1) => {
    const { strides, pads, dilations } = attrs;
    const reach = dilations[axis] * (w[axis]! - 1) + 1;
    return Math.floor((x[1 + axis]! + pads[axis] + pads[2 + axis]! - reach) / strides[axis]) + 1;
  };
  return [size(0), size(1)];
}

/** Throws TypeError unless all are of one type, f32 or f16, and of rank 4. */
export function checkImages(...specs: readonly TensorSpec[]): void {
  checkOperands(specs, (rank) => rank === 4, "4");
}

const conv: Op<ConvAttrs> = {
  name: "Conv",
  infer([x, w], attrs) {
    checkImages(x!, w!);
    const [channels, perGroup, co] = [x!.shape[3]!, w!.shape[2]!, w!.shape[3]!];
    if (channels !== perGroup * attrs.group || co % attrs.group !== 0) {
      throw new TypeError(
        `images ${specText(x!)} have ${channels} channels; weights ${specText(w!)} in ${attrs.group} groups take ` +
          `${perGroup * attrs.group} and give ${co}`,
      );
    }
    const [oh, ow] = convOutputSize(x!.shape, w!.shape, attrs);
    if (oh < 1 || ow < 1) throw new RangeError(`weights ${specText(w!)} reach past images ${specText(x!)}`);
    return [{ shape: [x!.shape[0]!, oh, ow, co], dtype: "f32" }];
  },
  candidates: convCandidates(geometryOfConv),
  splitInputs: () => [true, false],
  gradient(g, node, [dout], wants) {
    const [x, w] = node.inputs as [Tensor, Tensor];
    const attrs: ConvAttrs = node.attrs;
    const size: [number, number] = [x.shape[1]!, x.shape[2]!];
    const dy = storedAs(g, dout!, x);
    return [
      wants[0] ? g.apply(convTransposeOp, [dy, w], { ...attrs, size }) : null,
      wants[1] ? convWeightGradient(g, x, dy, w.shape, attrs) : null,
    ];
  },
  flops: (node) => convFlops(geometryOfConv(node)),
};

function geometryOfConv(node: Node): ConvGeometry {
  return { ...node.attrs, x: node.inputs[0]!.shape, w: node.inputs[1]!.shape, y: node.outputs[0]!.shape };
}

/** The gradient to the weights; `kernel` is [kh, kw]. */
interface ConvWeightAttrs extends ConvAttrs {
  readonly kernel: readonly [number, number];
}

const convWeight: Op<ConvWeightAttrs> = {
  name: "ConvWeightGradient",
  infer([x, dy], { kernel, group }) {
    checkImages(x!, dy!);
    return [{ shape: [...kernel, x!.shape[3]! / group, dy!.shape[3]!], dtype: "f32" }];
  },
  candidates: convWeightCandidates(geometryOfWeight),
  gradient(g, node, [dout], wants) {
    const [x, dy] = node.inputs as [Tensor, Tensor];
    const size: [number, number] = [x.shape[1]!, x.shape[2]!];
    const dw = storedAs(g, dout!, x);
    return [
      wants[0] ? g.apply(convTransposeOp, [dy, dw], { ...attrsOf(node.attrs), size }) : null,
      wants[1] ? g.apply(conv, [x, dw], attrsOf(node.attrs)) : null,
    ];
  },
  flops: (node) => convFlops(geometryOfWeight(node)),
};

function geometryOfWeight(node: Node): ConvGeometry {
  return { ...node.attrs, x: node.inputs[0]!.shape, w: node.outputs[0]!.shape, y: node.inputs[1]!.shape };
}

function attrsOf({ strides, pads, dilations, group }: ConvAttrs): ConvAttrs {
  return { strides, pads, dilations, group };
}

export { conv as convOp, convWeight as convWeightOp };

/** Adds the gradient of a convolution of x to its weights of shape `w`. */
export function convWeightGradient(g: Graph, x: Tensor, dy: Tensor, w: readonly number[], attrs: ConvAttrs): Tensor {
  return g.apply(convWeight, [x, dy], { ...attrsOf(attrs), kernel: [w[0]!, w[1]!] });
}

/** Adds a convolution, and a bias [co] where there is one. */
function convolve(g: Graph, x: Tensor, w: Tensor, bias: Tensor | null, attrs: Partial<ConvAttrs> = {}): Tensor {
  const whole = attrsOf({ ...CONV_DEFAULTS, ...attrs });
  const one = (group: number) => (image: Tensor, weight: Tensor) => g.apply(conv, [image, weight], { ...whole, group });
  const wide = isWide(whole.group, x.shape[3]!, w.shape[3]!);
  const y = wide ? inGroups(g, x, w, whole.group, one(1)) : one(whole.group)(x, w);
  return bias ? add(g, y, bias) : y;
}

export { convolve as conv };
