/** Resize (ONNX 19) of images [n, h, w, c]: nearest and linear, under ONNX's ways to place the pixels. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Lowering, type Node, type Op, output, plain, type Ref, texture } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

const COORDINATES = ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"] as const;
const ROUNDINGS = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;

/** How output pixels read the input. */
export interface ResizeAttrs {
  readonly height: number;
  readonly width: number;
  readonly mode: "nearest" | "linear";
  readonly coordinates: typeof COORDINATES[number];
  /** Which neighbour a coordinate between pixels takes; nearest only. */
  readonly nearestMode: typeof ROUNDINGS[number];
  /** Output pixels for an input pixel, [vertical, horizontal]; they need not be height / h exactly. */
  readonly scales: readonly [number, number];
}

/** Attributes of the gradient: those of the resize, and the shape of its images. */
interface ResizeGradientAttrs extends ResizeAttrs {
  readonly image: readonly number[];
}

/** Whether these names are known. */
export function isCoordinates(name: string): name is ResizeAttrs["coordinates"] {
  return (COORDINATES as readonly string[]).includes(name);
}

/** Whether this rounding is known. */
export function isRounding(name: string): name is ResizeAttrs["nearestMode"] {
  return (ROUNDINGS as readonly string[]).includes(name);
}

/** Lowering to a shader whose invocations compute `width` values each; x comes from `from`. */
function lower(
  node: Node,
  shader: string,
  image: readonly number[],
  resized: readonly number[],
  width = 1,
  from: Ref = input(0),
): Lowering {
  const { mode, coordinates, nearestMode, scales } = node.attrs as ResizeAttrs;
  const [n, h, w, c] = image as [number, number, number, number];
  const total = sizeOf(node.outputs[0]!.shape);
  return {
    kernels: [{
      shader,
      constants: {
        LINEAR: mode === "linear" ? 1 : 0,
        COORDINATES: COORDINATES.indexOf(coordinates),
        ROUNDING: ROUNDINGS.indexOf(nearestMode),
      },
      params: { n, h, w, c, oh: resized[1]!, ow: resized[2]!, scale_h: scales[0], scale_w: scales[1] },
      bindings: [from, output(0)],
      workgroups: cover(total / width, 256),
    }],
  };
}

/** One invocation an output value. */
export const Resize: Op<ResizeAttrs> = {
  name: "Resize",
  infer: ([x], { height, width }) => {
    if (x!.dtype !== "f32" || x!.shape.length !== 4) {
      throw new TypeError(`takes f32 images [n, h, w, c], got ${specText(x!)}`);
    }
    return [{ shape: [x!.shape[0]!, height, width, x!.shape[3]!], dtype: "f32" }];
  },
  candidates: [
    {
      name: "vectors",
      accepts: (node) => node.inputs[0]!.shape[3]! % 4 === 0,
      lower: (node) => lower(node, "resize_vec4", node.inputs[0]!.shape, node.outputs[0]!.shape, 4, texture(input(0))),
    },
    ...plain((node) => lower(node, "resize", node.inputs[0]!.shape, node.outputs[0]!.shape)),
  ],
  splitInputs: () => [true],
  gradient: (g, node, [dy]) => [g.apply(ResizeGradient, [dy!], { ...node.attrs, image: node.inputs[0]!.shape })],
};

const ResizeGradient: Op<ResizeGradientAttrs> = {
  name: "ResizeGradient",
  infer: (_, { image }) => [{ shape: image, dtype: "f32" }],
  candidates: plain((node) => lower(node, "resize_grad", node.attrs.image, node.inputs[0]!.shape)),
  splitInputs: () => [true],
};

/** Images of another size; what is left out is torch's interpolate: half_pixel, scales of the sizes, floor. */
export function resize(
  g: Graph,
  x: Tensor,
  options: Pick<ResizeAttrs, "height" | "width" | "mode"> & Partial<ResizeAttrs>,
): Tensor {
  const scales: [number, number] = [options.height / x.shape[1]!, options.width / x.shape[2]!];
  return g.apply(Resize, [x], { coordinates: "half_pixel", nearestMode: "round_prefer_floor", scales, ...options });
}
