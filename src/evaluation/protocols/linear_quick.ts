/** The quick linear probe: features of the centres, computed once, and the best of a few rates by a held-out part. */

import { countConfusion, writeConfusion } from "../confusion.ts";
import { onProbeData, standardizeBoth } from "../evaluate.ts";
import { linearProbe } from "../linear_probe.ts";
import type { Protocol } from "../protocol.ts";
import { chooseRate } from "../rate_choice.ts";
import { summarize, summaryLines } from "../summary.ts";
import { probeSeeds } from "./linear.ts";

/** The rates are `probe.rates`; the one that a held-out fifth of the training set prefers is trained on all of it. */
export const linearQuickProtocol: Protocol = {
  summary: "the same on cached features, its rate chosen on a held-out part of the training set",
  ...onProbeData,
  columns: [],
  run: async ({ gpu, config: { probe, ...config }, out, labelled, features }) => {
    const names = (await labelled()).train.classes;
    const classes = names.length;
    const plain = [await features("train"), await features("test")] as const;
    const [train, test] = probe.standardize ? standardizeBoth(...plain) : plain;
    const runs = [];
    const guesses: Int32Array[] = [];
    for (const seed of probeSeeds({ ...config, probe })) {
      const choice = await chooseRate(gpu, train, classes, probe.rates, { ...probe, seed });
      const { result, predicted } = await linearProbe(gpu, train, test, classes, { ...probe, seed, lr: choice.lr });
      runs.push({ seed, lr: choice.lr, ...result, tried: choice.tried });
      guesses.push(predicted);
    }
    if (out !== null) await writeConfusion(`${out}/linear-quick`, countConfusion(test.labels, guesses, names));
    const summary = summarize(runs);
    return { result: { ...summary }, lines: summaryLines(summary), figures: { "quick linear top-1": summary.top1 } };
  },
};
