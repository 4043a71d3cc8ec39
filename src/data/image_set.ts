/** Sets of images to train on, read one by one by their number, all of one size. */

import { messageOf, UserError, WorkError } from "../errors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { findIdxImages, readIdxImages } from "./idx.ts";
import { imagesIn, listClasses, subfolders } from "./image_folder.ts";
import { decodeCover, repeatGray, resizeGray } from "./image.ts";
import { isShards, openShards } from "./shards.ts";

/** One sample of a set. */
export interface StoredSample {
  /** Bytes of one image [h, w, c]. */
  readonly pixels: Uint8Array;
  /** Class number; -1 in a set without classes. */
  readonly label: number;
  /** Latent of the image; null in a set without latents. */
  readonly latent: Float32Array | null;
}

/** A set of images. The caller closes it. */
export interface ImageSet {
  /** What messages call it. */
  readonly name: string;
  /** Samples. */
  readonly n: number;
  /** [h, w, c] of every image. */
  readonly shape: readonly [number, number, 1 | 3];
  /** Images of a sample: itself and its stored neighbours. */
  readonly images: number;
  /** Number of classes; null where there are none. */
  readonly classes: number | null;
  /** Shape of an image's latent; null where there are none. */
  readonly latentShape: readonly number[] | null;
  /** Image number `image` of sample number `index`. */
  read(index: number, image: number): Promise<StoredSample>;
  close(): Promise<void>;
}

/** How a set is stored. */
export type SetKind = "folder" | "idx" | "shards";

/** What images become; left out: IDX images keep size and channels, folders need a size and are RGB. */
export interface SetOptions {
  readonly size: readonly [number, number];
  readonly channels?: 1 | 3;
  /** Hears about images that cannot be read. */
  readonly warn: (line: string) => void;
}

/** Decoded images of a folder that are kept in memory, in bytes. */
const CACHE_BYTES = 2 ** 30;

/** How the set at a path is stored, by what lies there. */
export function detectKind(path: string): SetKind {
  if (isShards(path)) return "shards";
  try {
    const names = Array.from(Deno.statSync(path).isFile ? [] : Deno.readDirSync(path), ({ name }) => name);
    return names.some((name) => /images[-.]idx3-ubyte(\.gz)?$/.test(name)) ? "idx" : "folder";
  } catch (error) {
    throw new UserError(`data folder ${path} does not exist: check the path`, { cause: error });
  }
}

/**
 * Opens a set. IDX: an images file, or a folder in which that of the training split is found. Folder: images, or
 * folders of classes, or either of these below `train/`; images are scaled to cover `size` and centre-cropped.
 */
export async function openImageSet(kind: SetKind, path: string, options: SetOptions | null): Promise<ImageSet> {
  switch (kind) {
    case "idx":
      return await openIdx(path, options);
    case "folder":
      if (!options) throw new TypeError("internal: a folder is opened without a size");
      return openFolder(path, options);
    case "shards":
      return await openShards(path, options);
  }
}

/** Samples of the set at a path, however it is stored. */
export async function countImages(path: string): Promise<number> {
  const kind = detectKind(path);
  const set = await openImageSet(kind, path, kind === "folder" ? { size: [8, 8], warn: () => {} } : null);
  await set.close();
  return set.n;
}

async function openIdx(path: string, options: SetOptions | null): Promise<ImageSet> {
  const isFile = (() => {
    try {
      return Deno.statSync(path).isFile;
    } catch (error) {
      throw new UserError(`IDX data ${path} does not exist: check the path`, { cause: error });
    }
  })();
  const { images, labels, n, h, w } = await readIdxImages(isFile ? path : findIdxImages(path, "train"));
  const [height, width] = options?.size ?? [h, w];
  const gray = resizeGray(images, n, h, w, height, width);
  const channels = options?.channels ?? 1;
  const each = height * width;
  return {
    name: path,
    n,
    shape: [height, width, channels],
    images: 1,
    classes: labels.reduce((most, label) => Math.max(most, label + 1), 0),
    latentShape: null,
    read: (index) => {
      const one = gray.subarray(index * each, (index + 1) * each);
      return Promise.resolve({ pixels: channels === 3 ? repeatGray(one) : one, label: labels[index]!, latent: null });
    },
    close: () => Promise.resolve(),
  };
}

function openFolder(path: string, { size, channels = 3, warn }: SetOptions): ImageSet {
  const root = subfolders(path).includes("train") ? `${path}/train` : path;
  const bare = imagesIn(root);
  const { files, labels, classes } = bare.length > 0 ? { files: bare, labels: null, classes: null } : listClasses(root);
  const shape = [...size, channels] as const;
  const cache = new Map<number, Uint8Array>();
  const broken = new Set<number>();
  const decode = async (index: number): Promise<Uint8Array | null> => {
    const known = cache.get(index);
    if (known || broken.has(index)) return known ?? null;
    try {
      const pixels = await decodeCover(files[index]!, shape);
      if ((cache.size + 1) * sizeOf(shape) <= CACHE_BYTES) cache.set(index, pixels);
      return pixels;
    } catch (error) {
      if (!broken.has(index)) warn(`${files[index]} cannot be read (${messageOf(error)}): the next image stands in`);
      broken.add(index);
      return null;
    }
  };
  return {
    name: path,
    n: files.length,
    shape,
    images: 1,
    classes: classes?.length ?? null,
    latentShape: null,
    read: async (index) => {
      // Which image stands in is the same in every run, so that runs with a broken file can be repeated too.
      for (let i = 0; i < files.length; i++) {
        const at = (index + i) % files.length;
        const pixels = await decode(at);
        if (pixels) return { pixels, label: labels?.[at] ?? -1, latent: null };
      }
      throw new WorkError(`none of the ${files.length} images in ${root} can be read`);
    },
    close: () => Promise.resolve(),
  };
}
