/**
 * VOC detection as in the paper: Faster R-CNN R50-C4 begun from the encoder, all layers trained further, with one more
 * batch norm behind the last stage and its statistics averaged anew before the test. Where the paper and its code do not
 * say, the values are detectron2's. Deviations: one size and one shape of canvas for the images of a step (batches.ts,
 * canvas.ts), and scores and boxes are not rounded before they are compared with the truth.
 */

import type { Config } from "../../config.ts";
import { VOC_CLASSES } from "../../data/voc.ts";
import { UnsuitableError, UserError, WorkError } from "../../errors.ts";
import { StateStore } from "../../gpu/store.ts";
import { WorkPool } from "../../gpu/work_pool.ts";
import { exists, locate } from "../../paths.ts";
import { type DetectionSet, openDetectionSet } from "../detection/dataset.ts";
import { detectAll, type DetectedImage } from "../detection/detect.ts";
import type { DetectorSpec } from "../detection/detector.ts";
import { averageStatistics } from "../detection/precise_bn.ts";
import { type ClassRow, classRows, writeClasses, writePictures, writeResults } from "../detection/report.ts";
import { meanScore, type Metric, scoreClasses } from "../detection/score.ts";
import type { SessionPlace } from "../detection/sessions.ts";
import { stopped, trainDetector } from "../detection/train.ts";
import type { FrozenEncoder } from "../encoder.ts";
import type { Outcome, Protocol, ProtocolContext } from "../protocol.ts";

/** Settings `detection`; files go to OUT/detection. */
export const detectionProtocol: Protocol = {
  summary: "Faster R-CNN fine-tuned on VOC",
  resumable: true,
  data: "voc",
  columns: ["detection AP", "AP50", "AP75"],
  dataOf: ({ detection }) => detection.data.path,
  withData,
  run: async (context) => {
    const { gpu, encoder, config, log } = context;
    const spec = specOf(encoder, config);
    const train = await openSet(context, "train");
    const test = await openSet(context, "test");
    const place: SessionPlace = { gpu, store: new StateStore(gpu), pool: new WorkPool(gpu), log };
    try {
      const out = context.out === null ? null : `${context.out}/detection`;
      const { resume, signal } = context;
      const options = { out, resume, signal, log };
      const { step, loss } = await trainDetector(place, encoder, train, spec, config, options);
      if (step < config.detection.steps) throw stopped(step, config.detection, out);
      await averageStatistics(place, train, spec, config);
      const detected = await detectAll(place, test, spec, config.detection);
      return await judge({ train, test, detected, step, loss }, config, out);
    } finally {
      place.store.close();
      place.pool.close();
    }
  },
};

function withData(config: Config, folder: string): Config {
  const path = locate(folder);
  if (!exists(path)) throw new UserError(`data folder ${folder} does not exist: check --data`);
  return { ...config, detection: { ...config.detection, data: { ...config.detection.data, path } } };
}

function specOf({ name, resnet, normalization }: FrozenEncoder, { detection }: Config): DetectorSpec {
  if (!resnet) throw new UnsuitableError(`${name} cannot be trained further: detection takes ResNets, not ONNX models`);
  return { ...detection, resnet, normalization, classes: VOC_CLASSES.length };
}

async function openSet({ config, log }: ProtocolContext, split: "train" | "test"): Promise<DetectionSet> {
  const { path, ...splits } = config.detection.data;
  if (path === null) throw new UserError("detection.data.path is not set: give a VOC devkit by --data");
  const { strict } = config.probe.data;
  return await openDetectionSet(locate(path), splits[split], { withObjects: split === "train", strict, warn: log });
}

/** What was done, for the report. */
interface Done {
  readonly train: DetectionSet;
  readonly test: DetectionSet;
  readonly detected: readonly DetectedImage[];
  readonly step: number;
  readonly loss: number | null;
}

async function judge(
  { train, test, detected, step, loss }: Done,
  config: Config,
  out: string | null,
): Promise<Outcome> {
  if (detected.length === 0) throw new WorkError(`none of the images of ${test.name} can be decoded`);
  const { data, pictures } = config.detection;
  const objects = detected.flatMap(({ image, index }) => image.objects.map((object) => ({ ...object, image: index })));
  const found = detected.flatMap(({ index, found }) => found.map((detection) => ({ ...detection, image: index })));
  const scores = scoreClasses(objects, found, VOC_CLASSES.length);
  const rows = classRows(scores, VOC_CLASSES);
  // detectron2 takes VOC2007's own metric for its test set, the area for later ones.
  const metric: Metric = data.test.every((split) => split.startsWith("2007/")) ? "eleven_point" : "area";
  const means = { eleven_point: meanScore(scores, "eleven_point"), area: meanScore(scores, "area") };
  if (out !== null) {
    await writeClasses(out, rows);
    await writeResults(out, data.test[0]!.split("/")[1]!, detected, VOC_CLASSES);
    await writePictures(out, detected.slice(0, pictures), VOC_CLASSES);
  }
  const { AP, AP50, AP75 } = means[metric];
  return {
    result: {
      ...means[metric],
      metric,
      ...means,
      classes: rows.filter((row) => row.objects > 0),
      steps: step,
      loss,
      n_train: train.usable(),
      n_test: detected.length,
    },
    lines: lines(rows, means, metric, `${train.usable()} training and ${detected.length} test images`),
    figures: { "detection AP": AP, AP50, AP75 },
  };
}

function lines(
  rows: readonly ClassRow[],
  means: Record<Metric, ReturnType<typeof meanScore>>,
  metric: Metric,
  sizes: string,
): string[] {
  const text = (name: Metric) => {
    const { AP, AP50, AP75 } = means[name];
    return `AP ${AP.toFixed(2)}, AP50 ${AP50.toFixed(2)}, AP75 ${AP75.toFixed(2)}`;
  };
  const names = { eleven_point: "11-point", area: "area below the curve" };
  const other = metric === "area" ? "eleven_point" : "area";
  const counted = rows.filter(({ objects }) => objects > 0).length;
  return [
    `${text(metric)} (${names[metric]}, ${counted} classes, ${sizes})`,
    `${text(other)} (${names[other]})`,
  ];
}
