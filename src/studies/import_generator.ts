/** The generators of the paper as ONNX files, from their published weights or from random ones. */

import { BIGBIGAN_128, bigBiGanSizesOf, buildBigBiGan } from "../../models/bigbigan-128.ts";
import { BIGGAN_DEEP_256, bigGanDeepSizesOf, buildBigGanDeep } from "../../models/biggan-deep-256.ts";
import { buildStyleGan2, CAR_PSI, STYLEGAN2_512, styleGan2SizesOf } from "../../models/stylegan2-512.ts";
import { publishedWeights, randomWeights } from "../../models/weights.ts";
import { writeAtomic } from "../data/atomic.ts";
import { readSafetensors, type StoredTensor } from "../data/safetensors.ts";
import { readTorchFile } from "../data/torch_file.ts";
import { UserError } from "../errors.ts";
import type { OnnxBuilder } from "../onnx/build.ts";

type Tensors = ReadonlyMap<string, StoredTensor>;

/** One of the paper's generators. */
interface Kind {
  /** A tensor that each file of this kind has; what stands in front of it in a file stands in front of all. */
  readonly anchor: string;
  /** Truncation where none is asked for; null: the generator takes none. */
  readonly truncation: { readonly preset: number; readonly most: number } | null;
  /** Builds with a file's weights at the sizes that it has, or at the published sizes (`tensors` null). */
  readonly build: (
    weights: ReturnType<typeof randomWeights>,
    tensors: Tensors | null,
    truncation: number,
  ) => OnnxBuilder;
}

/** StyleGAN2, with a latent of its own for each layer or one for all. */
const styleGan2 = (perLayer: boolean): Kind => ({
  anchor: "input.input",
  truncation: { preset: CAR_PSI, most: Infinity },
  build: (weights, tensors, truncation) =>
    buildStyleGan2(weights, truncation, tensors ? styleGan2SizesOf(tensors) : STYLEGAN2_512, perLayer),
});

const KINDS = {
  "bigbigan-128": {
    anchor: "shared.weight",
    truncation: null,
    build: (weights, tensors) => buildBigBiGan(weights, tensors ? bigBiGanSizesOf(tensors) : BIGBIGAN_128),
  },
  "biggan-deep-256": {
    anchor: "generator.gen_z.weight_orig",
    truncation: { preset: 1, most: 1 },
    build: (weights, tensors, truncation) =>
      buildBigGanDeep(weights, truncation, tensors ? bigGanDeepSizesOf(tensors) : BIGGAN_DEEP_256),
  },
  "stylegan2-512": styleGan2(false),
  "stylegan2-512-layers": styleGan2(true),
} satisfies Record<string, Kind>;

/** The names of the generators. */
export type GeneratorKind = keyof typeof KINDS;
export const GENERATOR_KINDS = Object.keys(KINDS) as GeneratorKind[];

/** What to import and where to write it. */
export interface ImportOptions {
  readonly kind: GeneratorKind;
  /** A file of published weights, or the seed of random ones. */
  readonly weights: { readonly path: string } | { readonly seed: number };
  /** BigGAN-deep: the truncation of the statistics, in (0, 1]; StyleGAN2: psi; null: as in the paper. */
  readonly truncation: number | null;
  readonly out: string;
}

/** Writes the generator; what does not fit is a UserError, and no file is left then. */
export async function importGenerator(options: ImportOptions): Promise<{ parameters: number; bytes: number }> {
  const kind: Kind = KINDS[options.kind];
  const truncation = checkTruncation(options, kind);
  if (!options.out.endsWith(".onnx")) throw new UserError(`--out ${options.out} must end in .onnx`);
  let built: OnnxBuilder;
  if ("seed" in options.weights) built = kind.build(randomWeights(options.weights.seed), null, truncation);
  else {
    const { path } = options.weights;
    const tensors = withoutPrefix(await readWeights(path), kind.anchor, path, options.kind);
    if (options.kind.startsWith("stylegan2") && truncation !== 1 && !tensors.has("latent_avg")) {
      throw new UserError(`${path} holds no latent_avg, which psi ${truncation} draws w to: give --truncation 1`);
    }
    built = kind.build(publishedWeights(tensors, path), tensors, truncation);
  }
  const bytes = built.encode();
  await writeAtomic(options.out, bytes);
  return { parameters: built.parameters, bytes: bytes.length };
}

function checkTruncation({ truncation, kind: name }: ImportOptions, kind: Kind): number {
  if (kind.truncation === null) {
    if (truncation === null) return 1;
    throw new UserError(`--truncation ${truncation} does not go with ${name}: cut its latents when they are drawn`);
  }
  const value = truncation ?? kind.truncation.preset;
  if (value > 0 && value <= kind.truncation.most) return value;
  const range = kind.truncation.most === 1 ? "more than 0 and at most 1" : "more than 0";
  throw new UserError(`--truncation ${value} is not valid for ${name}: give a number of ${range}`);
}

async function readWeights(path: string): Promise<Tensors> {
  return path.endsWith(".safetensors") ? (await readSafetensors(path)).tensors : await readTorchFile(path);
}

/**
 * The tensors of the network alone, by their plain names. A file may hold several networks (g, d, g_ema), of which the
 * average over training counts, and names may begin with what wrapped the network; values beside it are kept.
 */
function withoutPrefix(tensors: Tensors, anchor: string, path: string, kind: string): Tensors {
  const prefixes = [...tensors.keys()].filter((name) => name === anchor || name.endsWith(`.${anchor}`))
    .map((name) => name.slice(0, -anchor.length));
  const prefix = prefixes.find((p) => p.includes("ema")) ?? prefixes[0];
  if (prefix === undefined) throw new UserError(`${path} has no tensor ${anchor}: it holds no weights of ${kind}`);
  const own = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(prefix)) own.set(name.slice(prefix.length), tensor);
    else if (!own.has(name)) own.set(name, tensor);
  }
  return own;
}
