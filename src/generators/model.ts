/** Generators: an ONNX file alone (its inputs are looked at), or a model card beside it (card.ts). */

import { suggest, UserError } from "../errors.ts";
import { Graph } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { loadModel, type Model, type ModelValue } from "../onnx/decode.ts";
import { importModel } from "../onnx/import.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { transpose } from "../ops/transpose.ts";
import { affine, unary } from "../ops/unary.ts";
import { exists } from "../paths.ts";
import { bareCard, type Card, isCard, readCard } from "./card.ts";

/** A generator ready to be built into graphs. */
export interface Generator {
  readonly path: string;
  /** Shape of one latent as the model takes it, such as [64] or [100, 1, 1]. */
  readonly latentShape: readonly number[];
  readonly latentSize: number;
  /** Whether all rows of a latent are one draw; false where it is left out. */
  readonly tied?: boolean;
  /** The authors' bytes, floor(levels * v) for v in [0, 1]; null: rounded. */
  readonly levels: 255 | 256 | null;
  /** Classes of a conditional generator; null without labels. */
  readonly classes: number | null;
  /** Adds the generator: latents [n, ...latentShape] and one-hot labels [n, classes] to images [n, h, w, 1 or 3] in [0, 1]. */
  build(g: Graph, latents: Tensor, labels: Tensor | null): Tensor;
}

/** Loads an ONNX file or a model card. What does not fit is a UserError. */
export async function loadGenerator(path: string): Promise<Generator> {
  const card = isCard(path) ? readCard(path) : bareCard(path);
  if (card.import && !exists(card.model)) throw notImported(path, card);
  const model = await loadModel(card.model);
  const latent = pickLatent(model, card);
  const labelInput = card.labels ? findValue(model.inputs, card.labels.input, model) : null;
  if (!latent.dims) {
    throw new UserError(`${model.path}: the latent input ${latent.name} has no shape: export it with one`);
  }
  const latentShape = latent.dims.slice(1).map((d) => {
    if (typeof d === "number") return d;
    throw new UserError(
      `${model.path}: the latent input ${latent.name} has the open dimension ${d}: export it with a fixed size`,
    );
  });
  const latentSize = sizeOf(latentShape);
  if (card.latent?.size !== undefined && card.latent.size !== latentSize) {
    throw new UserError(
      `${model.path} takes latents of ${latentSize} values, its card ${path} says ${card.latent.size}`,
    );
  }
  const tied = card.latent?.tied ?? false;
  if (tied && latentShape.length < 2) {
    throw new UserError(`${path}: latent.tied is for latents of several rows, ${model.path} takes [${latentShape}]`);
  }
  const output = card.output.name ? findValue(model.outputs, card.output.name, model) : model.outputs[0]!;
  const generator: Generator = {
    path: model.path,
    latentShape,
    latentSize,
    tied,
    classes: card.labels?.classes ?? null,
    levels: card.output.levels ?? null,
    build: (g, latents, labels) => {
      const given = { [latent.name]: latents, ...(labelInput && labels ? { [labelInput.name]: labels } : {}) };
      const images = toImages(g, importModel(g, model, given)[output.name]!, card.output.range, model.path);
      return card.output.crop ? crop(g, images, card.output.crop, path) : images;
    },
  };
  tryOut(generator);
  return generator;
}

/** The card's file is one that the user makes. */
function notImported(path: string, { model, import: how }: Card): UserError {
  const truncation = how!.truncation === undefined ? "" : ` --truncation ${how!.truncation}`;
  const command = `deno task import-generator --kind ${how!.kind} --weights FILE${truncation} --out ${model}`;
  return new UserError(`${path}: its model ${model} is not there: make it from the published weights with ${command}`);
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

/** Rows and columns that the card keeps. */
function crop(g: Graph, x: Tensor, part: NonNullable<Card["output"]["crop"]>, path: string): Tensor {
  const { top, left, height, width } = part;
  const [, h, w] = x.shape as [number, number, number, number];
  if (top + height > h || left + width > w) {
    throw new UserError(`${path}: output.crop ${JSON.stringify(part)} reaches past the images of ${h} x ${w} pixels`);
  }
  return slice(g, x, { starts: [top, left], ends: [top + height, left + width], axes: [1, 2] });
}

/** Builds the generator once, so that a model that cannot run says so before any work. */
function tryOut(generator: Generator): void {
  const g = new Graph();
  const latents = g.input("z", [2, ...generator.latentShape]);
  generator.build(g, latents, generator.classes === null ? null : g.input("y", [2, generator.classes]));
}
