/**
 * Few labels: a linear classifier on the cached features of a small share of each class's training images (1 and 10 %
 * by default), tested on all test images. The encoder stays frozen, unlike in SimCLR's semi-supervised protocol.
 */

import { onProbeData, standardizeBoth } from "../evaluate.ts";
import { linearProbe } from "../linear_probe.ts";
import type { Protocol } from "../protocol.ts";
import { chooseRate, pickRows, shuffledByClass } from "../rate_choice.ts";
import { summarize } from "../summary.ts";
import { probeSeeds } from "./linear.ts";

/** Shares are `probe.labels`; each seed draws other images, and the rate is chosen among them alone. */
export const fewShotProtocol: Protocol = {
  summary: "the same with 1 and 10 % of the labels",
  ...onProbeData,
  columns: [],
  run: async ({ gpu, config, labelled, features }) => {
    const { probe } = config;
    const classes = (await labelled()).train.classes.length;
    const [all, plain] = [await features("train"), await features("test")];
    const shares = [];
    const lines: string[] = [];
    for (const share of probe.labels) {
      const runs = [];
      let images = 0;
      for (const seed of probeSeeds(config)) {
        const few = pickRows(all, drawShare(all.labels, share, seed));
        images = few.labels.length;
        const [train, test] = probe.standardize ? standardizeBoth(few, plain) : [few, plain];
        const { lr } = await chooseRate(gpu, train, classes, probe.rates, { ...probe, seed });
        const { result } = await linearProbe(gpu, train, test, classes, { ...probe, seed, lr });
        runs.push({ seed, lr, ...result });
      }
      const summary = summarize(runs);
      shares.push({ share, images, ...summary });
      const margin = summary.margin
        ? ` ± ${summary.margin.top1.toFixed(2)} (95 % interval of ${runs.length} seeds)`
        : "";
      lines.push(
        `${100 * share} % of the labels (${images} images): top-1 ${summary.top1.toFixed(2)}${margin}, ` +
          `top-5 ${summary.top5.toFixed(2)}`,
      );
    }
    const figures = shares.map(({ share, top1 }) => [`${100 * share} % labels top-1`, top1] as const);
    return { result: { shares }, lines, figures: Object.fromEntries(figures) };
  },
};

/** Rows of a share of each class, at least one of each. */
export function drawShare(labels: Int32Array, share: number, seed: number): number[] {
  return shuffledByClass(labels, seed).flatMap((rows) => rows.slice(0, Math.max(1, Math.round(share * rows.length))));
}
