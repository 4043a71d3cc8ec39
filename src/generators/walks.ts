/**
 * Files of steering walks, safetensors as `steer` writes them and as GenRep's torch.save of the same names: walk_color
 * [1, d, channels], and walk_rot3d, walk_rot2d, walk_zoom, walk_shiftx and walk_shifty [1, d], d the latent's values.
 */

import { decodeSafetensors, type StoredTensor } from "../data/safetensors.ts";
import { suggest, UserError } from "../errors.ts";
import type { CoefficientLaw } from "../ops/random_coefficients.ts";

/** The walks, in the order of their columns. */
export const WALKS = ["color", "rot3d", "rot2d", "zoom", "shiftx", "shifty"] as const;
export type WalkName = typeof WALKS[number];

/** Directions in latent space, each with the law of its coefficients. */
export interface Walks {
  /** One law a column; a color walk has a column for each channel. */
  readonly laws: readonly CoefficientLaw[];
  /** [columns, size]. */
  readonly vectors: Float32Array;
  /** Values of a latent. */
  readonly size: number;
}

/** Columns of some walks for images of so many channels: a gray image has one colour, its brightness. */
export function columnsOf(walks: readonly WalkName[], channels: number): CoefficientLaw[] {
  return WALKS.filter((walk) => walks.includes(walk))
    .flatMap((walk) => walk === "color" ? (["color0", "color1", "color2"] as const).slice(0, channels) : [walk]);
}

/** The walk that a column belongs to. */
export function walkOf(law: CoefficientLaw): WalkName {
  return law.startsWith("color") ? "color" : law as WalkName;
}

/** Reads a file. One that is missing or holds something else is a UserError. */
export function readWalks(path: string): Walks {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`walks ${path} ${why}: learn them with deno task steer`, { cause: error });
  }
  return fromTensors(decodeSafetensors(bytes, path).tensors, path);
}

function fromTensors(tensors: ReadonlyMap<string, StoredTensor>, path: string): Walks {
  const names = WALKS.map((walk) => `walk_${walk}`);
  const unknown = [...tensors.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(`${path} holds ${unknown}, which is no walk: ${suggest(unknown, names)}`);
  }
  if (tensors.size === 0) throw new UserError(`${path} holds no walks: it needs one of ${names.join(", ")}`);
  const laws: CoefficientLaw[] = [];
  const columns: Float32Array[] = [];
  let size = 0;
  for (const walk of WALKS) {
    const tensor = tensors.get(`walk_${walk}`);
    if (!tensor) continue;
    const channels = walk === "color" ? tensor.shape.at(-1)! : 1;
    const length = tensor.data.length / channels;
    if (tensor.dtype !== "F32" || tensor.shape[0] !== 1 || (channels !== 1 && channels !== 3)) {
      const form = walk === "color" ? "[1, d, 1 or 3]" : "[1, d]";
      throw new UserError(`${path}: walk_${walk} is ${tensor.dtype} [${tensor.shape}], not F32 ${form}`);
    }
    if (size !== 0 && length !== size) {
      throw new UserError(`${path}: walk_${walk} has ${length} values, the walks before it have ${size}`);
    }
    size = length;
    laws.push(...columnsOf([walk], channels));
    for (let c = 0; c < channels; c++) columns.push(tensor.data.filter((_, i) => i % channels === c));
  }
  const vectors = new Float32Array(size * columns.length);
  columns.forEach((column, i) => vectors.set(column, i * size));
  return { laws, vectors, size };
}

/** The tensors of a file. */
export function walkTensors({ laws, vectors, size }: Walks): [string, StoredTensor][] {
  return WALKS.flatMap((walk): [string, StoredTensor][] => {
    const columns = laws.flatMap((law, i) => walkOf(law) === walk ? [i] : []);
    const channels = columns.length;
    if (channels === 0) return [];
    const at = (i: number) => vectors[columns[i % channels]! * size + Math.floor(i / channels)]!;
    const data = Float32Array.from({ length: size * channels }, (_, i) => at(i));
    return [[`walk_${walk}`, { dtype: "F32", shape: walk === "color" ? [1, size, channels] : [1, size], data }]];
  });
}
