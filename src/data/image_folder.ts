// Labelled image files: one folder a class below train/ and val/ or test/.
import { join } from "node:path";
import { messageOf, UserError } from "../errors.ts";
import { decodeSquare } from "./image.ts";

/** Image files with the index of their class. */
export interface ImageList {
  readonly files: readonly string[];
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

/** How files become squares of bytes. */
export interface DecodeOptions {
  /** Side of the square. */
  readonly size: number;
  /** What the shorter side is resized to before the centre is cropped; `shorterSide(size)` by default. */
  readonly shorter?: number;
  /** Hears one line about the files that could not be read. */
  readonly warn?: (line: string) => void;
  /** Hears how many files are done. */
  readonly onProgress?: (done: number) => void;
}

/** Decoded files in the order of the list, without those that could not be read. */
export interface DecodedImages {
  /** [n, size, size, 3] */
  readonly images: Uint8Array;
  /** Positions in the given list. */
  readonly kept: Int32Array;
}

const EXTENSIONS = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;
const NAMED = 5; // files that one warning names

/** 128 for 112 as in the paper; small images are not resized before the crop, which then is the whole. */
export function shorterSide(size: number): number {
  return size > 64 ? Math.round(size * 8 / 7) : size;
}

/** The folder of a split: train/, or val/ or test/. */
export function findSplit(root: string, split: "train" | "test"): string {
  const names = split === "train" ? ["train"] : ["val", "test"];
  const there = new Set(subfolders(root));
  const name = names.find((candidate) => there.has(candidate));
  if (name === undefined) {
    throw new UserError(
      `data folder ${root} has no ${names.join("/ or ")}/ folder: put the ${split} images there`,
    );
  }
  return join(root, name);
}

/** Images one folder below `root`; classes are the folders' names in code point order. */
export function listClasses(root: string): ImageList {
  const classes = subfolders(root);
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    for (const file of imagesIn(join(root, name))) {
      files.push(file);
      labels.push(label);
    }
  }
  if (files.length === 0) {
    throw new UserError(
      `data folder ${root} has no images in class folders: put them at ${root}/CLASS/IMAGE.jpg`,
    );
  }
  return { files, labels: Int32Array.from(labels), classes };
}

/** Image files directly in a folder, sorted. */
export function imagesIn(folder: string): string[] {
  return entriesOf(folder).filter((entry) => !entry.isDirectory && EXTENSIONS.test(entry.name))
    .map((entry) => join(folder, entry.name)).sort();
}

/** Decodes files, as many at once as is useful, to squares of RGB bytes. */
export async function decodeImages(files: readonly string[], options: DecodeOptions): Promise<DecodedImages> {
  const { size, shorter = shorterSide(size) } = options;
  if (shorter < size) throw new RangeError(`Shorter side ${shorter} is less than the crop ${size}`);
  const stride = 3 * size * size;
  const images = new Uint8Array(files.length * stride);
  const bad: { file: string; why: string }[] = [];
  const isBad = new Uint8Array(files.length);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < files.length) {
      const i = next++;
      try {
        images.set(await decodeSquare(files[i], size, shorter), i * stride);
      } catch (error) {
        isBad[i] = 1;
        bad.push({ file: files[i], why: messageOf(error).replaceAll("\n", " ") });
      }
      options.onProgress?.(++done);
    }
  };
  await Promise.all(Array.from({ length: 2 * navigator.hardwareConcurrency }, worker));
  const kept = Int32Array.from(files.keys()).filter((i) => !isBad[i]);
  if (bad.length > 0) options.warn?.(describeBad(bad, files.length));
  for (const [to, from] of kept.entries()) {
    if (to !== from) images.copyWithin(to * stride, from * stride, (from + 1) * stride);
  }
  return { images: images.subarray(0, kept.length * stride), kept };
}

function describeBad(bad: { file: string; why: string }[], total: number): string {
  bad.sort((a, b) => a.file < b.file ? -1 : 1);
  const named = bad.slice(0, NAMED).map(({ file, why }) => `${file} (${why})`).join(", ");
  const rest = bad.length > NAMED ? ` and ${bad.length - NAMED} more` : "";
  return `left out ${bad.length} of ${total} images that cannot be read: ${named}${rest}`;
}

/** Names of the folders in a folder, links to folders among them, sorted. */
export function subfolders(root: string): string[] {
  return entriesOf(root).filter((entry) => entry.isDirectory || isFolderLink(root, entry))
    .map((entry) => entry.name).filter((name) => !name.startsWith(".")).sort();
}

function isFolderLink(root: string, entry: Deno.DirEntry): boolean {
  return entry.isSymlink && Deno.statSync(join(root, entry.name)).isDirectory;
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`data folder ${folder} ${why}: check the path`, { cause: error });
  }
}
