/** The source that a configuration names, opened. */

import type { Config } from "../config.ts";
import { detectKind, type ImageSet, openImageSet } from "../data/image_set.ts";
import { shorterSide } from "../data/image_folder.ts";
import { UserError } from "../errors.ts";
import { type Generator, loadGenerator } from "../generators/model.ts";
import { Graph } from "../graph/graph.ts";
import { locate } from "../paths.ts";
import { generatorSource, type Source } from "./source.ts";
import { mixedSource, storedSource } from "./stored_source.ts";

/** A source, and the configuration with what only its data tell filled in. */
export interface OpenSource {
  readonly source: Source;
  /** `data.samples` is the number of images of a stored set, so that epochs have their length. */
  readonly config: Config;
  close(): Promise<void>;
}

/** Opens the generator or the image set; `warn` hears about images that cannot be read. */
export async function openSource(config: Config, warn: (line: string) => void): Promise<OpenSource> {
  const { kind, path, mix } = config.data;
  if (kind === "generator") {
    const generator = await loadGenerator(locate(config.generator.model));
    const generated = generatorSource(generator, config);
    if (!mix) return { source: generated, config, close: () => Promise.resolve() };
    const set = await openForMix(generator, locate(mix.path), warn);
    const stored = storedSource(set, config, set.n);
    return { source: mixedSource(generated, stored, mix.ratio), config, close: () => set.close() };
  }
  if (path === null) throw new UserError(`data.kind is ${kind}, which needs data.path: set it to where the images are`);
  if (mix) {
    throw new UserError(`data.mix puts images among a generator's samples: set data.kind to generator, not ${kind}`);
  }
  const side = config.data.size ?? shorterSide(config.encoder.input);
  const set = await openImageSet(kind, locate(path), kind === "folder" ? { size: [side, side], warn } : null);
  try {
    const samples = config.data.samples ?? set.n;
    if (samples > set.n) throw new UserError(`data.samples is ${samples}, and ${path} has ${set.n} images: lower it`);
    const resolved = { ...config, data: { ...config.data, samples } };
    return { source: storedSource(set, resolved, samples), config: resolved, close: () => set.close() };
  } catch (error) {
    await set.close();
    throw error;
  }
}

/** Images to be mixed with a generator's: of its size and channels. */
async function openForMix(generator: Generator, path: string, warn: (line: string) => void): Promise<ImageSet> {
  const g = new Graph();
  const labels = generator.classes === null ? null : g.input("labels", [1, generator.classes]);
  const [, h, w, c] = generator.build(g, g.input("latents", [1, ...generator.latentShape]), labels).shape;
  return await openImageSet(detectKind(path), path, { size: [h!, w!], channels: c as 1 | 3, warn });
}
