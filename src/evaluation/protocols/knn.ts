/** Nearest neighbours on the features of the probe's data. */

import { knn } from "../knn.ts";
import { withProbeData } from "../evaluate.ts";
import type { Protocol } from "../protocol.ts";

/** Wu et al. 2018: the nearest training images by cosine vote. */
export const knnProtocol: Protocol = {
  summary: "weighted nearest neighbours by cosine",
  withData: withProbeData,
  run: async ({ gpu, labelled, features }) => {
    const classes = (await labelled()).train.classes.length;
    const result = await knn(gpu, await features("train"), await features("test"), classes);
    const { top1, top5, k } = result;
    return {
      result: { ...result },
      lines: [`top-1 ${top1.toFixed(2)}, top-5 ${top5.toFixed(2)} (k ${k})`],
      figures: {},
    };
  },
};
