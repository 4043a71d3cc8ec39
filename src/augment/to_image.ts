/** Views as bytes, for sheets that a person looks at. */

import type { Image } from "../data/image.ts";
import type { Normalization } from "./params.ts";

/** Image number `index` of values [n, h, w, c], c 1 or 3: (value * std + mean) * 255, rounded and clamped. */
export function toImage(
  values: ArrayLike<number>,
  shape: readonly number[],
  index: number,
  { mean, std }: Normalization,
): Image {
  const [n, height, width, channels] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new TypeError(`Expected images [n, h, w, 1 or 3] but found [${shape}]`);
  }
  if (!(index >= 0 && index < n)) throw new RangeError(`Image ${index} is outside the ${n} images`);
  const size = height * width * channels;
  const data = new Uint8ClampedArray(size); // rounds and clamps; NaN is 0
  for (let i = 0; i < size; i++) {
    const c = i % channels;
    data[i] = 255 * (values[index * size + i] * std[c] + mean[c]);
  }
  return { data: new Uint8Array(data.buffer), width, height, channels };
}
