/** A random resized crop and flip drawn on the host, for images of different sizes that are cut where they are decoded. */

import type { Crop } from "../data/image.ts";
import { below, uniformOpen } from "../generators/random.ts";
import { fallbackBox, SIMCLR_LAW } from "./view_params.ts";

/** A part of the image, and whether it is mirrored: torchvision's RandomResizedCrop and flip. `words` are the random ones of a block. */
export function drawCrop(
  words: (block: number) => readonly number[],
  width: number,
  height: number,
  { scale, ratio, tries, flip } = SIMCLR_LAW,
): Crop {
  const mirrored = uniformOpen(words(tries)[0]!) < flip;
  for (let block = 0; block < tries; block++) {
    const [a, b, c, d] = words(block) as [number, number, number, number];
    const area = width * height * between(scale, uniformOpen(a));
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])], uniformOpen(b)));
    const [w, h] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (w < 1 || w > width || h < 1 || h > height) continue;
    return { left: below(d, width - w + 1), top: below(c, height - h + 1), width: w, height: h, flip: mirrored };
  }
  const [top, left, h, w] = fallbackBox(ratio, height, width) as [number, number, number, number];
  return { left, top, width: w, height: h, flip: mirrored };
}

function between([low, high]: readonly [number, number], share: number): number {
  return low + share * (high - low);
}
