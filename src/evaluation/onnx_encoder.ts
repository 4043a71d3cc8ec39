/**
 * Encoders of others as ONNX models: BigBiGAN's own, or any network from images to features. What the file does not tell
 * stands in a card (YAML, the schema below; models/bigbigan-encoder.yaml is an example).
 */

import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { IMAGENET } from "../augment/params.ts";
import { messageOf, suggest, UserError } from "../errors.ts";
import type { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { loadModel, type Model, type ModelValue } from "../onnx/decode.ts";
import { importModel } from "../onnx/import.ts";
import { reduce } from "../ops/reduce.ts";
import { transpose } from "../ops/transpose.ts";
import { exists } from "../paths.ts";
import type { FrozenEncoder } from "./encoder.ts";

const channels = z.tuple([z.number(), z.number(), z.number()]);

const schema = z.strictObject({
  /** The ONNX file, beside the card. */
  model: z.string().min(1),
  input: z.strictObject({
    /** The input that takes images, where the model has several. */
    name: z.string().optional(),
    /** Side of the square images; where the model itself says it, the same. */
    size: z.int().min(8).optional(),
    /** Images in [0, 1] become (image - mean) / std; ImageNet's by default, 0.5 and 0.5 for [-1, 1]. */
    mean: channels.default([...IMAGENET.mean] as [number, number, number]),
    std: channels.default([...IMAGENET.std] as [number, number, number]),
  }).prefault({}),
  /** The output that holds features, where the model has several. */
  output: z.string().optional(),
  name: z.string().optional(),
  about: z.string().optional(),
  source: z.string().optional(),
  license: z.string().optional(),
});
type Card = z.output<typeof schema>;

/**
 * The encoder of an ONNX file or of a card. Images are [n, 3, h, w] or [n, h, w, 3]; features [n, d], or [n, d, h, w],
 * whose mean over the pixels is taken. `side` is the images' size where neither tells. What does not fit is a UserError.
 */
export async function loadOnnxEncoder(path: string, store: StateStore, side: number): Promise<FrozenEncoder> {
  const card = path.endsWith(".onnx") ? schema.parse({ model: path }) : readCard(path);
  if (!exists(card.model)) throw new UserError(`${path}: its model ${card.model} is not there: put it beside the card`);
  const model = await loadModel(card.model);
  const input = pickInput(model, card);
  const output = card.output === undefined ? model.outputs[0]! : pick(model.outputs, card.output, model, "output");
  const last = isChannelsLast(input, model);
  const own = sideOf(input, last, model);
  if (own !== null && card.input.size !== undefined && own !== card.input.size) {
    throw new UserError(`${path} says that images are ${card.input.size} pixels wide, ${model.path} takes ${own}`);
  }
  const encoder: FrozenEncoder = {
    name: card.name ?? path,
    store,
    size: own ?? card.input.size ?? side,
    anySize: (own ?? card.input.size) === undefined,
    normalization: card.input,
    resnet: null,
    build: (g, images) => {
      const x = last ? images : transpose(g, images, [0, 3, 1, 2]);
      return pool(g, importModel(g, model, { [input.name]: x })[output.name]!, model);
    },
  };
  // A model that cannot run says so before any image is read.
  const g = new Graph();
  encoder.build(g, g.input("images", [2, encoder.size, encoder.size, 3]));
  return encoder;
}

function readCard(path: string): Card {
  let raw: unknown;
  try {
    raw = parse(Deno.readTextFileSync(path));
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : `cannot be read: ${messageOf(error)}`;
    throw new UserError(`encoder card ${path} ${why}`, { cause: error });
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const { path: key, message } = parsed.error.issues[0]!;
    throw new UserError(`encoder card ${path}: ${key.join(".") || "the file"}: ${message}`);
  }
  const { model } = parsed.data;
  return { ...parsed.data, model: isAbsolute(model) ? model : join(dirname(path), model) };
}

function pick(values: readonly ModelValue[], name: string, model: Model, kind: string): ModelValue {
  const found = values.find((value) => value.name === name);
  if (found) return found;
  throw new UserError(`${model.path} has no ${kind} ${name}: ${suggest(name, values.map((value) => value.name))}`);
}

function pickInput(model: Model, { input: { name } }: Card): ModelValue {
  if (name !== undefined) return pick(model.inputs, name, model, "input");
  const [only, ...others] = model.inputs;
  if (only && others.length === 0) return only;
  const names = model.inputs.map((value) => value.name).join(", ");
  throw new UserError(`${model.path} takes the inputs ${names}: an encoder takes images alone`);
}

/** Whether images are [n, h, w, 3] and not [n, 3, h, w]. */
function isChannelsLast({ name, dims, dtype }: ModelValue, model: Model): boolean {
  if (dtype === "f32" && dims?.length === 4) {
    if (dims[1] === 3) return false;
    if (dims[3] === 3) return true;
  }
  throw new UserError(
    `${model.path}: the input ${name} is ${dtype} [${dims}], an encoder takes images [n, 3, h, w] or [n, h, w, 3] of f32`,
  );
}

/** The side of the images that a model was made for; null where it leaves it open. */
function sideOf({ name, dims }: ModelValue, last: boolean, model: Model): number | null {
  const [height, width] = last ? [dims?.[1], dims?.[2]] : [dims?.[2], dims?.[3]];
  if (typeof height !== "number" || typeof width !== "number") return null;
  if (height === width) return height;
  throw new UserError(`${model.path}: the input ${name} is [${dims}], and images are squares here`);
}

function pool(g: Graph, y: Tensor, model: Model): Tensor {
  if (y.shape.length === 2) return y;
  if (y.shape.length === 4) return reduce(g, "Mean", y, [2, 3]);
  throw new UserError(
    `${model.path} gives [${y.shape}] where features are [n, d] or [n, d, h, w]: name another output in a card`,
  );
}
