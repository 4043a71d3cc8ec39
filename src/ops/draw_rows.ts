/** A balanced random part of labelled rows, as detectors draw the anchors and regions of their losses. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Op, output, plain, scratch } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { checkDraw } from "./random_normal.ts";
import { halfBits } from "./sample_keys.ts";

/** How many rows are drawn. */
export interface DrawRowsAttrs {
  /** Rows of an image in all. */
  readonly count: number;
  /** Positives among them at most; negatives take what is left. */
  readonly positives: number;
  readonly stream: number;
}

/**
 * Inputs labels i32 [n, rows] (1 positive, 0 negative, else neither) and rng u32 [4]; outputs i32: the labels of the
 * drawn rows in their places and -1 elsewhere [n, rows], their numbers with the positives first [n, count], and the
 * labels of these slots [n, count]. Where fewer rows can be drawn, slots of label -1 repeat them.
 */
export const DrawRows: Op<DrawRowsAttrs> = {
  name: "DrawRows",
  infer: ([labels, rng], { count, positives }) => {
    checkDraw(rng);
    const [n, rows] = labels!.shape;
    if (labels!.shape.length !== 2 || labels!.dtype !== "i32" || rows === 0) {
      throw new TypeError(`takes labels i32 [n, rows], got ${specText(labels!)}`);
    }
    if (positives > count || count < 1) {
      throw new RangeError(`${positives} positives among ${count} rows cannot be had`);
    }
    const slots = { shape: [n!, count], dtype: "i32" as const };
    return [labels!, slots, slots];
  },
  candidates: plain((node) => {
    const [images, rows] = node.inputs[0]!.shape as [number, number];
    const { count, positives, stream } = node.attrs as DrawRowsAttrs;
    const kernel = (entry: string): Omit<Kernel, "workgroups"> => ({
      shader: "draw_rows",
      entry,
      params: { images, rows, count, positives, half_bits: halfBits(rows), stream },
      bindings: [input(0), input(1), scratch(0), output(0), output(1), output(2)],
    });
    const passes = 2 * halfBits(rows) + 4;
    return {
      scratch: [4 * images * rows],
      kernels: [
        { ...kernel("rank"), workgroups: cover(images * rows, 256) },
        {
          ...kernel("choose"),
          workgroups: [images, 1, 1],
          iterations: passes * (Math.ceil(rows / 256) + 9) + 256 + Math.ceil(count / 256),
        },
      ],
    };
  }),
};

/** Draws rows of labels [n, rows]; see DrawRows. */
export function drawRows(
  g: Graph,
  labels: Tensor,
  rng: Tensor,
  attrs: DrawRowsAttrs,
): { chosen: Tensor; places: Tensor; slots: Tensor } {
  const [chosen, places, slots] = g.add(DrawRows, [labels, rng], attrs) as [Tensor, Tensor, Tensor];
  return { chosen, places, slots };
}
