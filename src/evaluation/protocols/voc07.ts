/**
 * VOC07 classification: features of the centre 224 pixels of images whose shorter side is 224 (the encoder's own size
 * where it takes no other), and support vector machines on them (see ../voc07.ts). As in the literature it fits on trainval and tests on test, and leaves difficult
 * objects out; the authors' code fits on train, tests on val and counts difficult objects: `probe.voc07`.
 */

import type { Config } from "../../config.ts";
import { writeAtomic } from "../../data/atomic.ts";
import { fileReader } from "../../data/labelled_set.ts";
import { Rejects } from "../../data/rejects.ts";
import { findVocYear, hasVocLists, readVocSplit, VOC_CLASSES, type VocImage, type VocSplit } from "../../data/voc.ts";
import { UserError } from "../../errors.ts";
import { locate } from "../../paths.ts";
import { type Progress, startProgress } from "../../progress.ts";
import { FeatureExtractor } from "../features.ts";
import type { Protocol, ProtocolContext } from "../protocol.ts";
import { type ClassResult, voc07, type VocFeatures } from "../voc07.ts";

/** An estimate of the solver's error that is worth a warning; average precision needs no more digits. */
const SVM_ERROR = 1e-2;

/** The figure of the paper's table is the area's mean: the authors' helper takes all points. */
export const voc07Protocol: Protocol = {
  summary: "VOC07 classification by linear SVMs",
  data: "voc",
  columns: ["VOC07 AP"],
  dataOf: (config) => config.probe.voc07.path,
  withData: (config, path) => ({
    ...config,
    probe: { ...config.probe, voc07: { ...config.probe.voc07, path: locate(path) } },
  }),
  run: async (context) => {
    const { gpu, config: { probe: { voc07: settings } }, out, log } = context;
    const { train, test } = await openSplits(context);
    const [fitted, tested] = [await encode(context, train, "training"), await encode(context, test, "test")];
    let progress: Progress | undefined;
    const onSolved = (done: number, total: number) => {
      progress ??= startProgress({ label: "SVMs", total, unit: "SVMs" });
      progress.update(done);
    };
    const result = await voc07(gpu, fitted, tested, VOC_CLASSES, settings.costs, onSolved)
      .finally(() => progress?.stop());
    if (result.classes.length === 0) {
      throw new UserError(`no class of VOC has objects in both ${train.name} and ${test.name}: check the lists`);
    }
    if (result.left_out.length > 0) {
      log(`without objects in one of the splits, left out: ${result.left_out.join(", ")}`);
    }
    if (result.svm_error > SVM_ERROR) {
      log(`an SVM ended with a relative error of ${result.svm_error.toPrecision(2)} in its weights`);
    }
    if (out !== null) await writeAtomic(`${out}/voc07-classes.csv`, classTable(result.classes));
    const [n_train, n_test] = [fitted.features.n, tested.features.n];
    return {
      result: { ...result, n_train, n_test, train: train.name, test: test.name, difficult: settings.difficult },
      lines: [
        `AP ${result.map_area.toFixed(2)} (area), ${result.map11.toFixed(2)} (11 points): mean of ` +
        `${result.classes.length} classes, ${n_train} training and ${n_test} test images`,
      ],
      figures: { "VOC07 AP": result.map_area },
    };
  },
};

/** A split whose annotations are read, with what was left out of it. */
interface OpenSplit extends VocSplit {
  readonly rejects: Rejects;
}

async function openSplits(
  { config: { probe }, log }: ProtocolContext,
): Promise<{ train: OpenSplit; test: OpenSplit }> {
  const { path, train, test } = probe.voc07;
  if (path === null) throw new UserError("probe.voc07.path is not set: set it to VOC's folder, or give --data");
  const root = findVocYear(locate(path), 2007);
  const open = async (split: string | null): Promise<OpenSplit> => {
    const rejects = new Rejects(probe.data.strict);
    return { ...await readVocSplit(root, split, rejects), rejects };
  };
  if (hasVocLists(root)) return { train: await open(train), test: await open(test) };
  log(`${root} has no ImageSets/Main: every second image by name is a test image`);
  const whole = await open(null);
  const half = (odd: number, name: string): OpenSplit => ({
    name: `${name} images of ${root}`,
    images: whole.images.filter((_, i) => i % 2 === odd),
    rejects: odd ? new Rejects(probe.data.strict) : whole.rejects,
  });
  return { train: half(0, "even"), test: half(1, "odd") };
}

/** Features and labels of the images that can be used. */
async function encode(
  { gpu, encoder, config, log }: ProtocolContext,
  { images, rejects }: OpenSplit,
  what: string,
): Promise<VocFeatures> {
  const { difficult } = config.probe.voc07;
  const size = encoder.anySize ? config.probe.voc07.size : encoder.size;
  const reader = fileReader(images.map(({ file }) => file), { size, shorter: size, warn: log }, rejects);
  const extractor = await FeatureExtractor.create(gpu, encoder, [size, size]);
  const progress = startProgress({ label: `VOC features, ${what} images`, total: images.length });
  try {
    const { features, kept } = await extractor.extract(reader, (done) => progress.update(done));
    const used = Array.from(kept, (i) => images[i]!);
    const labels = VOC_CLASSES.map((_, label) => Int8Array.from(used, (image) => labelOf(image, label, difficult)));
    return { features, labels };
  } finally {
    progress.stop();
    extractor.close();
  }
}

/** 1: the image has an object of the class, 0: it has none, -1: it counts neither way. */
export function labelOf(
  { objects }: Pick<VocImage, "objects">,
  label: number,
  difficult: Config["probe"]["voc07"]["difficult"],
): -1 | 0 | 1 {
  const own = objects.filter((object) => object.label === label);
  if (own.length === 0) return 0;
  return difficult === "positive" || own.some((object) => !object.difficult) ? 1 : -1;
}

function classTable(classes: readonly ClassResult[]): string {
  const head = "class,train_positives,test_positives,cost,cross_validated_ap,ap_11_points,ap_area";
  const rows = classes.map(({ name, train_positives, test_positives, cost, cv_ap, ap11, ap_area }) =>
    [name, train_positives, test_positives, cost, ...[cv_ap, ap11, ap_area].map((ap) => ap.toFixed(2))].join(",")
  );
  return [head, ...rows].join("\n") + "\n";
}
