/**
 * The record of a run: metrics.jsonl, one line of JSON a measured step, and the same for TensorBoard with the view
 * sheet. On resume both are cut back to the checkpoint: the event file follows from the lines.
 */

import { writeAtomic } from "../data/atomic.ts";
import type { Picture } from "../data/png.ts";
import { encodeEvent, encodeFileVersion } from "../data/tfevents.ts";

/** A line of metrics.jsonl. What is null or left out was not measured at that step. */
export interface MetricsLine {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly lr: number;
  readonly images_per_second: number;
  /** Share of the time in which the loop waited for stored images; steps under way went on meanwhile. */
  readonly data_wait?: number;
  /** Length of the gradient of the step's loss, all parameters together; null where it is not finite. */
  readonly gradient_norm?: number | null;
  /** With half precision: what the loss is multiplied by from the next step on. */
  readonly loss_scale?: number;
  /** Parts of a detector's loss. */
  readonly loss_objectness?: number;
  readonly loss_rpn_box?: number;
  readonly loss_class?: number;
  readonly loss_box?: number;
  /** Per cent of held-out labelled images whose class their nearest neighbours name. */
  readonly knn_top1?: number | null;
  readonly alignment?: number | null;
  readonly uniformity?: number;
  readonly effective_rank?: number;
  /** Unix time in seconds. */
  readonly time?: number;
}

/** File names in a run's folder; TensorBoard finds its own by the part "tfevents". */
const LINES = "metrics.jsonl";
const EVENTS = "events.out.tfevents.latent-views";

/** Appends lines; every line is on disk when `write` returns, so that a kill loses none. */
export class MetricsFile {
  readonly #lines: Deno.FsFile;
  readonly #events: Deno.FsFile;

  private constructor(lines: Deno.FsFile, events: Deno.FsFile, readonly last: MetricsLine | undefined) {
    this.#lines = lines;
    this.#events = events;
  }

  /** Opens the files of a run that continues after `step` updates: lines of later steps are dropped. */
  static async open(folder: string, step: number, views: Picture | null): Promise<MetricsFile> {
    const path = `${folder}/${LINES}`;
    const kept = step === 0 ? [] : readLines(path).filter((line) => line.step <= step);
    await writeAtomic(path, kept.map((line) => JSON.stringify(line) + "\n").join(""));
    // A file of which a viewer has read the beginning keeps that beginning, time and all.
    const begun = kept[0]?.time ?? now();
    const events = [
      encodeFileVersion(begun),
      ...(views ? [encodeEvent({ time: begun, step: 0, images: { views } })] : []),
      ...kept.map((line) => eventOf(line, begun)),
    ];
    await writeAtomic(`${folder}/${EVENTS}`, await new Blob(events as BlobPart[]).bytes());
    const append = (name: string) => Deno.open(`${folder}/${name}`, { append: true });
    return new MetricsFile(await append(LINES), await append(EVENTS), kept.at(-1));
  }

  /** Writes a line, with the time of now. */
  write(line: Omit<MetricsLine, "time">): void {
    const timed = { ...line, time: now() };
    writeAll(this.#lines, new TextEncoder().encode(JSON.stringify(timed) + "\n"));
    writeAll(this.#events, eventOf(timed, timed.time));
  }

  close(): void {
    this.#lines.close();
    this.#events.close();
  }
}

/** The lines of a file; none when it is not there. A last line cut off by a kill is dropped. */
export function readLines(path: string): MetricsLine[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch {
    return [];
  }
  return text.split("\n").slice(0, -1).flatMap((line) => {
    try {
      return [JSON.parse(line) as MetricsLine];
    } catch {
      return [];
    }
  });
}

/** What TensorBoard calls the numbers of a line: what every line has, and what the watch adds. */
const TAGS: Readonly<Record<string, string>> = {
  loss: "train/loss",
  loss_objectness: "train/loss_objectness",
  loss_rpn_box: "train/loss_rpn_box",
  loss_class: "train/loss_class",
  loss_box: "train/loss_box",
  lr: "train/lr",
  gradient_norm: "train/gradient_norm",
  loss_scale: "train/loss_scale",
  images_per_second: "train/images_per_second",
  data_wait: "train/data_wait",
  epoch: "train/epoch",
  knn_top1: "watch/knn_top1",
  alignment: "watch/alignment",
  uniformity: "watch/uniformity",
  effective_rank: "watch/effective_rank",
};

/** A line as an event; `time` stands in where an older program wrote none. */
function eventOf(line: MetricsLine, time: number): Uint8Array {
  const scalars = Object.entries(line).flatMap(([key, value]) => {
    const tag = TAGS[key];
    return tag === undefined || typeof value !== "number" ? [] : [[tag, value] as const];
  });
  return encodeEvent({ time: line.time ?? time, step: line.step, scalars: Object.fromEntries(scalars) });
}

function now(): number {
  return Date.now() / 1000;
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}
