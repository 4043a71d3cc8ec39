/** metrics.jsonl: one line of JSON a measured step, cut back to the checkpoint on resume. */

import { writeAtomic } from "../data/atomic.ts";

/** A line of metrics.jsonl. */
export interface MetricsLine {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  readonly lr: number;
  readonly images_per_second: number;
}

/** Appends lines; every line is on disk when `write` returns, so that a kill loses none. */
export class MetricsFile {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile, readonly last: MetricsLine | undefined) {
    this.#file = file;
  }

  /** Opens a file for a run that continues after `step` updates: lines of later steps are dropped. */
  static async open(path: string, step: number): Promise<MetricsFile> {
    const kept = step === 0 ? [] : readLines(path).filter((line) => line.step <= step);
    await writeAtomic(path, kept.map((line) => JSON.stringify(line) + "\n").join(""));
    return new MetricsFile(await Deno.open(path, { append: true }), kept.at(-1));
  }

  write(line: MetricsLine): void {
    const bytes = new TextEncoder().encode(JSON.stringify(line) + "\n");
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
  }

  close(): void {
    this.#file.close();
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
