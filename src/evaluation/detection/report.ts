/** The files of a detection: scores by class, the devkit's lists of detections, and pictures. */

import { writeAtomic } from "../../data/atomic.ts";
import { contactSheet, writePng } from "../../data/png.ts";
import type { DetectedImage } from "./detect.ts";
import { drawDetections } from "./draw.ts";
import { type ClassScore, meanScore, type Metric } from "./score.ts";

/** Longer sides of pictures: alone, and on the sheet of the first ones. */
const PICTURE = 640;
const TILE = 400;
const ON_SHEET = 12;

/** A class's averages, per cent; null without objects. */
export interface ClassRow {
  readonly class: string;
  readonly objects: number;
  readonly ap: Readonly<Record<Metric, { readonly AP: number; readonly AP50: number; readonly AP75: number } | null>>;
}

/** The scores by the classes' names. */
export function classRows(scores: readonly ClassScore[], classes: readonly string[]): ClassRow[] {
  return scores.map((score) => {
    const of = (metric: Metric) => score.objects === 0 ? null : meanScore([score], metric);
    return {
      class: classes[score.label]!,
      objects: score.objects,
      ap: { eleven_point: of("eleven_point"), area: of("area") },
    };
  });
}

/** Writes classes.csv: a row a class with its averages by both metrics. */
export async function writeClasses(folder: string, rows: readonly ClassRow[]): Promise<void> {
  const metrics = ["eleven_point", "area"] as const;
  const parts = ["AP", "AP50", "AP75"] as const;
  const head = ["class", "objects", ...metrics.flatMap((metric) => parts.map((part) => `${metric}_${part}`))];
  const lines = rows.map((row) => {
    const values = metrics.flatMap((metric) => parts.map((part) => row.ap[metric]?.[part].toFixed(2) ?? ""));
    return [row.class, row.objects, ...values].join(",");
  });
  await writeAtomic(`${folder}/classes.csv`, [head.join(","), ...lines].join("\n") + "\n");
}

/** Writes the detections as the devkit takes them: results/comp4_det_LIST_CLASS.txt, a line a box. */
export async function writeResults(
  folder: string,
  list: string,
  detected: readonly DetectedImage[],
  classes: readonly string[],
): Promise<void> {
  for (const [label, name] of classes.entries()) {
    const lines = detected.flatMap(({ image, found }) =>
      found.filter((detection) => detection.label === label).map(({ score, box }) =>
        `${image.id} ${score.toFixed(6)} ${box.map((side) => side.toFixed(2)).join(" ")}\n`
      )
    );
    await writeAtomic(`${folder}/results/comp4_det_${list}_${name}.txt`, lines.join(""));
  }
}

/** Draws the first images with their detections: pictures/ID.png, and pictures.png with the first of them. */
export async function writePictures(
  folder: string,
  detected: readonly DetectedImage[],
  classes: readonly string[],
): Promise<void> {
  for (const one of detected) {
    await writePng(`${folder}/pictures/${one.image.id}.png`, await drawDetections(one, classes, PICTURE));
  }
  const first = detected.slice(0, ON_SHEET);
  if (first.length === 0) return;
  const tiles = await Promise.all(first.map((one) => drawDetections(one, classes, TILE)));
  await contactSheet(`${folder}/pictures.png`, tiles, {
    tile: 1,
    columns: Math.min(4, first.length),
    caption: "frames and labels: detections with a score from 0.5; dashed: the true objects",
  });
}
