// Labelled images of one split, read one by one, from class folders, Stanford Cars and IDX files alike.
import { UserError } from "../errors.ts";
import { findIdxImages, readIdxImages } from "./idx.ts";
import { type ClassRule, findSplit, type ImageList, listClasses, shorterSide } from "./image_folder.ts";
import { type Crop, decodeCrop, decodeSquare, type Image, repeatGray, resizeGray } from "./image.ts";
import { Rejects } from "./rejects.ts";
import { listCars } from "./stanford_cars.ts";

/** Images that are decoded when they are asked for, as RGB bytes [size, size, 3]; null for one that cannot be used. */
export interface ImageReader {
  /** Images, those that cannot be used among them. */
  readonly n: number;
  /** The centre by the evaluation protocol. */
  center(index: number): Promise<Uint8Array | null>;
  /** The part that `draw` picks out of the whole image, scaled. */
  crop(index: number, draw: (width: number, height: number) => Crop): Promise<Uint8Array | null>;
  /** How many images that were asked for so far cannot be used. */
  rejected(): number;
  /** Warns about the files that could not be used, when there are more than at the last time. */
  tellRejects(): void;
}

/** Images with a class each. */
export interface LabelledSet extends ImageReader {
  /** What messages call it. */
  readonly name: string;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

/** Where a data set lies; the configuration's `probe.data` is one. */
export interface DatasetSource {
  readonly kind: "idx" | "folder" | "cars";
  readonly path: string | null;
  readonly train: string | null;
  readonly test: string | null;
}

/** How images are read. */
export interface ReadOptions {
  /** Side of the squares. */
  readonly size: number;
  /** What the shorter side is resized to before the centre is cropped; `shorterSide(size)` by default. */
  readonly shorter?: number;
  /** Whether a file that cannot be used is a UserError instead of being left out. */
  readonly strict?: boolean;
  /** Hears one line about the files that are left out. */
  readonly warn: (line: string) => void;
}

/** Centres that are kept in memory once decoded, in bytes a set. */
const CACHE_BYTES = 2 ** 30;

/** Opens one split. What is not where it is looked for, or does not fit the rule, is a UserError. */
export async function openSplit(
  source: DatasetSource,
  split: "train" | "test",
  options: ReadOptions,
  rule: ClassRule = {},
): Promise<LabelledSet> {
  const own = source[split];
  const path = own ?? source.path;
  if (path === null) {
    throw new UserError(
      `probe.data has neither path nor ${split}: set probe.data.path to the data set's folder`,
    );
  }
  switch (source.kind) {
    case "idx":
      return await openIdx(own ?? findIdxImages(path, split), options, rule);
    case "cars":
      if (rule.only) refuseList(rule.only.source, path, "Stanford Cars");
      return ofFiles(path, await listCars(path, split), options);
    case "folder": {
      const root = own ?? findSplit(path, split);
      return ofFiles(root, listClasses(root, rule), options);
    }
  }
}

function refuseList(source: string, path: string, what: string): never {
  throw new UserError(`${source} lists class folders, and ${path} is ${what}: unset probe.data.classes`);
}

/** Reads files. `rejects` has what was left out already, and gets what cannot be read. */
export function fileReader(
  files: readonly string[],
  options: ReadOptions,
  rejects: Rejects = new Rejects(options.strict ?? false),
): ImageReader {
  const { size, shorter = shorterSide(size), warn } = options;
  if (shorter < size) throw new RangeError(`Shorter side ${shorter} is less than the crop ${size}`);
  const total = files.length + rejects.count;
  const bad = new Set<number>();
  const cache = new Map<number, Uint8Array>();
  const attempt = async (index: number, decode: (file: string) => Promise<Uint8Array>) => {
    if (bad.has(index)) return null;
    try {
      return await decode(files[index]!);
    } catch (error) {
      bad.add(index);
      rejects.add(files[index]!, error);
      return null;
    }
  };
  return {
    n: files.length,
    center: async (index) => {
      const known = cache.get(index);
      if (known) return known;
      const pixels = await attempt(index, (file) => decodeSquare(file, size, shorter));
      if (pixels && (cache.size + 1) * pixels.length <= CACHE_BYTES) cache.set(index, pixels);
      return pixels;
    },
    crop: (index, draw) => attempt(index, (file) => decodeCrop(file, size, draw)),
    rejected: () => bad.size,
    tellRejects: () => rejects.tell(total, warn),
  };
}

function ofFiles(name: string, { files, labels, classes, others }: ImageList, options: ReadOptions): LabelledSet {
  const rejects = new Rejects(options.strict ?? false);
  for (const file of others) rejects.add(file, "no image by its name");
  return { ...fileReader(files, options, rejects), name, labels, classes };
}

/** IDX images have one size and no margin: the centre is the whole, resized. */
async function openIdx(path: string, { size }: ReadOptions, { only, same }: ClassRule): Promise<LabelledSet> {
  if (only) refuseList(only.source, path, "IDX");
  const { images, labels, n, h, w } = await readIdxImages(path);
  const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  if (same && count > same.names.length) {
    throw new UserError(
      `${path} has labels up to ${count - 1}, the training split ${same.source} ${same.names.length} classes: ` +
        "the two must be of one data set",
    );
  }
  const one = (index: number): Image => ({
    data: images.subarray(index * h * w, (index + 1) * h * w),
    width: w,
    height: h,
    channels: 1,
  });
  return {
    name: path,
    n,
    labels,
    classes: same?.names ?? Array.from({ length: count }, (_, i) => String(i)),
    center: (index) => Promise.resolve(repeatGray(resizeGray(one(index).data, 1, h, w, size, size))),
    crop: (index, draw) => decodeCrop(one(index), size, draw),
    rejected: () => 0,
    tellRejects: () => {},
  };
}
