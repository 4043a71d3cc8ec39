/** The probes of an encoder on a data set: features once, then the linear classifier and nearest neighbours. */

import { type Config, parseConfig } from "../config.ts";
import { type LabelledImages, loadDataset } from "../data/dataset.ts";
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { StateStore } from "../gpu/store.ts";
import { exists, locate } from "../paths.ts";
import { type FrozenEncoder, resnetEncoder } from "./encoder.ts";
import { FeatureExtractor, type Features, standardize } from "./features.ts";
import { knn, type KnnResult } from "./knn.ts";
import { linearProbe, type ProbeResult } from "./linear_probe.ts";

/** Both splits of a data set in the encoder's size. */
export interface ProbeData {
  readonly train: LabelledImages;
  readonly test: LabelledImages;
}

/** What both probes say, in per cent. */
export interface Evaluation {
  readonly linear: ProbeResult;
  readonly knn: KnnResult;
  readonly n_train: number;
  readonly n_test: number;
  readonly classes: number;
  readonly seconds: number;
}

/** Features of both splits with their labels. */
export interface ProbeFeatures {
  readonly train: { readonly features: Features; readonly labels: Int32Array };
  readonly test: { readonly features: Features; readonly labels: Int32Array };
  readonly classes: number;
}

/** Loads the probe's data; a label outside the training set's classes is a UserError. */
export async function loadProbeData(config: Config, warn: (line: string) => void): Promise<ProbeData> {
  const { path, train, test, kind } = config.probe.data;
  const at = (p: string | null) => p === null ? null : locate(p);
  const source = { kind, path: at(path), train: at(train), test: at(test) };
  const options = { size: config.encoder.input, warn };
  const data = { train: await loadDataset(source, "train", options), test: await loadDataset(source, "test", options) };
  const classes = data.train.classes.length;
  if (data.test.classes.length > classes || data.test.labels.some((label) => label >= classes)) {
    throw new UserError(
      `the test split has ${data.test.classes.length} classes, the training split ${classes}: they must be the same`,
    );
  }
  return data;
}

/** The settings with a folder as the probe's data: IDX where it holds such files, else class folders. */
export function withProbeData(config: Config, folder: string): Config {
  const path = locate(folder);
  if (!exists(path)) throw new UserError(`data folder ${folder} does not exist: check --data`);
  const idx = [...Deno.readDirSync(path)].some((entry) => /-idx\d-ubyte(\.gz)?$/.test(entry.name));
  const data = parseConfig(JSON.stringify({ probe: { data: { kind: idx ? "idx" : "folder", path } } })).probe.data;
  return { ...config, probe: { ...config.probe, data } };
}

/** The encoder's features of both splits; `onImages` hears how many images are done. */
export async function probeFeatures(
  gpu: Gpu,
  encoder: FrozenEncoder,
  { train, test }: ProbeData,
  onImages?: (done: number) => void,
): Promise<ProbeFeatures> {
  const extractor = await FeatureExtractor.create(gpu, encoder, [train.h, train.w, train.c]);
  try {
    return {
      train: { features: await extractor.extract(train, onImages), labels: train.labels },
      test: { features: await extractor.extract(test, (done) => onImages?.(train.n + done)), labels: test.labels },
      classes: train.classes.length,
    };
  } finally {
    extractor.close();
  }
}

/** The linear probe with the configuration's settings. */
export function probeLinear(gpu: Gpu, config: Config, { train, test, classes }: ProbeFeatures): Promise<ProbeResult> {
  const scaled = config.probe.standardize ? standardize(train.features, test.features) : null;
  const [a, b] = scaled ? [{ ...train, features: scaled.train }, { ...test, features: scaled.test }] : [train, test];
  return linearProbe(gpu, a, b, classes, { ...config.probe, seed: config.seed });
}

/** Both probes of the encoder whose states are in `store`. */
export async function evaluate(
  gpu: Gpu,
  store: StateStore,
  config: Config,
  data: ProbeData,
  onImages?: (done: number) => void,
): Promise<Evaluation> {
  const begun = performance.now();
  const features = await probeFeatures(gpu, resnetEncoder("", store, config.encoder), data, onImages);
  return {
    linear: await probeLinear(gpu, config, features),
    knn: await knn(gpu, features.train, features.test, features.classes),
    n_train: data.train.n,
    n_test: data.test.n,
    classes: features.classes,
    seconds: (performance.now() - begun) / 1000,
  };
}
