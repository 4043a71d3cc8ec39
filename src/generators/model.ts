/**
 * Generators: an ONNX file alone (its inputs and range are looked at), or a model card, a YAML file beside it:
 *   model: generator.onnx
 *   latent: { input: z }            # which input takes latents
 *   labels: { input: y, classes: 10 }   # one-hot input of a conditional generator, or null
 *   output: { name: image, range: [-1, 1] }
 * plus text about what it is, which is not read.
 */

import { parse } from "yaml";
import { z } from "zod";
import { messageOf, suggest, UserError } from "../errors.ts";
import { Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { loadModel, type Model, type ModelValue } from "../onnx/decode.ts";
import { importModel } from "../onnx/import.ts";
import { reshape } from "../ops/reshape.ts";
import { transpose } from "../ops/transpose.ts";
import { affine, unary } from "../ops/unary.ts";

/** A generator ready to be built into graphs. */
export interface Generator {
  readonly path: string;
  /** Shape of one latent as the model takes it, such as [64] or [100, 1, 1]. */
  readonly latentShape: readonly number[];
  readonly latentSize: number;
  /** Classes of a conditional generator; null without labels. */
  readonly classes: number | null;
  /** Adds the generator: latents [n, ...latentShape] and one-hot labels [n, classes] to images [n, h, w, 1 or 3] in [0, 1]. */
  build(g: Graph, latents: Tensor, labels: Tensor | null): Tensor;
}

const card = z.strictObject({
  model: z.string().min(1),
  latent: z.strictObject({ input: z.string() }).optional(),
  labels: z.strictObject({ input: z.string(), classes: z.int().min(2) }).nullable().optional(),
  output: z.strictObject({
    name: z.string().optional(),
    range: z.tuple([z.number(), z.number()]).default([-1, 1]),
  }).prefault({}),
  name: z.string().optional(),
  about: z.string().optional(),
  training: z.string().optional(),
  source: z.string().optional(),
  license: z.string().optional(),
});
type Card = z.output<typeof card>;

/** Loads an ONNX file or a model card. What does not fit is a UserError. */
export async function loadGenerator(path: string): Promise<Generator> {
  const description = /\.ya?ml$/.test(path) ? await readCard(path) : { ...card.parse({ model: path }), model: path };
  const model = await loadModel(description.model);
  const latent = pickLatent(model, description);
  const labelInput = description.labels ? findValue(model.inputs, description.labels.input, model) : null;
  const latentShape = latent.dims.slice(1).map((d) => {
    if (typeof d === "number") return d;
    throw new UserError(
      `${model.path}: the latent input ${latent.name} has the open dimension ${d}: export it with a fixed size`,
    );
  });
  const output = description.output.name ? findValue(model.outputs, description.output.name, model) : model.outputs[0]!;
  const generator: Generator = {
    path: model.path,
    latentShape,
    latentSize: sizeOf(latentShape),
    classes: description.labels?.classes ?? null,
    build: (g, latents, labels) => {
      const given = { [latent.name]: latents, ...(labelInput && labels ? { [labelInput.name]: labels } : {}) };
      return toImages(g, importModel(g, model, given)[output.name]!, description.output.range, model.path);
    },
  };
  tryOut(generator);
  return generator;
}

async function readCard(path: string): Promise<Card> {
  let raw: unknown;
  try {
    raw = parse(await Deno.readTextFile(path));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : `cannot be read: ${messageOf(error)}`;
    throw new UserError(`model card ${path} ${why}`, { cause: error });
  }
  const parsed = card.safeParse(raw);
  if (!parsed.success) {
    const { path: key, message } = parsed.error.issues[0]!;
    throw new UserError(`model card ${path}: ${key.join(".") || "the file"}: ${message}`);
  }
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "";
  const file = parsed.data.model;
  return { ...parsed.data, model: file.startsWith("/") ? file : folder + file };
}

function findValue(values: readonly ModelValue[], name: string, model: Model): ModelValue {
  const found = values.find((v) => v.name === name);
  if (!found) {
    throw new UserError(`${model.path} has no input or output ${name}: ${suggest(name, values.map((v) => v.name))}`);
  }
  return found;
}

/** The input that takes latents: the card's, or the only one. */
function pickLatent(model: Model, { latent, labels }: Card): ModelValue {
  if (latent) return findValue(model.inputs, latent.input, model);
  const open = model.inputs.filter((v) => v.dtype === "f32" && v.name !== labels?.input);
  const [only] = open;
  if (only && open.length === 1 && model.inputs.length - (labels ? 1 : 0) === 1) return only;
  const names = model.inputs.map((v) => v.name).join(", ");
  throw new UserError(
    `${model.path} takes the inputs ${names}: say in a model card which one is latent and which takes labels`,
  );
}

/** [n, 1 or 3, h, w] or [n, h, w, 1 or 3] in the model's range to [n, h, w, 1 or 3] in [0, 1]. */
function toImages(g: Graph, y: Tensor, [low, high]: readonly [number, number], path: string): Tensor {
  const isChannels = (d: number | undefined) => d === 1 || d === 3;
  let x = y;
  if (y.shape.length === 4 && isChannels(y.shape[1])) x = transpose(g, y, [0, 2, 3, 1]);
  else if (y.shape.length === 2 && Number.isInteger(Math.sqrt(y.shape[1]!))) {
    const side = Math.sqrt(y.shape[1]!);
    x = reshape(g, y, [y.shape[0]!, side, side, 1]); // a flat gray image
  } else if (y.shape.length !== 4 || !isChannels(y.shape[3])) {
    throw new UserError(`${path} gives [${y.shape}], which are no images of 1 or 3 channels`);
  }
  const scaled = low === 0 && high === 1 ? x : affine(g, x, 1 / (high - low), -low / (high - low));
  return unary(g, "Clip", scaled, { alpha: 0, beta: 1 });
}

/** Builds the generator once, so that a model that cannot run says so before any work. */
function tryOut(generator: Generator): void {
  const g = new Graph();
  const latents = g.input("z", [2, ...generator.latentShape]);
  generator.build(g, latents, generator.classes === null ? null : g.input("y", [2, generator.classes]));
}
