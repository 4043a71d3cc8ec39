/** What the host gives to a step beside its seed: stored images, prepared some steps ahead. */

import type { ImageSet } from "../data/image_set.ts";
import { below, permute, philox4x32, STREAMS } from "../generators/random.ts";
import { type HostArray, sizeOf } from "../graph/tensor.ts";
import { wordsOf } from "../ops/unpack_bytes.ts";

/** Values of a step's inputs, by name. The same step gives the same values whenever it is asked for. */
export interface Feed {
  at(step: number): Promise<Readonly<Record<string, HostArray>>>;
}

/** Which images of a set the steps see. */
export interface FeedLaw {
  readonly seed: number;
  /** Samples a step. */
  readonly batch: number;
  /** Samples of the set that are used: the first ones. */
  readonly samples: number;
  /** Whether they are gone through in another order each epoch. */
  readonly shuffle: boolean;
  /** Images of each sample in a step: it alone, or it and neighbours out of its pool. */
  readonly images: number;
  /** Stored neighbours of a sample from which those of a step are drawn. */
  readonly pool: number;
}

/** Names of the inputs that a feed of stored images fills. */
export const STORED = { images: "stored.images", labels: "stored.labels", latents: "stored.latents" } as const;

/** Images of a set: position p of the run is sample p modulo N, or a permutation of it keyed by the epoch. */
export function storedFeed(set: ImageSet, law: FeedLaw): Feed {
  const { batch, images } = law;
  const each = sizeOf(set.shape);
  const latentSize = set.latentShape ? sizeOf(set.latentShape) : 0;
  return {
    at: async (step) => {
      const words = new Uint32Array(wordsOf([images * batch * each]));
      const bytes = new Uint8Array(words.buffer);
      const labels = new Int32Array(batch);
      const latents = new Float32Array(batch * latentSize);
      await Promise.all(Array.from({ length: images * batch }, async (_, i) => {
        const [index, image] = storedImage(law, step, i);
        const sample = await set.read(index, image);
        bytes.set(sample.pixels, i * each);
        if (i >= batch) return; // a view has its anchor's label
        labels[i] = sample.label;
        if (sample.latent) latents.set(sample.latent, i * latentSize);
      }));
      return { [STORED.images]: words, [STORED.labels]: labels, [STORED.latents]: latents };
    },
  };
}

/** Sample and stored image of row view * batch + r of a step; image 0 is the anchor. */
export function storedImage(law: FeedLaw, step: number, i: number): [index: number, image: number] {
  const { seed, batch, samples, shuffle, pool } = law;
  const key = [seed, Math.floor(seed / 2 ** 32)];
  const view = Math.floor(i / batch);
  const row = i % batch;
  const position = step * batch + row;
  const epoch = Math.floor(position / samples);
  const place = position % samples;
  const index = shuffle ? permute(place, samples, philox4x32([0, epoch, 0, STREAMS.storedOrder], key)) : place;
  if (view === 0) return [index, 0];
  const first = below(philox4x32([0, row, step, STREAMS.neighborChoice], key)[0], pool);
  return [index, 1 + (first + view - 1) % pool];
}

/** Keeps what the next steps take in preparation, so that decoding goes on while the device computes. */
export class FeedRing<T = Awaited<ReturnType<Feed["at"]>>> {
  readonly #under = new Map<number, Promise<T>>();
  #waited = 0;

  /** Prepares up to `depth` steps ahead, and none from `end` on. */
  constructor(readonly feed: { at(step: number): Promise<T> }, readonly depth: number, readonly end: number) {}

  /** The inputs of a step; those of the following ones are begun. */
  async take(step: number): Promise<T> {
    for (let s = step; s < Math.min(step + this.depth, this.end); s++) {
      if (this.#under.has(s)) continue;
      const inputs = this.feed.at(s);
      inputs.catch(() => {}); // whoever takes it hears of it
      this.#under.set(s, inputs);
    }
    const inputs = this.#under.get(step) ?? this.feed.at(step);
    this.#under.delete(step);
    const begun = performance.now();
    try {
      return await inputs;
    } finally {
      this.#waited += performance.now() - begun;
    }
  }

  /** Milliseconds for which `take` has waited so far. Steps that were submitted before went on meanwhile. */
  get waited(): number {
    return this.#waited;
  }

  /** Waits for what is under way, so that its files can be closed. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#under.values());
    this.#under.clear();
  }
}
