/**
 * Samples packed into shards: files PATH/shard-00000.safetensors, ... of
 *   images U8 [n, images, h, w, c]     the anchor and its stored latent views, channels last
 *   latents F32 [n, images, ...shape]  of each image; left out where there are none
 *   labels I32 [n]                     of each sample; left out where there are none
 * with the format's name and version, and the number of classes, in the header's metadata. Images are read one by one
 * at their place in the file, so that a set may be larger than memory.
 */

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../errors.ts";
import { sameShape, sizeOf } from "../graph/tensor.ts";
import type { ImageSet, SetOptions } from "./image_set.ts";
import { encodeSafetensors, readSafetensorsHeader, type SafetensorsHeader, type StoredTensor } from "./safetensors.ts";
import { writeAtomic } from "./atomic.ts";

/** Format of the files, raised when a reader of older ones would misread newer ones. */
const FORMAT = "latent-views shard";
const VERSION = 1;
const NAME = /^shard-\d{5,}\.safetensors$/;

/** What all samples of a set have in common. */
export interface ShardLayout {
  /** Images of a sample: the anchor and its views. */
  readonly images: number;
  /** [h, w, c] */
  readonly shape: readonly [number, number, 1 | 3];
  /** Shape of one latent; null without latents. */
  readonly latentShape: readonly number[] | null;
  /** Null without labels. */
  readonly classes: number | null;
}

/** One sample to write. */
export interface ShardSample {
  /** [images, h, w, c] */
  readonly pixels: Uint8Array;
  /** [images, ...latentShape]; null where the layout has none. */
  readonly latents: Float32Array | null;
  readonly label: number | null;
}

/** Writes samples in order; a shard is there whole or not at all. */
export class ShardWriter {
  readonly #samples: ShardSample[] = [];
  #shards = 0;

  private constructor(
    readonly folder: string,
    readonly layout: ShardLayout,
    readonly metadata: Readonly<Record<string, string>>,
    readonly perShard: number,
  ) {}

  /** Begins a set in a folder that holds none, of so many samples a shard; `metadata` joins every header. */
  static async create(
    folder: string,
    layout: ShardLayout,
    metadata: Readonly<Record<string, string>> = {},
    perShard = 1024,
  ): Promise<ShardWriter> {
    await Deno.mkdir(folder, { recursive: true });
    if (isShards(folder)) throw new UserError(`${folder} holds shards already: give another folder`);
    return new ShardWriter(folder, layout, metadata, perShard);
  }

