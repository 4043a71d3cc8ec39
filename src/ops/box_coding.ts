/**
 * Offsets between boxes (x1, y1, x2, y2), as R-CNNs learn them (Girshick et al. 2014, appendix C): the move of the
 * centre in units of the box's size and the logarithms of the factors of its size, each times a weight.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";

/** Factors of the four offsets dx, dy, dw, dh. */
export type BoxWeights = readonly [number, number, number, number];

/** Largest logarithm of a size's factor: 1000 pixels from 16, as in detectron2 and torchvision. */
export const SIZE_CLIP = Math.log(1000 / 16);

interface Attrs {
  readonly weights: BoxWeights;
}

/** Inputs boxes [m, 4] or [n, m, 4], and targets [n, m, 4]; output offsets [n, m, 4], which are taken as fixed. */
export const BoxEncode: Op<Attrs> = {
  name: "BoxEncode",
  infer: ([boxes, targets]) => {
    checkBoxes(boxes!, targets!, targets!.shape);
    return [targets!];
  },
  candidates: plain((node) => {
    const [boxes, targets] = node.inputs.map((t) => sizeOf(t.shape) / 4) as [number, number];
    return {
      kernels: [{
        shader: "box_encode",
        params: { rows: targets, boxes, weights: (node.attrs as Attrs).weights },
        bindings: [input(0), input(1), output(0)],
        workgroups: cover(targets, 64),
      }],
    };
  }),
  gradient: () => [null, null],
};

/**
 * Inputs boxes [m, 4] or [n, m, 4], and offsets [n, m, 4] or [n, m, k, 4]; output boxes of the offsets' shape, whose
 * sizes grow by a factor of 62.5 at most. They have no gradient: detectors take such boxes as fixed.
 */
export const BoxDecode: Op<Attrs> = {
  name: "BoxDecode",
  infer: ([boxes, deltas]) => {
    const { shape } = deltas!;
    checkBoxes(boxes!, deltas!, shape.length === 4 ? [...shape.slice(0, 2), 4] : shape);
    return [deltas!];
  },
  candidates: plain((node) => {
    const [boxes, deltas] = node.inputs as [Tensor, Tensor];
    const rows = sizeOf(deltas.shape) / 4;
    const each = deltas.shape.length === 4 ? deltas.shape[2]! : 1;
    const { weights } = node.attrs as Attrs;
    return {
      kernels: [{
        shader: "box_decode",
        params: { rows, boxes: sizeOf(boxes.shape) / 4, each, clip: SIZE_CLIP, weights },
        bindings: [input(0), input(1), output(0)],
        workgroups: cover(rows, 64),
      }],
    };
  }),
};

/** Throws TypeError unless `boxes` is of `shape`, or of its last two dimensions. */
function checkBoxes(boxes: TensorSpec, others: TensorSpec, shape: readonly number[]): void {
  const whole = shape.length === 3 && shape[2] === 4 &&
    [shape, shape.slice(1)].some((s) => s.join() === `${boxes.shape}`);
  if (!whole || boxes.dtype !== "f32" || others.dtype !== "f32") {
    throw new TypeError(`boxes ${specText(boxes)} do not fit ${specText(others)}`);
  }
}

/** Offsets from boxes to targets, see BoxEncode. */
export function encodeBoxes(g: Graph, boxes: Tensor, targets: Tensor, weights: BoxWeights): Tensor {
  return g.apply(BoxEncode, [boxes, targets], { weights });
}

/** Boxes from offsets, see BoxDecode. */
export function decodeBoxes(g: Graph, boxes: Tensor, deltas: Tensor, weights: BoxWeights): Tensor {
  return g.apply(BoxDecode, [boxes, deltas], { weights });
}
