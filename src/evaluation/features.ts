/** Features of real images: the encoder in inference mode, after the average pool and before any head. */

import { centerViews } from "../augment/views.ts";
import type { LabelledImages } from "../data/dataset.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Session } from "../gpu/session.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { FrozenEncoder } from "./encoder.ts";

/** Images a pass. */
const BATCH = 64;

/** Rows of features. */
export interface Features {
  /** [n, size] */
  readonly data: Float32Array;
  readonly n: number;
  readonly size: number;
}

/** An encoder ready for images of one size. The caller closes it. */
export class FeatureExtractor {
  private constructor(readonly session: Session, readonly shape: readonly number[]) {}

  /**
   * Compiles an encoder for images [h, w, c]: bytes, which are normalised on the device, or values that are
   * `normalized` already (c = 3). The states may get their values later.
   */
  static async create(
    gpu: Gpu,
    encoder: FrozenEncoder,
    image: readonly [number, number, 1 | 3],
    form: "bytes" | "normalized" = "bytes",
  ): Promise<FeatureExtractor> {
    const g = new Graph();
    const shape = [BATCH, ...image];
    const images = g.input("images", shape);
    const { normalization } = encoder;
    const x = form === "bytes" ? centerViews(g, images, { size: image[0], normalization }) : images;
    g.output("features", encoder.build(g, x));
    return new FeatureExtractor(await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), encoder.store), shape);
  }

  /** Features of images as bytes [n, h, w, c]; `onBatch` hears how many images are done. */
  extract(
    { images, n }: Pick<LabelledImages, "images" | "n">,
    onBatch?: (done: number) => void,
  ): Promise<Features> {
    const each = sizeOf(this.shape.slice(1));
    const fill = (input: Float32Array, start: number, count: number) => {
      for (let i = 0; i < count * each; i++) input[i] = images[start * each + i]! / 255;
    };
    return this.#run(n, fill, onBatch);
  }

  /** Features of normalised images [n, 3, h, w], as torch has them. */
  extractPlanes(planes: Float32Array, n: number, onBatch?: (done: number) => void): Promise<Features> {
    const [, height, width] = this.shape as [number, number, number];
    const pixels = height * width;
    const fill = (input: Float32Array, start: number, count: number) => {
      for (let i = 0; i < count * 3 * pixels; i++) {
        const pixel = Math.floor(i / 3);
        const image = start + Math.floor(pixel / pixels);
        input[i] = planes[(image * 3 + i % 3) * pixels + pixel % pixels]!;
      }
    };
    return this.#run(n, fill, onBatch);
  }

  /** Runs batch by batch; `fill` writes images `start` to `start + count` to the input. */
  async #run(
    n: number,
    fill: (input: Float32Array, start: number, count: number) => void,
    onBatch?: (done: number) => void,
  ): Promise<Features> {
    const size = this.session.place("features").shape[1]!;
    const data = new Float32Array(n * size);
    const input = new Float32Array(sizeOf(this.shape));
    for (let start = 0; start < n; start += BATCH) {
      const count = Math.min(BATCH, n - start);
      fill(input, start, count);
      this.session.write("images", input);
      const { features } = await this.session.run(["features"]);
      data.set((features as Float32Array).subarray(0, count * size), start * size);
      onBatch?.(start + count);
    }
    return { data, n, size };
  }

  close(): void {
    this.session.close();
  }
}

/**
 * Both sets with each dimension shifted and scaled by the training set's mean and standard deviation. A dimension that
 * hardly varies stays small instead of being blown up.
 */
export function standardize(train: Features, test: Features): { train: Features; test: Features } {
  const { n, size } = train;
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (let i = 0; i < n; i++) for (let j = 0; j < size; j++) mean[j]! += train.data[i * size + j]! / n;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < size; j++) square[j]! += (train.data[i * size + j]! - mean[j]!) ** 2 / n;
  }
  const typical = Math.sqrt(square.reduce((a, b) => a + b, 0) / size);
  const factor = square.map((v) => 1 / Math.max(Math.sqrt(v), 1e-3 * typical, 1e-12));
  const apply = (set: Features): Features => ({
    ...set,
    data: set.data.map((v, i) => (v - mean[i % size]!) * factor[i % size]!),
  });
  return { train: apply(train), test: apply(test) };
}
