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

/** A rectangle of an image in pixels, mirrored or not. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly flip: boolean;
}

/**
 * Decodes an image to RGB [size, size, 3] by the evaluation protocol: the shorter side becomes `shorter`,
 * then the centre is cropped. Arithmetic of the sizes as in torchvision's Resize and CenterCrop.
 */
export async function decodeSquare(source: string | Image, size: number, shorter: number): Promise<Uint8Array> {
  const { width, height } = await uprightSize(source);
  const short = Math.min(width, height);
  const w = Math.trunc(shorter * width / short);
  const h = Math.trunc(shorter * height / short);
  return await toRgb(
    upright(source)
      .resize(w, h, RESIZE)
      .extract({ left: Math.round((w - size) / 2), top: Math.round((h - size) / 2), width: size, height: size }),
  );
}

/** Decodes an image to RGB [size, size, 3]: the part that `draw` picks out of one of its size, scaled. */
export async function decodeCrop(
  source: string | Image,
  size: number,
  draw: (width: number, height: number) => Crop,
): Promise<Uint8Array> {
  const { width, height } = await uprightSize(source);
  const { flip, ...part } = draw(width, height);
  return await toRgb(upright(source).extract(part).resize(size, size, RESIZE).flop(flip));
}

/** Decodes an image to RGB [height, width, 3], stretched to that size, mirrored or not. */
export async function decodeStretched(
  source: string | Image,
  { width, height, flip }: { readonly width: number; readonly height: number; readonly flip: boolean },
): Promise<Uint8Array> {
  return await toRgb(upright(source).resize(width, height, RESIZE).flop(flip));
}

/** Antialiased bilinear, as PIL's: JPEG's own shrinking would change the pixels. */
const RESIZE = { fit: "fill", kernel: "linear", fastShrinkOnLoad: false } as const;

/**
 * An image as it is meant to be seen: turned by its EXIF orientation. PIL in the authors' loader leaves that tag aside,
 * which shows sideways the few photographs that have one.
 */
function upright(source: string | Image): sharp.Sharp {
  if (typeof source === "string") return sharp(source).autoOrient();
  const { data, width, height, channels } = source;
  return sharp(data, { raw: { width, height, channels } });
}

/** Size of an image as it is meant to be seen. */
export async function uprightSize(source: string | Image): Promise<{ width: number; height: number }> {
  return typeof source === "string" ? (await sharp(source).metadata()).autoOrient : source;
}

/** Bytes of RGB: gray is repeated, CMYK and 16 bits are converted, alpha is dropped and not blended, as PIL does. */
async function toRgb(image: sharp.Sharp): Promise<Uint8Array> {
  const { data, info } = await image.removeAlpha().toColourspace("srgb").raw({ depth: "uchar" })
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
  const { data, info } = await upright(path)
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
