// Labelled images in memory, from class folders or IDX files alike.
import { UserError, WorkError } from "../errors.ts";
import { findIdxImages, readIdxImages } from "./idx.ts";
import { decodeImages, type DecodeOptions, findSplit, listClasses } from "./image_folder.ts";
import { repeatGray, resizeGray } from "./image.ts";

/** Square images with a class each. */
export interface LabelledImages {
  /** [n, h, w, c] */
  readonly images: Uint8Array;
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: 1 | 3;
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

/** Where a data set lies; the configuration's `probe.data` is one. */
export interface DatasetSource {
  readonly kind: "idx" | "folder";
  readonly path: string | null;
  readonly train: string | null;
  readonly test: string | null;
}

/** `DecodeOptions`, and whether gray images stay gray (1) or become RGB (3, the default). */
export interface LoadOptions extends DecodeOptions {
  readonly channels?: 1 | 3;
}

const MAX_BYTES = 2 ** 32;

/** Loads one split as [n, size, size, channels]. IDX images are resized, folders follow the probe's protocol. */
export async function loadDataset(
  source: DatasetSource,
  split: "train" | "test",
  options: LoadOptions,
): Promise<LabelledImages> {
  const own = source[split];
  if (own === null && source.path === null) {
    throw new UserError(
      `probe.data has neither path nor ${split}: set probe.data.path to the data set's folder`,
    );
  }
  return source.kind === "idx"
    ? await loadIdx(own ?? findIdxImages(source.path!, split), options)
    : await loadFolder(own ?? findSplit(source.path!, split), options);
}

async function loadIdx(path: string, { size, channels = 3 }: LoadOptions): Promise<LabelledImages> {
  const { images, labels, n, h, w } = await readIdxImages(path);
  checkSize(path, n, size, channels);
  const gray = resizeGray(images, n, h, w, size, size);
  const count = labels.reduce((most, label) => Math.max(most, label + 1), 0);
  return {
    images: channels === 3 ? repeatGray(gray) : gray,
    n,
    h: size,
    w: size,
    c: channels,
    labels,
    classes: Array.from({ length: count }, (_, i) => String(i)),
  };
}

async function loadFolder(root: string, options: LoadOptions): Promise<LabelledImages> {
  const { files, labels, classes } = listClasses(root);
  const { size, channels = 3 } = options;
  checkSize(root, files.length, size, 3);
  const { images, kept } = await decodeImages(files, options);
  if (kept.length === 0) throw new WorkError(`none of the ${files.length} images in ${root} can be read`);
  return {
    images: channels === 3 ? images : toGray(images),
    n: kept.length,
    h: size,
    w: size,
    c: channels,
    labels: kept.map((i) => labels[i]),
    classes,
  };
}

function checkSize(name: string, n: number, size: number, channels: number): void {
  const bytes = n * size * size * channels;
  if (bytes <= MAX_BYTES) return;
  const gib = (bytes / 2 ** 30).toFixed(1);
  throw new UserError(
    `${name} needs ${gib} GiB as ${n} images of ${size}x${size}: use fewer or smaller images`,
  );
}

/** Luma of BT.601, as PIL's convert("L"). */
function toGray(rgb: Uint8Array): Uint8Array {
  const gray = new Uint8Array(rgb.length / 3);
  for (let i = 0, j = 0; i < gray.length; i++, j += 3) {
    gray[i] = Math.round(0.299 * rgb[j] + 0.587 * rgb[j + 1] + 0.114 * rgb[j + 2]);
  }
  return gray;
}
