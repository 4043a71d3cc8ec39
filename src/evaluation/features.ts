/** Features of real images: the encoder in inference mode, after the average pool and before any head. */

import { centerViews } from "../augment/views.ts";
import type { ImageReader } from "../data/labelled_set.ts";
import { WorkError } from "../errors.ts";
import type { Gpu } from "../gpu/device.ts";
import { Session } from "../gpu/session.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { sizeOf } from "../graph/tensor.ts";
import { FeedRing } from "../training/feed.ts";
import type { FrozenEncoder } from "./encoder.ts";

/** Images a pass. */
const BATCH = 64;
/** Passes whose images are decoded ahead. */
const AHEAD = 3;
/** Passes that are submitted before the features of the first of them are waited for. */
const IN_FLIGHT = 3;

/** Rows of features. */
export interface Features {
  /** [n, size] */
  readonly data: Float32Array;
  readonly n: number;
  readonly size: number;
}

/** Features with the label of each row. */
export interface LabelledFeatures {
  readonly features: Features;
  readonly labels: Int32Array;
}

/** An encoder ready for images of one size. The caller closes it. */
export class FeatureExtractor {
  /** Length of a feature. */
  readonly size: number;

  private constructor(readonly session: Session, readonly shape: readonly number[]) {
    this.size = session.place("features").shape[1]!;
  }

