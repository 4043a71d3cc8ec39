/** Labelled images of a data set and an encoder's features of them, each made when it is first asked for. */

import type { Config } from "../config.ts";
import type { Gpu } from "../gpu/device.ts";
import { startProgress } from "../progress.ts";
import type { FrozenEncoder } from "./encoder.ts";
import { openProbeData, type ProbeData, splitFeatures } from "./evaluate.ts";
import type { LabelledFeatures } from "./features.ts";

/** A data set as an encoder sees it. */
export interface LabelledSource {
  /** The labelled images, opened once. */
  labelled(): Promise<ProbeData>;
  /** The encoder's features of their centres, computed once. */
  features(split: keyof ProbeData): Promise<LabelledFeatures>;
  /** Whether anybody has asked for the images. */
  opened(): boolean;
}

/** The data set of some settings. */
export function labelledSource(
  gpu: Gpu,
  encoder: FrozenEncoder,
  data: Config["probe"]["data"],
  log: (line: string) => void,
): LabelledSource {
  const labelled = once(() => openProbeData(data, encoder.size, log));
  const features = {
    train: once(async () => await featuresWithProgress(gpu, encoder, await labelled.get(), "train")),
    test: once(async () => await featuresWithProgress(gpu, encoder, await labelled.get(), "test")),
  };
  return { labelled: labelled.get, features: (split) => features[split].get(), opened: labelled.made };
}

async function featuresWithProgress(
  gpu: Gpu,
  encoder: FrozenEncoder,
  data: ProbeData,
  split: keyof ProbeData,
): Promise<LabelledFeatures> {
  const progress = startProgress({ label: `features, ${split} split`, total: data[split].n });
  try {
    return await splitFeatures(gpu, encoder, data[split], (done) => progress.update(done));
  } finally {
    progress.stop();
  }
}

/** A value that is made when it is first asked for. */
function once<T>(make: () => Promise<T>): { get: () => Promise<T>; made: () => boolean } {
  let value: Promise<T> | null = null;
  return { get: () => value ??= make(), made: () => value !== null };
}
