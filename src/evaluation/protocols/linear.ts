/** The linear probe on the probe's data. */

import { standardizeBoth, withProbeData } from "../evaluate.ts";
import { linearProbe } from "../linear_probe.ts";
import type { Protocol } from "../protocol.ts";

/** A linear classifier on the frozen encoder. */
export const linearProtocol: Protocol = {
  summary: "a linear classifier on the frozen encoder",
  withData: withProbeData,
  run: async ({ gpu, config, labelled, features }) => {
    const classes = (await labelled()).train.classes.length;
    const [train, test] = [await features("train"), await features("test")];
    const [a, b] = config.probe.standardize ? standardizeBoth(train, test) : [train, test];
    const result = await linearProbe(gpu, a, b, classes, { ...config.probe, seed: config.seed });
    const { top1, top5, best } = result;
    return {
      result: { ...result },
      lines: [
        `top-1 ${top1.toFixed(2)}, top-5 ${top5.toFixed(2)} (last epoch)`,
        `top-1 ${best.top1.toFixed(2)} (best epoch, ${best.epoch}, chosen on the test set)`,
      ],
      figures: { "ImageNet top-1": best.top1 },
    };
  },
};
