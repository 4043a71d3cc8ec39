/** Features of images on disk, by a checkpoint's encoder or another one (see `openEncoder`). */

import type { Config } from "../config.ts";
import { imagesIn, listClasses } from "../data/image_folder.ts";
import { fileReader } from "../data/labelled_set.ts";
import { readSafetensors, writeSafetensors } from "../data/safetensors.ts";
import { UserError } from "../errors.ts";
import { type FrozenEncoder, openEncoder } from "../evaluation/encoder.ts";
import { FeatureExtractor, type Features } from "../evaluation/features.ts";
import type { Gpu } from "../gpu/device.ts";
import { startProgress } from "../progress.ts";

/** What was encoded. */
export interface Encoding {
  readonly n: number;
  readonly size: number;
  readonly out: string;
}

/**
 * Encodes a folder of images (class folders or flat), or a safetensors file with `images` [n, 3, h, w] that are
 * normalised already, and writes `features` [n, d]; for folders the file names are in the header, a JSON list `files`.
 */
export async function encode(
  gpu: Gpu,
  checkpoint: string,
  images: string,
  out: string,
  config: Config,
  warn: (line: string) => void,
): Promise<Encoding> {
  const encoder = await openEncoder(gpu, checkpoint, config);
  try {
    const { features, files } = images.endsWith(".safetensors")
      ? { features: await encodeTensor(gpu, encoder, images), files: null }
      : await encodeFolder(gpu, encoder, images, warn);
    const { data, n, size } = features;
    await writeSafetensors(
      out,
      [["features", { dtype: "F32", shape: [n, size], data }]],
      files ? { files: JSON.stringify(files) } : {},
    );
    return { n, size, out };
  } finally {
    encoder.store.close();
  }
}

async function encodeTensor(gpu: Gpu, encoder: FrozenEncoder, path: string): Promise<Features> {
  const tensor = (await readSafetensors(path)).tensors.get("images");
  if (!tensor) throw new UserError(`${path} has no tensor images: give one of shape [n, 3, h, w], normalised`);
  const [n, channels, height, width] = tensor.shape as [number, number, number, number];
  if (tensor.dtype !== "F32" || tensor.shape.length !== 4 || channels !== 3) {
    throw new UserError(`${path}: images is ${tensor.dtype} [${tensor.shape}], it must be F32 [n, 3, h, w]`);
  }
  const extractor = await FeatureExtractor.create(gpu, encoder, [height, width], "normalized");
  try {
    return await extractor.extractPlanes(tensor.data, n);
  } finally {
    extractor.close();
  }
}

async function encodeFolder(
  gpu: Gpu,
  encoder: FrozenEncoder,
  folder: string,
  warn: (line: string) => void,
): Promise<{ features: Features; files: string[] }> {
  const flat = imagesIn(folder);
  const files = flat.length > 0 ? flat : listClasses(folder).files;
  const { size } = encoder;
  const extractor = await FeatureExtractor.create(gpu, encoder, [size, size]);
  const progress = startProgress({ label: "encoding", total: files.length });
  try {
    const { features, kept } = await extractor.extract(
      fileReader(files, { size, warn }),
      (done) => progress.update(done),
    );
    return { features, files: Array.from(kept, (i) => files[i]!) };
  } finally {
    progress.stop();
    extractor.close();
  }
}
