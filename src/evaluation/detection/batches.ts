/**
 * Which images each step of training sees: all of them in another order each epoch, gathered by the shape of their
 * canvases as in detectron2; a group of images is a step when it is full. Everything follows from the seed, so that a
 * run can begin at any step. Deviation: a step draws one size for all its images, where detectron2 draws one for each and
 * pads to the largest.
 */

import { below, permute, philox4x32, STREAMS } from "../../generators/random.ts";
import { canvasOf, type Shape, shapeOf, type Size } from "./canvas.ts";

/** An image of a step. */
export interface BatchImage {
  /** Place in the data set. */
  readonly index: number;
  readonly flip: boolean;
}

/** What a step sees. */
export interface BatchPlan {
  readonly canvas: Size;
  readonly images: readonly BatchImage[];
}

/** How steps draw. */
export interface BatchLaw {
  readonly seed: number;
  /** Images a step. */
  readonly batch: number;
  /** Shorter sides that are drawn from. */
  readonly sizes: readonly number[];
  /** Shapes of canvases, see shapeOf. */
  readonly aspects: readonly number[];
  /** Whether images are mirrored half of the time. */
  readonly flip: boolean;
}

/** The plan of every step, from 0, for images of these sizes. */
export function batchPlans(images: readonly Size[], law: BatchLaw): (step: number) => BatchPlan {
  const { seed, batch, sizes, flip } = law;
  const key = [seed, Math.floor(seed / 2 ** 32)];
  const shapes = images.map((size) => shapeOf(size, law.aspects));
  const groups = new Map<string, number[]>();
  const full: { shape: Shape; members: number[] }[] = [];
  let position = 0;
  const next = () => {
    const epoch = Math.floor(position / images.length);
    const order = philox4x32([0, epoch, 0, STREAMS.detectionOrder], key);
    const index = permute(position++ % images.length, images.length, order);
    const shape = shapes[index]!;
    const name = `${shape.aspect} ${shape.high}`;
    const members = [...groups.get(name) ?? [], index];
    groups.set(name, members.length === batch ? [] : members);
    if (members.length === batch) full.push({ shape, members });
  };
  return (step) => {
    while (full.length <= step) next();
    const { shape, members } = full[step]!;
    const word = (i: number) => philox4x32([i >>> 2, step, 0, STREAMS.detectionView], key)[i % 4]!;
    return {
      canvas: canvasOf(shape, sizes[below(word(0), sizes.length)]!),
      images: members.map((index, i) => ({ index, flip: flip && below(word(i + 1), 2) === 1 })),
    };
  };
}
