/** RoiAlign (ONNX 16, in NHWC, means): features of regions on a fixed grid of bins, as torchvision's roi_align. */

import type { Graph } from "../graph/graph.ts";
import { type Candidate, cover, input, type Kernel, type Node, type Op, output, scratch } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

/** How regions are cut and sampled. */
export interface RoiAlignAttrs {
  /** Rows and columns of bins. */
  readonly size: readonly [number, number];
  /** Pixels of the feature map in a pixel of the image. */
  readonly scale: number;
  /** Samples along each axis of a bin; 0: as many as it has pixels, rounded up. */
  readonly sampling: number;
  /** Whether regions are shifted by half a pixel of the map, so that pixels' centres lie where they belong. */
  readonly aligned: boolean;
}

/** Inputs x [n, h, w, c], rois [r, 4] (x1, y1, x2, y2 in image pixels), images i32 [r]; output [r, ...size, c]. */
export const RoiAlign: Op<RoiAlignAttrs> = {
  name: "RoiAlign",
  infer: ([x, rois, images], { size }) => {
    const r = rois!.shape[0]!;
    const fits = x!.shape.length === 4 && x!.dtype === "f32" && rois!.shape.join() === `${r},4` &&
      rois!.dtype === "f32" && images!.shape.join() === `${r}` && images!.dtype === "i32";
    if (!fits) {
      throw new TypeError(
        `takes f32 [n, h, w, c], f32 [r, 4] and i32 [r], got ${[x!, rois!, images!].map(specText).join(", ")}`,
      );
    }
    return [{ shape: [r, ...size, x!.shape[3]!], dtype: "f32" }];
  },
  candidates: [
    {
      name: "vectors",
      accepts: ({ inputs: [x] }) => x!.shape[3]! % 4 === 0,
      lower: (node) => ({ kernels: [forward(node, "roi_align_vec4", 4)] }),
    },
    { name: "plain", accepts: () => true, lower: (node) => ({ kernels: [forward(node, "roi_align", 1)] }) },
  ],
  splitInputs: () => [false, true, true],
  // Regions are taken as fixed, as in torchvision.
  gradient: (g, node, [dy], wants) => {
    const [x, rois, images] = node.inputs as [Tensor, Tensor, Tensor];
    const attrs = { ...node.attrs, image: x.shape };
    return [wants[0] ? g.apply(RoiAlignGradient, [dy!, rois, images], attrs) : null, null, null];
  },
};

interface GradientAttrs extends RoiAlignAttrs {
  readonly image: readonly number[];
}

/** dy, rois and images to dx of shape `image`. */
const RoiAlignGradient: Op<GradientAttrs> = {
  name: "RoiAlignGradient",
  infer: (_, { image }) => [{ shape: image, dtype: "f32" }],
  candidates: [
    backward("vectors", "roi_align_grad_vec4", 4),
    backward("plain", "roi_align_grad", 1),
  ],
};

/** Fields that the forward pass and the weights share. */
function geometry(image: readonly number[], rois: number, { size: [ph, pw], scale, sampling }: RoiAlignAttrs) {
  const [, h, w] = image as readonly [number, number, number];
  return { rois, h, w, ph, pw, sampling, scale };
}

function forward(node: Node, shader: string, width: number): Kernel {
  const [x, rois] = node.inputs as [Tensor, Tensor];
  const attrs = node.attrs as RoiAlignAttrs;
  const channels = x.shape[3]! / width;
  return {
    shader,
    constants: { ALIGNED: Number(attrs.aligned) },
    params: { ...geometry(x.shape, rois.shape[0]!, attrs), [width === 4 ? "vectors" : "c"]: channels },
    bindings: [input(0), input(1), input(2), output(0)],
    workgroups: cover(sizeOf(node.outputs[0]!.shape) / width, 64),
  };
}

function backward(name: string, shader: string, width: number): Candidate {
  return {
    name,
    accepts: ({ attrs }) => attrs.image[3] % width === 0,
    lower: (node, { maxIterations }) => {
      const attrs = node.attrs as GradientAttrs;
      const [n, h, w, c] = attrs.image as [number, number, number, number];
      const [ph, pw] = attrs.size;
      const rois = node.inputs[1]!.shape[0]!;
      const lines = rois * (h + w);
      const weights: Kernel = {
        shader: "roi_align_weights",
        constants: { ALIGNED: Number(attrs.aligned) },
        params: geometry(attrs.image, rois, attrs),
        bindings: [input(1), scratch(0), scratch(1)],
        workgroups: cover(lines, 64),
      };
      // A region costs at most a look and all its bins; so many of them stay within the adapter's loops.
      const each = 1 + ph + ph * pw;
      const chunk = Math.min(rois, Math.max(1, Math.floor(maxIterations / each)));
      const sums = Array.from({ length: Math.ceil(rois / chunk) }, (_, i): Kernel => {
        const [first, end] = [i * chunk, Math.min(rois, (i + 1) * chunk)];
        return {
          shader,
          params: { n, h, w, ph, pw, first, end, [width === 4 ? "vectors" : "c"]: c / width },
          bindings: [input(0), input(2), scratch(0), scratch(1), output(0)],
          workgroups: cover(sizeOf(attrs.image) / width, 64),
          iterations: (end - first) * each,
        };
      });
      return { scratch: [4 * lines * Math.max(ph, pw), 4 * lines], kernels: [weights, ...sums] };
    },
  };
}

/** Features of regions, see RoiAlign. */
export function roiAlign(g: Graph, x: Tensor, rois: Tensor, images: Tensor, attrs: RoiAlignAttrs): Tensor {
  return g.apply(RoiAlign, [x, rois, images], attrs);
}