  /**
   * Compiles an encoder for images [h, w, 3]: bytes, which are normalised on the device, or values that are
   * `normalized` already. The states may get their values later.
   */
  static async create(
    gpu: Gpu,
    encoder: FrozenEncoder,
    [height, width]: readonly [number, number],
    form: "bytes" | "normalized" = "bytes",
  ): Promise<FeatureExtractor> {
    const g = new Graph();
    const shape = [BATCH, height, width, 3];
    const images = g.input("images", shape);
    const { normalization } = encoder;
    const x = form === "bytes" ? centerViews(g, images, { size: height, normalization }) : images;
    g.output("features", encoder.build(g, x));
    return new FeatureExtractor(await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), encoder.store), shape);
  }

  /**
   * Features of the centres of a reader's images, decoded ahead, and which images they are of: those that cannot be
   * used are left out. `onBatch` hears how many are done. WorkError where none can be used.
   */
  async extract(
    reader: ImageReader,
    onBatch?: (done: number) => void,
  ): Promise<{ features: Features; kept: Int32Array }> {
    const { n } = reader;
    const passes = Math.ceil(n / BATCH);
    const each = sizeOf(this.shape.slice(1));
    const read = async (pass: number) => {
      const start = pass * BATCH;
      const squares = await Promise.all(
        Array.from({ length: Math.min(BATCH, n - start) }, (_, i) => reader.center(start + i)),
      );
      const images = new Float32Array(BATCH * each);
      const rows: number[] = [];
      for (const [i, pixels] of squares.entries()) {
        if (!pixels) continue;
        fillUnit(images, rows.length * each, pixels);
        rows.push(start + i);
      }
      return { images, rows };
    };
    const ring = new FeedRing({ at: read }, AHEAD, passes);
    const data = new Float32Array(n * this.size);
    const kept: number[] = [];
    try {
      await this.#run(passes, (pass) => ring.take(pass), (features, { rows }, pass) => {
        data.set(features.subarray(0, rows.length * this.size), kept.length * this.size);
        kept.push(...rows);
        onBatch?.(Math.min(n, (pass + 1) * BATCH));
      });
    } finally {
      await ring.close();
    }
    reader.tellRejects();
    if (kept.length === 0) throw new WorkError(`none of the ${n} images can be read`);
    const features = { data: data.subarray(0, kept.length * this.size), n: kept.length, size: this.size };
    return { features, kept: Int32Array.from(kept) };
  }

  /** Features [n, size] of n squares of bytes. */
  async rows(squares: readonly Uint8Array[]): Promise<Float32Array> {
    const each = sizeOf(this.shape.slice(1));
    const data = new Float32Array(squares.length * this.size);
    const images = new Float32Array(BATCH * each);
    const fill = (pass: number) => {
      const part = squares.slice(pass * BATCH, (pass + 1) * BATCH);
      part.forEach((pixels, i) => fillUnit(images, i * each, pixels));
      return { images };
    };
    await this.#run(Math.ceil(squares.length / BATCH), fill, (features, _, pass) => this.#put(data, features, pass));
    return data;
  }

  /** Features of normalised images [n, 3, h, w], as torch has them. */
  async extractPlanes(planes: Float32Array, n: number): Promise<Features> {
    const [, height, width] = this.shape as [number, number, number];
    const pixels = height * width;
    const data = new Float32Array(n * this.size);
    const input = new Float32Array(sizeOf(this.shape));
    const fill = (pass: number) => {
      const start = pass * BATCH;
      for (let i = 0; i < Math.min(BATCH, n - start) * 3 * pixels; i++) {
        const pixel = Math.floor(i / 3);
        const image = start + Math.floor(pixel / pixels);
        input[i] = planes[(image * 3 + i % 3) * pixels + pixel % pixels]!;
      }
      return { images: input };
    };
    await this.#run(Math.ceil(n / BATCH), fill, (features, _, pass) => this.#put(data, features, pass));
    return { data, n, size: this.size };
  }

  /** Puts the features of a full pass, or of the last one, where they belong. */
  #put(data: Float32Array, features: Float32Array, pass: number): void {
    const at = pass * BATCH * this.size;
    data.set(features.subarray(0, data.length - at), at);
  }

  /**
   * Runs passes in order, some of them under way at once: the device computes while the host prepares the next. `images`
   * may be the same array each time; `take` gets the features of a pass and what it was prepared as.
   */
  async #run<T extends { readonly images: Float32Array }>(
    passes: number,
    prepare: (pass: number) => T | Promise<T>,
    take: (features: Float32Array, prepared: T, pass: number) => void,
  ): Promise<void> {
    const pending: { pass: number; prepared: T; result: ReturnType<Session["run"]> }[] = [];
    const settle = async () => {
      const { pass, prepared, result } = pending.shift()!;
      take((await result).features as Float32Array, prepared, pass);
    };
    for (let pass = 0; pass < passes; pass++) {
      const prepared = await prepare(pass);
      this.session.write("images", prepared.images);
      const result = this.session.run(["features"]);
      result.catch(() => {}); // whoever settles it hears of it
      pending.push({ pass, prepared, result });
      if (pending.length === IN_FLIGHT) await settle();
    }
    while (pending.length) await settle();
  }

  close(): void {
    this.session.close();
  }
}

/** Bytes as values in [0, 1]. */
function fillUnit(to: Float32Array, at: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) to[at + i] = bytes[i]! / 255;
}

/** Shift and scale of each dimension. */
export interface Scaling {
  readonly mean: Float64Array;
  readonly factor: Float64Array;
}

/**
 * The scaling that gives each dimension of the training set mean 0 and std 1. A dimension that hardly varies stays
 * small instead of being blown up.
 */
export function scalingOf({ data, n, size }: Features): Scaling {
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  for (let i = 0; i < n; i++) for (let j = 0; j < size; j++) mean[j]! += data[i * size + j]! / n;
  for (let i = 0; i < n; i++) for (let j = 0; j < size; j++) square[j]! += (data[i * size + j]! - mean[j]!) ** 2 / n;
  const typical = Math.sqrt(square.reduce((a, b) => a + b, 0) / size);
  return { mean, factor: square.map((v) => 1 / Math.max(Math.sqrt(v), 1e-3 * typical, 1e-12)) };
}

/** Rows of features, scaled. */
export function applyScaling(rows: Float32Array, { mean, factor }: Scaling): Float32Array {
  const size = mean.length;
  return rows.map((v, i) => (v - mean[i % size]!) * factor[i % size]!);
}
