/** Nearest neighbours on the features of the probe's data. */

import { knn } from "../knn.ts";
import { onProbeData } from "../evaluate.ts";
import type { Protocol } from "../protocol.ts";

/** Wu et al. 2018: the `probe.knn.k` nearest training images by cosine vote. */
export const knnProtocol: Protocol = {
  summary: "weighted nearest neighbours by cosine",
  ...onProbeData,
  columns: [],
  run: async ({ gpu, config, labelled, features }) => {
    const classes = (await labelled()).train.classes.length;
    const result = await knn(gpu, await features("train"), await features("test"), classes, config.probe.knn);
    const { top1, top5, k } = result;
    return {
      result: { ...result, temperature: config.probe.knn.temperature },
      lines: [
        `top-1 ${top1.toFixed(2)}, top-5 ${top5.toFixed(2)} (k ${k}, temperature ${config.probe.knn.temperature})`,
      ],
      figures: { "kNN top-1": top1 },
    };
  },
};
