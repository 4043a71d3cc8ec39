/** The labelled images that an encoder is judged on, its features of them, and the quick probes of a training run. */

import type { Config } from "../config.ts";
import { type ClassRule, readClassList } from "../data/image_folder.ts";
import { type LabelledSet, openSplit } from "../data/labelled_set.ts";
import { findCars } from "../data/stanford_cars.ts";
import { UserError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import type { StateStore } from "../gpu/store.ts";
import { locate } from "../paths.ts";
import { type FrozenEncoder, resnetEncoder } from "./encoder.ts";
import { applyScaling, FeatureExtractor, type LabelledFeatures, scalingOf } from "./features.ts";
import { knn, type KnnResult } from "./knn.ts";
import { linearProbe, type ProbeResult } from "./linear_probe.ts";

/** Both splits of a data set in an encoder's size. */
export interface ProbeData {
  readonly train: LabelledSet;
  readonly test: LabelledSet;
}

/** What both quick probes say, in per cent. */
export interface Evaluation {
  readonly linear: ProbeResult;
  readonly knn: KnnResult;
  readonly n_train: number;
  readonly n_test: number;
  readonly classes: number;
  readonly seconds: number;
}

/**
 * Opens the labelled data of a configuration; `size` is the side of the squares. Splits whose classes differ, or have
 * not those of `classes`, are a UserError.
 */
export async function openProbeData(
  { path, train, test, kind, classes, strict }: Config["probe"]["data"],
  size: number,
  warn: (line: string) => void,
): Promise<ProbeData> {
  const at = (p: string | null) => p === null ? null : locate(p);
  const source = { kind, path: at(path), train: at(train), test: at(test) };
  const options = { size, strict, warn };
  const rule: ClassRule = classes === null ? {} : { only: { names: readClassList(classes), source: classes } };
  const first = await openSplit(source, "train", options, rule);
  const same = { names: first.classes, source: first.name };
  return { train: first, test: await openSplit(source, "test", options, { ...rule, same }) };
}

/** The settings with a folder as the probe's data: IDX or Stanford Cars where it holds their files, else class folders. */
function withProbeData(config: Config, folder: string): Config {
  return { ...config, probe: { ...config.probe, data: labelledData(config.probe.data, folder) } };
}

/** Parts of a protocol that runs on the settings' `probe.data`. */
export const onProbeData = {
  data: "labelled",
  dataOf: ({ probe: { data } }: Config) => data.path ?? data.train,
  withData: withProbeData,
} as const;

/** Where labelled data lie, moved to another folder. */
export function labelledData(data: Config["probe"]["data"], folder: string): Config["probe"]["data"] {
  const path = locate(folder);
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(path), (entry) => entry.name);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "is no folder that can be read";
    throw new UserError(`data folder ${folder} ${why}: check --data`, { cause: error });
  }
  const idx = names.some((name) => /-idx\d-ubyte(\.gz)?$/.test(name));
  const kind = idx ? "idx" : findCars(path) !== null ? "cars" : "folder";
  return { ...data, kind, path, train: null, test: null };
}

/** The encoder's features of a split; `onImages` hears how many images are done. */
export async function splitFeatures(
  gpu: Gpu,
  encoder: FrozenEncoder,
  set: LabelledSet,
  onImages?: (done: number) => void,
): Promise<LabelledFeatures> {
  const extractor = await FeatureExtractor.create(gpu, encoder, [encoder.size, encoder.size]);
  try {
    const { features, kept } = await extractor.extract(set, onImages);
    return { features, labels: kept.map((i) => set.labels[i]!) };
  } finally {
    extractor.close();
  }
}

/** Both sets with each dimension shifted and scaled by the training set's mean and std. */
export function standardizeBoth(train: LabelledFeatures, test: LabelledFeatures): [LabelledFeatures, LabelledFeatures] {
  const scaling = scalingOf(train.features);
  const scaled = (set: LabelledFeatures): LabelledFeatures => ({
    ...set,
    features: { ...set.features, data: applyScaling(set.features.data, scaling) },
  });
  return [scaled(train), scaled(test)];
}

/** The quick probes of the encoder whose states are in `store`: features once, one rate, one seed. */
export async function evaluate(
  gpu: Gpu,
  store: StateStore,
  config: Config,
  data: ProbeData,
  onImages?: (done: number) => void,
): Promise<Evaluation> {
  const begun = performance.now();
  const encoder = resnetEncoder("", store, config.encoder);
  const train = await splitFeatures(gpu, encoder, data.train, onImages);
  const test = await splitFeatures(gpu, encoder, data.test, (done) => onImages?.(data.train.n + done));
  const classes = data.train.classes.length;
  const [a, b] = config.probe.standardize ? standardizeBoth(train, test) : [train, test];
  return {
    linear: (await linearProbe(gpu, a, b, classes, { ...config.probe, seed: config.seed })).result,
    knn: await knn(gpu, train, test, classes, config.probe.knn),
    n_train: train.labels.length,
    n_test: test.labels.length,
    classes,
    seconds: (performance.now() - begun) / 1000,
  };
}
