// IDX files, plain or gzipped: the format of MNIST, Fashion-MNIST, KMNIST and EMNIST.
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { UserError } from "../errors.ts";

/** The bytes of an IDX file, and their shape. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** Gray images [n, h, w] with a label each. */
export interface IdxImages {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  readonly n: number;
  readonly h: number;
  readonly w: number;
}

/** Reads one IDX file of unsigned bytes. */
export async function readIdx(path: string): Promise<IdxArray> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`IDX file ${path} ${why}: check the path`, { cause: error });
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      const plain = gunzipSync(bytes);
      bytes = new Uint8Array(plain.buffer, plain.byteOffset, plain.byteLength);
    } catch (error) {
      throw new UserError(`${path} is damaged or cut off gzip: fetch it again`, { cause: error });
    }
  }
  return decodeIdx(bytes, path);
}

/** The array in the bytes of an IDX file; `name` stands for the file in messages. */
export function decodeIdx(bytes: Uint8Array, name: string): IdxArray {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw new UserError(`${name} is not an IDX file: it must begin with two zero bytes`);
  }
  const [, , type, rank] = bytes;
  if (type !== 0x08) {
    throw new UserError(
      `${name} holds IDX type 0x${type.toString(16).padStart(2, "0")}: use unsigned bytes, 0x08`,
    );
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw new UserError(`${name} is cut off in its header: fetch it again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const needed = shape.reduce((a, b) => a * b, 1);
  const data = bytes.subarray(start);
  if (data.length !== needed) {
    throw new UserError(
      `${name} has ${data.length} bytes of data where [${shape}] needs ${needed}: fetch it again`,
    );
  }
  return { shape, data };
}

/** Reads an images file and the labels file whose name goes with it, in the same folder. */
export async function readIdxImages(imagesPath: string): Promise<IdxImages> {
  const name = basename(imagesPath);
  const labelsName = name.replace("images", "labels").replace("idx3", "idx1");
  if (labelsName === name) {
    throw new UserError(
      `IDX file ${imagesPath} must have "images" in its name: its labels are found by that name`,
    );
  }
  const labelsPath = firstThere(
    [labelsName, labelsName.replace(/\.gz$/, ""), `${labelsName}.gz`],
    dirname(imagesPath),
  );
  if (labelsPath === undefined) {
    throw new UserError(`${imagesPath} has no labels: put ${labelsName} beside it`);
  }
  const images = await readIdx(imagesPath);
  const labels = await readIdx(labelsPath);
  const [n, h, w] = images.shape;
  if (images.shape.length !== 3) {
    throw new UserError(`${imagesPath} has shape [${images.shape}] where images need [n, height, width]`);
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== n) {
    throw new UserError(`${labelsPath} has shape [${labels.shape}] where ${n} images need [${n}]`);
  }
  return { images: images.data, labels: Int32Array.from(labels.data), n, h, w };
}

/** The images file of a split in a folder with the usual names (train-images-idx3-ubyte, t10k-..., .gz). */
export function findIdxImages(folder: string, split: "train" | "test"): string {
  const prefix = split === "train" ? "train" : "(t10k|test)";
  const pattern = new RegExp(`(^|-)${prefix}-images[-.]idx3-ubyte(\\.gz)?$`);
  const found = namesIn(folder).filter((name) => pattern.test(name));
  const usual = split === "train" ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte";
  if (found.length === 0) {
    throw new UserError(`${folder} has no IDX images of the ${split} split: put ${usual}[.gz] there`);
  }
  // A file and its gzipped twin are one choice; two data sets in a folder are two.
  if (new Set(found.map((name) => name.replace(/\.gz$/, ""))).size > 1) {
    throw new UserError(
      `${folder} has several IDX images of the ${split} split, ${found.join(" and ")}: name one of them`,
    );
  }
  return join(folder, found.sort()[0]);
}

function firstThere(names: string[], folder: string): string | undefined {
  const there = new Set(namesIn(folder));
  const name = names.find((candidate) => there.has(candidate));
  return name === undefined ? undefined : join(folder, name);
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), (entry) => entry.name);
  } catch (error) {
    throw new UserError(`data folder ${folder} cannot be read: check the path`, { cause: error });
  }
}
