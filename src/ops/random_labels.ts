/** A class for each sample, drawn from a list (RandomLabels), as numbers and one-hot. */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, output, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { checkDraw } from "./random_normal.ts";

/** Attributes of RandomLabels. */
export interface RandomLabelsAttrs {
  readonly stream: number;
  readonly classes: number;
}

/** Inputs rng, keys u32 [n, 2] and choices i32 [k]; outputs labels i32 [n] and their one-hot rows [n, classes]. */
export const RandomLabels: Op<RandomLabelsAttrs> = {
  name: "RandomLabels",
  infer: ([rng, keys, choices], { classes }) => {
    checkDraw(rng, keys);
    if (choices.dtype !== "i32" || choices.shape.length !== 1 || choices.shape[0] < 1) {
      throw new TypeError(`choices are i32 of one dimension, got ${choices.dtype}[${choices.shape}]`);
    }
    const n = keys.shape[0];
    return [{ shape: [n], dtype: "i32" }, { shape: [n, classes], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { stream, classes } = node.attrs as RandomLabelsAttrs;
    const rows = node.outputs[0].shape[0];
    return {
      kernels: [{
        shader: "random_labels",
        params: { rows, classes, choices: node.inputs[2].shape[0], stream },
        bindings: [input(0), input(1), input(2), output(0), output(1)],
        workgroups: [Math.max(1, rows), 1, 1],
      }],
    };
  }),
  splitInputs: () => [false, true, false],
};

/**
 * Adds a class from `choices` for each sample. Throws RangeError for a choice that is not below `classes`.
 */
export function randomLabels(
  g: Graph,
  rng: Tensor,
  keys: Tensor,
  choices: readonly number[],
  attrs: RandomLabelsAttrs,
): { labels: Tensor; oneHot: Tensor } {
  const outside = choices.find((c) => !Number.isInteger(c) || c < 0 || c >= attrs.classes);
  if (outside !== undefined) throw new RangeError(`Class ${outside} is outside the ${attrs.classes} classes`);
  const list = g.constant(choices, [choices.length], "i32", "choices");
  const [labels, oneHot] = g.add(RandomLabels, [rng, keys, list], attrs);
  return { labels, oneHot };
}
