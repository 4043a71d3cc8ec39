/** What the host gives to the detector's graphs: images on a canvas, their limits and their objects. */

import { WorkError } from "../../errors.ts";
import type { HostArray } from "../../graph/tensor.ts";
import { wordsOf } from "../../ops/unpack_bytes.ts";
import type { BatchImage, BatchPlan } from "./batches.ts";
import { fitted, type Size } from "./canvas.ts";
import { type DetectionImage, type DetectionSet, scaledBox } from "./dataset.ts";

/** Inputs of a graph by name, and the canvas that they are for. */
export interface CanvasInputs {
  readonly canvas: Size;
  readonly values: Readonly<Record<string, HostArray>>;
}

/** Objects of an image at most. */
export function mostObjects(images: readonly DetectionImage[]): number {
  return images.reduce((most, { objects }) => Math.max(most, objects.length), 1);
}

/** An image of a batch as it lies on its canvas. */
interface Laid {
  readonly image: DetectionImage;
  readonly size: Size;
  readonly flip: boolean;
}

/**
 * The inputs of a step of training: `images`, `limits`, `boxes`, `labels` and `counts`. Objects that are hard to
 * recognise are learned too, as detectron2 does.
 */
export async function batchInputs(set: DetectionSet, plan: BatchPlan, most: number): Promise<CanvasInputs> {
  const { canvas, images } = plan;
  const n = images.length;
  const pixels = new CanvasPixels(n, canvas);
  const laid = await Promise.all(images.map((wanted, i) => layUsable(set, wanted, canvas, pixels, i)));
  // Places without an object hold a box that has a size, so that nothing is infinite there.
  const boxes = Float32Array.from({ length: 4 * n * most }, (_, i) => i % 4 > 1 ? 1 : 0);
  const labels = new Int32Array(n * most);
  const counts = new Int32Array(n);
  laid.forEach(({ image, size, flip }, i) => {
    for (const { box, label } of image.objects) {
      const scaled = scaledBox(box, image, size, flip);
      if (scaled[2] <= scaled[0] || scaled[3] <= scaled[1]) continue; // outside of the image
      const at = i * most + counts[i]!++;
      boxes.set(scaled, 4 * at);
      labels[at] = label;
    }
  });
  const limits = Float32Array.from(laid.flatMap(({ size }) => limitsOf(size)));
  return { canvas, values: { images: pixels.words, limits, boxes, labels, counts } };
}

/** An image, or where it cannot be decoded the next one of its orientation. */
async function layUsable(
  set: DetectionSet,
  { index, flip }: BatchImage,
  canvas: Size,
  pixels: CanvasPixels,
  slot: number,
): Promise<Laid> {
  const n = set.images.length;
  const high = isHigh(set.images[index]!);
  for (let i = 0; i < n; i++) {
    const at = (index + i) % n;
    const image = set.images[at]!;
    if (isHigh(image) !== high) continue;
    const size = fitted(image, canvas);
    const bytes = await set.decode(at, size, flip);
    if (!bytes) continue;
    pixels.lay(slot, bytes, size);
    return { image, size, flip };
  }
  throw new WorkError(`none of the ${n} images of ${set.name} can be decoded`);
}

/** The inputs of detection on one image, and the size that it has there; null for one that cannot be decoded. */
export async function imageInput(
  set: DetectionSet,
  index: number,
  canvas: Size,
): Promise<(CanvasInputs & { readonly size: Size }) | null> {
  const size = fitted(set.images[index]!, canvas);
  const bytes = await set.decode(index, size, false);
  if (!bytes) return null;
  const pixels = new CanvasPixels(1, canvas);
  pixels.lay(0, bytes, size);
  return { canvas, size, values: { images: pixels.words, limits: Float32Array.from(limitsOf(size)) } };
}

function isHigh({ height, width }: Size): boolean {
  return height > width;
}

function limitsOf({ width, height }: Size): number[] {
  return [width, height, width, height];
}

/** Bytes [n, height, width, 3] of canvases, four in a word. */
class CanvasPixels {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly #bytes: Uint8Array;

  constructor(n: number, readonly canvas: Size) {
    this.words = new Uint32Array(wordsOf([n, canvas.height, canvas.width, 3]));
    this.#bytes = new Uint8Array(this.words.buffer);
  }

  /** Puts an image into the upper left of canvas number `slot`. */
  lay(slot: number, pixels: Uint8Array, { height, width }: Size): void {
    for (let row = 0; row < height; row++) {
      const at = 3 * (slot * this.canvas.height + row) * this.canvas.width;
      this.#bytes.set(pixels.subarray(3 * row * width, 3 * (row + 1) * width), at);
    }
  }
}
