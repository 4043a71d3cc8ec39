/** Which object each box is for, as detectors label anchors and regions (detectron2's Matcher). */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Op, output, plain, scratch } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";

/** When a box is for its object. */
export interface MatchAttrs {
  /** Overlaps (intersection over union) below this one make a negative. */
  readonly negative: number;
  /** Overlaps from this one on make a positive; between the two a box is neither. */
  readonly positive: number;
  /** Whether the boxes that overlap an object most are positives whatever the overlap. */
  readonly keepBest: boolean;
}

/**
 * Inputs boxes [rows, 4] for all images or [n, rows, 4], objects [n, most, 4], and counts i32 [n] of the objects that
 * are there; boxes are (x1, y1, x2, y2). Outputs [n, rows]: labels i32 (1, 0 or -1), the number i32 of the object of the
 * largest overlap (0 where there is none), and that overlap.
 */
export const MatchBoxes: Op<MatchAttrs> = {
  name: "MatchBoxes",
  infer: ([boxes, objects, counts]) => {
    const [n] = objects!.shape;
    const rank = boxes!.shape.length;
    const fits = boxes!.shape.at(-1) === 4 && (rank === 2 || (rank === 3 && boxes!.shape[0] === n)) &&
      objects!.shape.length === 3 && objects!.shape[2] === 4 && counts!.shape.join() === `${n}` &&
      counts!.dtype === "i32";
    if (!fits) {
      throw new TypeError(
        `takes boxes [rows, 4] or [n, rows, 4], objects [n, most, 4] and i32 [n], got ` +
          [boxes!, objects!, counts!].map(specText).join(", "),
      );
    }
    const shape = [n!, boxes!.shape.at(-2)!];
    return [{ shape, dtype: "i32" }, { shape, dtype: "i32" }, { shape, dtype: "f32" }];
  },
  candidates: plain((node) => {
    const [boxes, objects] = node.inputs as [Tensor, Tensor];
    const { negative, positive, keepBest } = node.attrs as MatchAttrs;
    const [images, most] = objects.shape as [number, number];
    const rows = boxes.shape.at(-2)!;
    const sets = boxes.shape.length === 2 ? 1 : images;
    const kernel: Omit<Kernel, "workgroups"> = {
      shader: "match_boxes",
      constants: { KEEP_BEST: Number(keepBest) },
      params: { images, rows, most, sets, negative, positive },
      bindings: [input(0), input(1), input(2), scratch(0), output(0), output(1), output(2)],
    };
    const match: Kernel = { ...kernel, workgroups: cover(images * rows, 64), iterations: most };
    const best: Kernel = {
      ...kernel,
      entry: "best",
      workgroups: [images * most, 1, 1],
      iterations: Math.ceil(rows / 64) + 6,
    };
    return { scratch: [4 * images * most], kernels: keepBest ? [best, match] : [match] };
  }),
};

/** Labels boxes by the objects that they overlap, see MatchBoxes. */
export function matchBoxes(
  g: Graph,
  boxes: Tensor,
  objects: Tensor,
  counts: Tensor,
  attrs: MatchAttrs,
): { labels: Tensor; matches: Tensor; overlaps: Tensor } {
  const [labels, matches, overlaps] = g.add(MatchBoxes, [boxes, objects, counts], attrs) as [Tensor, Tensor, Tensor];
  return { labels, matches, overlaps };
}
