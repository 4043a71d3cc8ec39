/** VOC images with their objects and sizes, of one or more splits. */

import { decodeStretched, uprightSize } from "../../data/image.ts";
import { Rejects } from "../../data/rejects.ts";
import { findVocYear, hasVocLists, readVocSplit, type VocImage } from "../../data/voc.ts";
import { messageOf, UserError } from "../../errors.ts";
import type { Size } from "./canvas.ts";

/** Image headers that are read at once. */
const AT_ONCE = 32;

/** An annotated image and its size in pixels. */
export interface DetectionImage extends VocImage, Size {}

/** Images that are decoded when they are asked for. */
export interface DetectionSet {
  /** What messages call it. */
  readonly name: string;
  /** Those whose header can be read. */
  readonly images: readonly DetectionImage[];
  /** RGB bytes [height, width, 3] of an image stretched to a size; null for one that cannot be decoded. */
  decode(index: number, size: Size, flip: boolean): Promise<Uint8Array | null>;
  /** Images that no attempt to decode has failed for. */
  usable(): number;
  /** Warns about the files that could not be used, when there are more than at the last time. */
  tellRejects(): void;
}

/** How a set is opened. */
export interface OpenOptions {
  /** Whether images without any object are left aside, as for training. */
  readonly withObjects: boolean;
  /** Whether a file that cannot be used is a UserError instead of being left out. */
  readonly strict: boolean;
  readonly warn: (line: string) => void;
}

/**
 * Opens splits named YEAR/LIST below a VOC folder; of a year's folder without lists all images are taken, once. What is
 * not where it is looked for is a UserError.
 */
export async function openDetectionSet(
  path: string,
  splits: readonly string[],
  { withObjects, strict, warn }: OpenOptions,
): Promise<DetectionSet> {
  const rejects = new Rejects(strict);
  const images: DetectionImage[] = [];
  const places = new Map<string, () => ReturnType<typeof readVocSplit>>();
  for (const split of splits) {
    const [year, list] = split.split("/") as [string, string];
    const root = yearFolder(path, year, split);
    const name = hasVocLists(root) ? list : null;
    places.set(`${root} ${name}`, () => readVocSplit(root, name, rejects));
  }
  let total = 0;
  const names: string[] = [];
  for (const read of places.values()) {
    const rejected = rejects.count;
    const split = await read();
    names.push(split.name);
    total += split.images.length + rejects.count - rejected;
    const wanted = split.images.filter(({ objects }) => !withObjects || objects.length > 0);
    images.push(...await withSizes(wanted, rejects));
  }
  const name = names.join(" and ");
  if (images.length === 0) {
    const what = withObjects ? "can be used and has an object" : "can be used";
    throw new UserError(`none of the ${total} images of ${name} ${what}`);
  }
  const bad = new Set<number>();
  return {
    name,
    images,
    decode: async (index, { height, width }, flip) => {
      if (bad.has(index)) return null;
      const { file } = images[index]!;
      try {
        return await decodeStretched(file, { height, width, flip });
      } catch (error) {
        bad.add(index);
        rejects.add(file, error);
        return null;
      }
    },
    usable: () => images.length - bad.size,
    tellRejects: () => rejects.tell(total, warn),
  };
}

function yearFolder(path: string, year: string, split: string): string {
  try {
    return findVocYear(path, Number(year) as 2007 | 2012);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const remedy = "name the splits that are there in detection.data.train and detection.data.test";
    throw new UserError(`split ${split}: ${messageOf(error)}; ${remedy}`, { cause: error });
  }
}

/**
 * The images whose header can be read, with their sizes. One whose annotation is of another size has its boxes elsewhere:
 * a file that was replaced, or turned by its EXIF tag after they were drawn.
 */
async function withSizes(images: readonly VocImage[], rejects: Rejects): Promise<DetectionImage[]> {
  const sized: DetectionImage[] = [];
  for (let start = 0; start < images.length; start += AT_ONCE) {
    const part = images.slice(start, start + AT_ONCE);
    const sizes = await Promise.all(part.map(({ file }) => uprightSize(file).catch((error: unknown) => ({ error }))));
    sizes.forEach((size, i) => {
      const image = part[i]!;
      if ("error" in size) return rejects.add(image.file, size.error);
      const { height, width } = size;
      const said = image.size ?? size;
      if (said.height === height && said.width === width) sized.push({ ...image, height, width });
      else rejects.add(image.file, `it is ${width} x ${height}, its annotation is of ${said.width} x ${said.height}`);
    });
  }
  return sized;
}

/**
 * An object's box (x1, y1, x2, y2) on an image of another size: VOC counts pixels from 1 and both ends belong to the box,
 * ours lies between pixels' edges.
 */
export function scaledBox(
  [xmin, ymin, xmax, ymax]: readonly [number, number, number, number],
  image: Size,
  to: Size,
  flip: boolean,
): [number, number, number, number] {
  const [sx, sy] = [to.width / image.width, to.height / image.height];
  const across = [xmin - 1, xmax].map((x) => Math.min(Math.max(x * sx, 0), to.width)) as [number, number];
  const down = [ymin - 1, ymax].map((y) => Math.min(Math.max(y * sy, 0), to.height)) as [number, number];
  const [left, right] = flip ? [to.width - across[1], to.width - across[0]] : across;
  return [left, down[0], right, down[1]];
}

/** The inverse: a box on an image of another size as VOC writes it. */
export function vocBox(box: ArrayLike<number>, image: Size, from: Size): [number, number, number, number] {
  const [sx, sy] = [image.width / from.width, image.height / from.height];
  return [box[0]! * sx + 1, box[1]! * sy + 1, box[2]! * sx, box[3]! * sy];
}
