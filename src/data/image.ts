// One image in memory, and the two ways it changes size: bilinear for raw bytes, sharp for files.
import sharp from "sharp";

/** Bytes of one image, rows from the top, channels side by side. */
export interface Image {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

sharp.concurrency(1); // one thread an image: many images are under way at once

/**
 * Decodes a file to RGB [size, size, 3] by the evaluation protocol: the shorter side becomes `shorter`,
 * then the centre is cropped. Arithmetic of the sizes as in torchvision's Resize and CenterCrop.
 */
export async function decodeSquare(path: string, size: number, shorter: number): Promise<Uint8Array> {
  const { width, height } = await sharp(path).metadata();
  const short = Math.min(width, height);
  const w = Math.trunc(shorter * width / short);
  const h = Math.trunc(shorter * height / short);
  const { data, info } = await sharp(path)
    .resize(w, h, { fit: "fill", kernel: "linear", fastShrinkOnLoad: false })
    .extract({ left: Math.round((w - size) / 2), top: Math.round((h - size) / 2), width: size, height: size })
    .removeAlpha()
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return info.channels === 3 ? new Uint8Array(data) : repeatGray(data);
}

/**
 * Decodes a file to [height, width, c]: scaled so that it covers the size, then the centre is cropped. Gray is the luma
 * of sRGB.
 */
export async function decodeCover(
  path: string,
  [height, width, channels]: readonly [number, number, 1 | 3],
): Promise<Uint8Array> {
  const { data, info } = await sharp(path)
    .resize(width, height, { fit: "cover", kernel: "linear", fastShrinkOnLoad: false })
    .removeAlpha()
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  const pixels = new Uint8Array(data);
  return info.channels < channels ? repeatGray(pixels) : pixels;
}

/** RGB from gray: every value three times. */
export function repeatGray(gray: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * gray.length);
  for (let i = 0; i < gray.length; i++) rgb.fill(gray[i], 3 * i, 3 * i + 3);
  return rgb;
}

/** images: [n, h, w] to [n, height, width], bilinear with half-pixel centres, as PIL does when it enlarges. */
export function resizeGray(
  images: Uint8Array,
  n: number,
  h: number,
  w: number,
  height: number,
  width: number,
): Uint8Array {
  if (h === height && w === width) return images;
  const rows = taps(h, height);
  const columns = taps(w, width);
  const out = new Uint8Array(n * height * width);
  for (let i = 0, at = 0; i < n; i++) {
    for (const row of rows) {
      const top = i * h * w + row.low * w;
      const bottom = i * h * w + row.high * w;
      for (const { low, high, weight } of columns) {
        const above = images[top + low] * (1 - weight) + images[top + high] * weight;
        const below = images[bottom + low] * (1 - weight) + images[bottom + high] * weight;
        out[at++] = Math.round(above * (1 - row.weight) + below * row.weight);
      }
    }
  }
  return out;
}

/** For each output place the two input places it lies between, and the share of the second. */
function taps(from: number, to: number): { low: number; high: number; weight: number }[] {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max((i + 0.5) * from / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { low, high: Math.min(low + 1, from - 1), weight: at - low };
  });
}
