/**
 * The linear probe of the paper: random crops of the training images through the frozen encoder in every epoch, centres
 * of the test images; SGD, cosine rule, batch 256, rate 2 for encoders trained on generated images and 0.3 for real
 * ones. The authors' number is that of the best epoch on the test set; the last epoch's stands beside it, and first.
 */

import type { Config } from "../../config.ts";
import { startProgress } from "../../progress.ts";
import { countConfusion, writeConfusion } from "../confusion.ts";
import { cropStream } from "../crop_stream.ts";
import { onProbeData, standardizeBoth } from "../evaluate.ts";
import { applyScaling, FeatureExtractor, type LabelledFeatures, scalingOf } from "../features.ts";
import type { LabelledSource } from "../labelled_source.ts";
import { cachedStream, type ProbeRun, trainProbe } from "../linear_probe.ts";
import type { Outcome, Protocol, ProtocolContext } from "../protocol.ts";
import { type ProbeSummary, summarize, summaryLines } from "../summary.ts";

/** `probe.crops: center` computes the features once instead; `probe.seeds` repeats the whole. */
export const linearProtocol: Protocol = {
  summary: "the paper's linear classifier",
  ...onProbeData,
  columns: ["ImageNet top-1"],
  run: async (context) => {
    const { summary, ...outcome } = await linearOutcome(context, "linear");
    return { ...outcome, figures: { "ImageNet top-1": summary.best.top1 } };
  },
};

/** The linear probe on a data set, and its files, whose names begin with `stem`. */
export async function linearOutcome(
  context: ProtocolContext,
  stem: string,
): Promise<Omit<Outcome, "figures"> & { readonly summary: ProbeSummary }> {
  const { config, out } = context;
  const runs = [];
  for (const seed of probeSeeds(config)) {
    const run = config.probe.crops === "random" ? await onCrops(context, seed) : await onCentres(context, seed);
    runs.push({ seed, ...run });
  }
  const summary = summarize(runs.map(({ seed, result }) => ({ seed, lr: config.probe.lr, ...result })));
  if (out !== null) {
    const { classes } = (await context.labelled()).train;
    const { labels } = await context.features("test");
    await writeConfusion(`${out}/${stem}`, countConfusion(labels, runs.map(({ predicted }) => predicted), classes));
  }
  return { result: { ...summary, crops: config.probe.crops }, lines: summaryLines(summary), summary };
}

/** Seeds of a probe: the settings' own list, or the run's seed. */
export function probeSeeds({ probe: { seeds }, seed }: Config): readonly number[] {
  return seeds ?? [seed];
}

/** One training on random crops. */
async function onCrops(context: ProtocolContext, seed: number): Promise<ProbeRun> {
  const { gpu, encoder, config: { probe } } = context;
  const { train } = await context.labelled();
  const scaling = probe.standardize ? scalingOf((await context.features("train")).features) : null;
  const plain = await context.features("test");
  const test = scaling ? rescaled(plain, applyScaling(plain.features.data, scaling)) : plain;
  const extractor = await FeatureExtractor.create(gpu, encoder, [encoder.size, encoder.size]);
  const stream = cropStream(train, extractor, { ...probe, seed, scaling });
  const progress = startProgress({
    label: `linear probe, seed ${seed}`,
    total: probe.epochs * stream.steps,
    unitsPerStep: stream.batch,
  });
  try {
    const settings = { ...probe, seed };
    return await trainProbe(gpu, stream, test, train.classes.length, settings, (done) => progress.update(done));
  } finally {
    progress.stop();
    await stream.close();
    extractor.close();
    train.tellRejects();
  }
}

/** One training on the features of the centres. */
async function onCentres(
  { gpu, config: { probe }, ...source }: LabelledSource & Pick<ProtocolContext, "gpu" | "config">,
  seed: number,
): Promise<ProbeRun> {
  const [train, test] = [await source.features("train"), await source.features("test")];
  const [a, b] = probe.standardize ? standardizeBoth(train, test) : [train, test];
  const classes = (await source.labelled()).train.classes.length;
  return await trainProbe(gpu, cachedStream(a, probe.batch, seed), b, classes, { ...probe, seed });
}

function rescaled({ features, labels }: LabelledFeatures, data: Float32Array): LabelledFeatures {
  return { features: { ...features, data }, labels };
}
