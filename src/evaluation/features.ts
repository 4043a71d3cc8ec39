/** Features of real images: the encoder in inference mode, after the average pool and before any head. */

import { centerViews } from "../augment/views.ts";
import type { LabelledImages } from "../data/dataset.ts";
import { resnet, type ResnetSpec } from "../encoders/resnet.ts";
import type { Gpu } from "../gpu/device.ts";
import { targetOf } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import type { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";

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

  /** Compiles the encoder whose states are (or will be) in `store`, for images [side, side, channels]. */
  static async create(
    gpu: Gpu,
    store: StateStore,
    spec: ResnetSpec,
    side: number,
    channels: 1 | 3,
  ): Promise<FeatureExtractor> {
    const g = new Graph();
    const shape = [BATCH, side, side, channels];
    const x = centerViews(g, g.input("images", shape), { size: side });
    g.output("features", resnet(g, x, spec, false).features);
    return new FeatureExtractor(await Session.create(gpu, plan(g, targetOf(gpu.info)), store), shape);
  }

  /** Features of images as bytes [n, side, side, channels]; `onBatch` hears how many images are done. */
  async extract(
    { images, n }: Pick<LabelledImages, "images" | "n">,
    onBatch?: (done: number) => void,
  ): Promise<Features> {
    const each = this.shape[1]! * this.shape[2]! * this.shape[3]!;
    const size = this.session.place("features").shape[1]!;
    const data = new Float32Array(n * size);
    const input = new Float32Array(BATCH * each);
    for (let start = 0; start < n; start += BATCH) {
      const count = Math.min(BATCH, n - start);
      for (let i = 0; i < count * each; i++) input[i] = images[start * each + i]! / 255;
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
