/** Which classes are taken for which: counts, a table by class, and a picture. */

import { writeAtomic } from "../data/atomic.ts";
import { writeConfusionPlot } from "../reports/confusion_plot.ts";

/** Counts of test images, by class (row) and prediction (column). */
export interface Confusion {
  readonly classes: readonly string[];
  /** [classes, classes] */
  readonly counts: Int32Array;
}

/** A class of the test set. */
export interface ClassRow {
  readonly name: string;
  readonly images: number;
  /** Per cent; null for a class without test images. */
  readonly accuracy: number | null;
  /** The class it is most often taken for, and for how many images; null where it never is. */
  readonly mistaken: { readonly name: string; readonly images: number } | null;
}

/** Counts what was predicted. */
export function countConfusion(
  labels: Int32Array,
  predicted: readonly Int32Array[],
  classes: readonly string[],
): Confusion {
  const counts = new Int32Array(classes.length ** 2);
  for (const run of predicted) run.forEach((guess, i) => counts[labels[i]! * classes.length + guess]!++);
  return { classes, counts };
}

/** One row a class. */
export function classRows({ classes, counts }: Confusion): ClassRow[] {
  const n = classes.length;
  return classes.map((name, i) => {
    const row = counts.subarray(i * n, (i + 1) * n);
    const images = row.reduce((a, b) => a + b, 0);
    const wrong = row.map((count, j) => j === i ? 0 : count);
    const worst = wrong.reduce((best, count, j) => count > wrong[best]! ? j : best, 0);
    return {
      name,
      images,
      accuracy: images === 0 ? null : 100 * row[i]! / images,
      mistaken: wrong[worst]! > 0 ? { name: classes[worst]!, images: wrong[worst]! } : null,
    };
  });
}

/** Writes STEM-classes.csv and STEM-confusion.png. */
export async function writeConfusion(stem: string, confusion: Confusion): Promise<void> {
  const quote = (text: string) => /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = classRows(confusion).map(({ name, images, accuracy, mistaken }) =>
    [quote(name), images, accuracy?.toFixed(2) ?? "", quote(mistaken?.name ?? ""), mistaken?.images ?? 0].join(",")
  );
  const head = "class,images,accuracy,most_mistaken_for,mistaken_images";
  await writeAtomic(`${stem}-classes.csv`, [head, ...lines].join("\n") + "\n");
  await writeConfusionPlot(`${stem}-confusion.png`, confusion.classes, confusion.counts);
}
