/**
 * What is measured of an encoder while it trains, beside its loss: nearest neighbours among labelled images, by the
 * features that the probes see. The images are of the training split, so that a choice by this number has not seen the
 * test split. The encoder's states are the run's own (StateStore), statistics of batch normalisations included.
 */

import type { Config } from "../config.ts";
import type { LabelledSet } from "../data/labelled_set.ts";
import { UserError } from "../errors.ts";
import { resnetEncoder } from "../evaluation/encoder.ts";
import { FeatureExtractor, type LabelledFeatures } from "../evaluation/features.ts";
import { knn } from "../evaluation/knn.ts";
import { shuffledByClass } from "../evaluation/rate_choice.ts";
import type { Gpu } from "../gpu/device.ts";
import type { StateStore } from "../gpu/store.ts";

/** Seed of the choice of images: the same ones in all runs, so that their numbers can be compared. */
const CHOICE = 0;

/** Labelled images, decoded. */
interface Squares {
  readonly pixels: readonly Uint8Array[];
  readonly labels: Int32Array;
}

/** Nearest neighbours of one run. The caller closes it. */
export class NeighborWatch {
  private constructor(
    readonly gpu: Gpu,
    readonly extractor: FeatureExtractor,
    readonly settings: Config["probe"]["knn"],
    readonly classes: number,
    readonly bank: Squares,
    readonly queries: Squares,
  ) {}

  /** Reads `watch.images` images of a set, and compiles the encoder whose states are in `store`. */
  static async open(gpu: Gpu, store: StateStore, set: LabelledSet, config: Config): Promise<NeighborWatch> {
    const { bank, queries } = chooseImages(set.labels, config.watch.images);
    if (queries.length === 0) {
      throw new UserError(
        `watch.images is ${config.watch.images} and ${set.name} has ${set.n} images, which leaves none to ask about: ` +
          "raise it, or set watch.images to 0",
      );
    }
    const squares = [await decode(set, bank), await decode(set, queries)] as const;
    set.tellRejects();
    const { input } = config.encoder;
    const extractor = await FeatureExtractor.create(gpu, resnetEncoder("", store, config.encoder), [input, input]);
    return new NeighborWatch(gpu, extractor, config.probe.knn, set.classes.length, ...squares);
  }

  /** Per cent of the queries whose class the weighted vote of their neighbours names, by the states as they are now. */
  async top1(): Promise<number> {
    const [bank, queries] = [await this.#features(this.bank), await this.#features(this.queries)];
    return (await knn(this.gpu, bank, queries, this.classes, this.settings)).top1;
  }

  async #features({ pixels, labels }: Squares): Promise<LabelledFeatures> {
    const data = await this.extractor.rows(pixels);
    return { features: { data, n: pixels.length, size: this.extractor.size }, labels };
  }

  close(): void {
    this.extractor.close();
  }
}

/** Every class in turn gives an image to the bank that votes and one to the queries, until there are `count`. */
export function chooseImages(labels: Int32Array, count: number): { bank: number[]; queries: number[] } {
  const classes = shuffledByClass(labels, CHOICE);
  const longest = classes.reduce((most, { length }) => Math.max(most, length), 0);
  const sides: [number[], number[]] = [[], []];
  let taken = 0;
  for (let round = 0; round < longest && taken < count; round++) {
    for (const rows of classes.slice(0, count - taken)) {
      const row = rows[round];
      if (row === undefined) continue;
      sides[round % 2]!.push(row);
      taken++;
    }
  }
  return { bank: sides[0], queries: sides[1] };
}

/** The centres of the images that can be read. */
async function decode(set: LabelledSet, rows: readonly number[]): Promise<Squares> {
  const centers = await Promise.all(rows.map((row) => set.center(row)));
  const read = rows.flatMap((row, i) => centers[i] ? [{ row, pixels: centers[i] }] : []);
  return { pixels: read.map(({ pixels }) => pixels), labels: Int32Array.from(read, ({ row }) => set.labels[row]!) };
}
