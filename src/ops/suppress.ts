/** Greedy non-maximum suppression (torchvision.ops.nms; the inner part of ONNX's NonMaxSuppression). */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Op, output, plain, scratch } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { binary } from "./binary.ts";
import { gatherLines } from "./gather.ts";
import { topK } from "./top_k.ts";
import { where } from "./where.ts";

const WG_SIZE = 256;
/** Boxes of a row: bits of MAX_WORDS words of suppress.wgsl. */
const MOST = 65_536;

interface Attrs {
  readonly threshold: number;
}

/**
 * Inputs boxes [rows, n, 4] (x1, y1, x2, y2), best first in each row, and valid bool [rows, n]; output bool [rows, n]:
 * the valid boxes of which none that is kept before them overlaps more than the threshold.
 */
export const Suppress: Op<Attrs> = {
  name: "Suppress",
  infer: ([boxes, valid]) => {
    const [rows, n] = boxes!.shape;
    if (boxes!.shape.join() !== `${rows},${n},4` || valid!.shape.join() !== `${rows},${n}` || valid!.dtype !== "bool") {
      throw new TypeError(`takes boxes [rows, n, 4] and bool [rows, n], got ${specText(boxes!)}, ${specText(valid!)}`);
    }
    if (n! > MOST) throw new RangeError(`takes up to ${MOST} boxes a row, got ${n}`);
    return [valid!];
  },
  candidates: plain((node) => {
    const [rows, n] = node.inputs[0]!.shape as [number, number];
    const words = Math.ceil(n / 32);
    const kernel: Omit<Kernel, "workgroups"> = {
      shader: "suppress",
      params: { rows, n, words, threshold: (node.attrs as Attrs).threshold },
      bindings: [input(0), input(1), scratch(0), output(0)],
    };
    // Each block of 32 boxes decides about them, and takes what they take away out of the words behind it.
    let iterations = 33 * (words + Math.ceil(words / WG_SIZE));
    for (let behind = 0; behind < words; behind++) iterations += 33 * Math.ceil(behind / WG_SIZE);
    return {
      scratch: [4 * rows * n * words],
      kernels: n === 0 ? [] : [
        { ...kernel, entry: "overlaps", workgroups: cover(rows * n * words, WG_SIZE) },
        { ...kernel, workgroups: [rows, 1, 1], iterations },
      ],
    };
  }),
  splitInputs: () => [true, true],
};

/** What is kept of boxes that come best first, see Suppress. */
export function suppress(g: Graph, boxes: Tensor, valid: Tensor, threshold: number): Tensor {
  return g.apply(Suppress, [boxes, valid], { threshold });
}

/** Boxes with scores, best first in each row; scores that are -Infinity stand for no box. */
export interface RankedBoxes {
  /** [rows, n, 4] */
  readonly boxes: Tensor;
  /** [rows, n] */
  readonly scores: Tensor;
}

/** Which of them are boxes: bool [rows, n]. */
export function areBoxes(g: Graph, scores: Tensor): Tensor {
  return binary(g, "Greater", scores, g.scalar(-3e38));
}

/** The `count` best of ranked boxes that suppression leaves, and their places [rows, count] among the given ones. */
export function suppressRanked(
  g: Graph,
  { boxes, scores }: RankedBoxes,
  threshold: number,
  count: number,
): RankedBoxes & { readonly places: Tensor } {
  const keep = suppress(g, boxes, areBoxes(g, scores), threshold);
  const best = topK(g, where(g, keep, scores, g.scalar(-Infinity)), count);
  return { boxes: gatherLines(g, boxes, best.places), scores: best.values, places: best.places };
}
