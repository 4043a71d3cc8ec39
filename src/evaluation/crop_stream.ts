/**
 * Training features by the paper's protocol: every epoch each image is cut and mirrored anew (RandomResizedCrop of 0.2
 * to 1 of its area, horizontal flip) and goes through the frozen encoder. GenRep main_linear.py.
 */

import { drawCrop } from "../augment/crop_draw.ts";
import type { LabelledSet } from "../data/labelled_set.ts";
import { WorkError } from "../errors.ts";
import { philox4x32, STREAMS } from "../generators/random.ts";
import { FeedRing } from "../training/feed.ts";
import { applyScaling, type FeatureExtractor, type Scaling } from "./features.ts";
import { epochOrder, type FeatureStream } from "./linear_probe.ts";

/** Batches whose images are decoded ahead. */
const AHEAD = 2;

/** How crops are drawn, and for how many epochs. */
export interface CropSettings {
  readonly batch: number;
  readonly epochs: number;
  readonly seed: number;
  /** Applied to every feature; null leaves them as they are. */
  readonly scaling: Scaling | null;
}

/** A stream of crops through an encoder. The caller closes it. */
export function cropStream(
  set: LabelledSet,
  extractor: FeatureExtractor,
  { batch, epochs, seed, scaling }: CropSettings,
): FeatureStream & { close(): Promise<void> } {
  const rows = Math.min(batch, set.n);
  const steps = Math.floor(set.n / rows);
  const orderOf = epochOrder(set.n, seed);
  const at = async (step: number) => {
    const epoch = Math.floor(step / steps);
    const start = (step % steps) * rows;
    const wanted = orderOf(epoch).subarray(start, start + rows);
    return await Promise.all(Array.from(wanted, (index) => cropOrNext(set, index, epoch, seed)));
  };
  const ring = new FeedRing({ at }, AHEAD, epochs * steps);
  return {
    size: extractor.size,
    batch: rows,
    steps,
    take: async (step) => {
      const crops = await ring.take(step);
      const features = await extractor.rows(crops.map(({ pixels }) => pixels));
      const labels = Int32Array.from(crops, ({ label }) => label);
      return { features: scaling ? applyScaling(features, scaling) : features, labels };
    },
    close: () => ring.close(),
  };
}

/** A crop of an image; the next one that can be used stands in for one that cannot, so that batches keep their size. */
async function cropOrNext(set: LabelledSet, index: number, epoch: number, seed: number) {
  for (let i = 0; i < set.n; i++) {
    const at = (index + i) % set.n;
    const words = (block: number) => philox4x32([block, at, epoch, STREAMS.probeCrop], [seed, 0]);
    const pixels = await set.crop(at, (width, height) => drawCrop(words, width, height));
    if (pixels) return { pixels, label: set.labels[at]! };
  }
  throw new WorkError(`none of the ${set.n} images in ${set.name} can be read`);
}
