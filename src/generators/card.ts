/**
 * Model cards: YAML files that say what a generator takes and gives, and how the paper draws from it. The keys are in
 * the schema below; models/*.yaml are examples. Where a configuration names a card, the card's latents and views
 * are the defaults in place of the program's own.
 */

import { parse } from "yaml";
import { z } from "zod";
import { messageOf, UserError } from "../errors.ts";

/** Cut of a normal draw in units of its std; null is a plain normal. */
const truncation = z.number().gt(0).nullable();
const pixels = z.int().min(0);

const schema = z.strictObject({
  /** The ONNX file, beside the card. */
  model: z.string().min(1),
  /** The --kind of import-generator that writes the file, and the --truncation where it is not that kind's own. */
  import: z.strictObject({ kind: z.string(), truncation: z.number().gt(0).optional() }).optional(),
  latent: z.strictObject({
    /** The input that takes latents. */
    input: z.string(),
    /** Values of a latent. */
    size: z.int().min(1).optional(),
    truncation: truncation.optional(),
    /** Equal chunks of a hierarchical latent, where these are not its rows. */
    chunks: z.int().min(1).optional(),
    /** Whether all rows of a latent [layers, d] are one draw, as the layers of StyleGAN's W. */
    tied: z.boolean().optional(),
  }).optional(),
  /** The one-hot input of a conditional generator, or null. */
  labels: z.strictObject({ input: z.string(), classes: z.int().min(2) }).nullable().optional(),
  output: z.strictObject({
    name: z.string().optional(),
    range: z.tuple([z.number(), z.number()]).default([-1, 1]),
    /**
     * How the authors make bytes of values v in [0, 1]: floor(levels * v), 255 at most. Where it is left out, 255 v is
     * rounded.
     */
    levels: z.union([z.literal(255), z.literal(256)]).optional(),
    /** The part of the images that is kept, in pixels. */
    crop: z.strictObject({ top: pixels, left: pixels, height: pixels.min(1), width: pixels.min(1) }).optional(),
  }).prefault({}),
  /** The Gaussian latent views that fit the generator. */
  views: z.strictObject({ std: z.number().min(0), truncation: truncation.optional() }).optional(),
  /** Steering walks of the generator, a file beside the card. */
  walks: z.string().min(1).optional(),
  name: z.string().optional(),
  about: z.string().optional(),
  training: z.string().optional(),
  source: z.string().optional(),
  license: z.string().optional(),
});

/** What a card says, `model` as a path from where the program runs. */
export type Card = z.output<typeof schema>;

/** The card of a generator that has none: everything follows from the ONNX file. */
export function bareCard(model: string): Card {
  return schema.parse({ model });
}

/** Whether a path is a card's, not an ONNX file's. */
export function isCard(path: string): boolean {
  return /\.ya?ml$/.test(path);
}

/** Reads a card. One that is missing, no YAML or holds what it should not is a UserError. */
export function readCard(path: string): Card {
  let raw: unknown;
  try {
    raw = parse(Deno.readTextFileSync(path));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : `cannot be read: ${messageOf(error)}`;
    throw new UserError(`model card ${path} ${why}`, { cause: error });
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const { path: key, message } = parsed.error.issues[0]!;
    throw new UserError(`model card ${path}: ${key.join(".") || "the file"}: ${message}`);
  }
  return { ...parsed.data, model: beside(path, parsed.data.model) };
}

/** A card's settings by their keys in the configuration, for the keys that it says anything about; `path` is the card's. */
export function settingsOf(
  { latent, views, walks }: Card,
  path: string,
): readonly (readonly [key: string, value: number | string | null])[] {
  const settings = [
    ["generator.latent.truncation", latent?.truncation],
    ["generator.latent.chunks", latent?.chunks],
    ["views.latent.std", views?.std],
    ["views.latent.truncation", views?.truncation],
    ["views.latent.walks", walks === undefined ? undefined : beside(path, walks)],
  ] as const;
  return settings.flatMap(([key, value]) => value === undefined ? [] : [[key, value] as const]);
}

/** A file's path from where the card's is. */
function beside(card: string, file: string): string {
  const folder = card.includes("/") ? card.slice(0, card.lastIndexOf("/") + 1) : "";
  return file.startsWith("/") ? file : folder + file;
}