  /** Adds a sample. Throws RangeError when it does not fit the layout. */
  async add(sample: ShardSample): Promise<void> {
    const { images, shape, latentShape, classes } = this.layout;
    const wanted = [images * sizeOf(shape), latentShape && images * sizeOf(latentShape), classes !== null];
    const got = [sample.pixels.length, sample.latents && sample.latents.length, sample.label !== null];
    if (wanted.some((value, i) => value !== got[i])) {
      throw new RangeError(`a sample of (pixels, latents, labelled) = ${got} does not fit shards of ${wanted}`);
    }
    if (this.#samples.push(sample) === this.perShard) await this.#flush();
  }

  /** Writes what is left; the number of files written. */
  async close(): Promise<number> {
    if (this.#samples.length > 0) await this.#flush();
    return this.#shards;
  }

  async #flush(): Promise<void> {
    const { images, shape, latentShape, classes } = this.layout;
    const samples = this.#samples.splice(0);
    const n = samples.length;
    const pixels = new Uint8Array(n * images * sizeOf(shape));
    samples.forEach((s, i) => pixels.set(s.pixels, i * s.pixels.length));
    const tensors: [string, StoredTensor][] = [["images", { dtype: "U8", shape: [n, images, ...shape], data: pixels }]];
    if (latentShape) {
      const data = new Float32Array(n * images * sizeOf(latentShape));
      samples.forEach((s, i) => data.set(s.latents!, i * s.latents!.length));
      tensors.push(["latents", { dtype: "F32", shape: [n, images, ...latentShape], data }]);
    }
    if (classes !== null) {
      tensors.push(["labels", { dtype: "I32", shape: [n], data: Int32Array.from(samples, (s) => s.label!) }]);
    }
    const metadata = {
      ...this.metadata,
      format: FORMAT,
      version: String(VERSION),
      ...(classes === null ? {} : { classes: String(classes) }),
    };
    const path = join(this.folder, `shard-${String(this.#shards++).padStart(5, "0")}.safetensors`);
    await writeAtomic(path, encodeSafetensors(tensors, metadata));
  }
}

/** Whether a folder holds shards. */
export function isShards(folder: string): boolean {
  return namesIn(folder).length > 0;
}

/** Opens a set for training. Files that do not belong together, and sizes other than the wanted one, are a UserError. */
export async function openShards(folder: string, options: SetOptions | null): Promise<ImageSet> {
  const names = namesIn(folder);
  if (names.length === 0) throw new UserError(`${folder} holds no shards (shard-00000.safetensors, ...)`);
  const shards = await Promise.all(names.map((name) => openShard(join(folder, name))));
  const [{ layout }] = shards as [Shard];
  const odd = shards.find((shard) => JSON.stringify(shard.layout) !== JSON.stringify(layout));
  if (odd) throw new UserError(`${odd.path} holds ${describe(odd.layout)}, ${shards[0]!.path} ${describe(layout)}`);
  if (options && !sameShape([...options.size, options.channels ?? 3], layout.shape)) {
    throw new UserError(
      `${folder} holds images [${layout.shape}], wanted are [${options.size},${options.channels ?? 3}]`,
    );
  }
  const starts: number[] = [];
  let n = 0;
  for (const shard of shards) {
    starts.push(n);
    n += shard.n;
  }
  return {
    name: folder,
    n,
    ...layout,
    read: (index, image) => {
      const at = starts.findLastIndex((start) => start <= index);
      return shards[at]!.read(index - starts[at]!, image);
    },
    close: async () => {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

/** One file of a set, opened on first use. */
class Shard {
  #file: Promise<FileHandle> | null = null;
  #labels: Promise<Int32Array> | null = null;

  constructor(
    readonly path: string,
    readonly layout: ShardLayout,
    readonly n: number,
    readonly header: SafetensorsHeader,
  ) {}

  async read(index: number, image: number) {
    const { images, shape, latentShape } = this.layout;
    const row = index * images + image;
    const [pixels, latent, labels] = await Promise.all([
      this.#bytes("images", row * sizeOf(shape), sizeOf(shape)),
      latentShape && this.#bytes("latents", 4 * row * sizeOf(latentShape), 4 * sizeOf(latentShape)),
      this.#allLabels(),
    ]);
    return { pixels, label: labels?.[index] ?? -1, latent: latent && new Float32Array(latent.buffer) };
  }

  async close(): Promise<void> {
    await (await this.#file)?.close();
    this.#file = null;
  }

  #allLabels(): Promise<Int32Array> | null {
    if (this.layout.classes === null) return null;
    return this.#labels ??= this.#bytes("labels", 0, 4 * this.n).then(({ buffer }) => new Int32Array(buffer));
  }

  /** `length` bytes of a tensor from `begin` on, in a buffer of their own. */
  async #bytes(name: string, begin: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    this.#file ??= open(this.path);
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const at = this.header.tensors.get(name)!.begin + begin + done;
      const { bytesRead } = await (await this.#file).read(bytes, done, length - done, at);
      if (bytesRead === 0) throw new UserError(`${this.path} is cut off: write it again`);
      done += bytesRead;
    }
    return bytes;
  }
}

async function openShard(path: string): Promise<Shard> {
  const header = await readSafetensorsHeader(path);
  const fail = (why: string): never => {
    throw new UserError(`${path} is no shard of samples: ${why}`);
  };
  const { format, version, classes } = header.metadata;
  if (format !== FORMAT) fail("its header does not say so");
  if (Number(version) > VERSION) fail(`its version ${version} is newer than this program's ${VERSION}: update it`);
  const [images, latents, labels] = ["images", "latents", "labels"].map((name) => header.tensors.get(name));
  const [n, count, h, w, c] = images?.shape ?? [];
  if (images?.dtype !== "U8" || images.shape.length !== 5 || !(n! > 0 && count! > 0) || (c !== 1 && c !== 3)) {
    return fail("it has no images U8 [n, images, h, w, 1 or 3]");
  }
  if (latents && (latents.dtype !== "F32" || !sameShape(latents.shape.slice(0, 2), [n!, count!]))) {
    return fail(`its latents are not F32 [${n}, ${count}, ...]`);
  }
  if (labels ? labels.dtype !== "I32" || !sameShape(labels.shape, [n!]) || !(Number(classes) > 0) : classes) {
    return fail(`its labels are not I32 [${n}] with the number of classes in the header`);
  }
  const layout: ShardLayout = {
    images: count!,
    shape: [h!, w!, c],
    latentShape: latents ? latents.shape.slice(2) : null,
    classes: labels ? Number(classes) : null,
  };
  return new Shard(path, layout, n!, header);
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => NAME.test(name)).sort();
  } catch {
    return []; // no folder: whoever needs one says so
  }
}

function describe({ images, shape, latentShape, classes }: ShardLayout): string {
  return `${images} images [${shape}] a sample, latents [${latentShape ?? "none"}], ${classes ?? "no"} classes`;
}
