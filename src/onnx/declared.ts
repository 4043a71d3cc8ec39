/** What a model's file declares of its inputs and outputs, held against what is given and what is made. */

import { suggest, UserError } from "../errors.ts";
import { specText, type TensorSpec } from "../graph/tensor.ts";
import type { Model, ModelValue } from "./decode.ts";

/** Declared and actual batch size of a model with a fixed batch that runs at another one. */
export interface Rebatch {
  readonly declared: number;
  readonly actual: number;
}

/** Checks names, types and shapes of the given tensors; returns the batch where a fixed one is overridden. */
export function bindInputs(model: Model, given: Readonly<Record<string, TensorSpec>>): Rebatch | null {
  const names = model.inputs.map((v) => v.name);
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) throw new UserError(`${model.path} has no input ${name}: ${suggest(name, names)}`);
  }
  const missing = names.filter((name) => !given[name]);
  if (missing.length) throw new UserError(`${model.path} also takes the input ${missing.join(", ")}: give it a value`);
  const symbols = new Map<string, number>();
  let batch: Rebatch | null = null;
  for (const declared of model.inputs) {
    const tensor = given[declared.name]!;
    if (tensor.dtype !== declared.dtype) {
      throw new UserError(`${model.path}: input ${declared.name} takes ${declared.dtype}, got ${specText(tensor)}`);
    }
    const { dims } = declared;
    if (!dims) continue;
    if (tensor.shape.length !== dims.length) mismatch(model, declared, tensor);
    dims.forEach((d, i) => {
      const actual = tensor.shape[i]!;
      if (d === "?") return;
      const expected = typeof d === "string" ? symbols.get(d) ?? actual : d;
      if (typeof d === "string") symbols.set(d, expected);
      if (actual === expected) return;
      if (i !== 0 || expected === 0 || typeof d === "string") mismatch(model, declared, tensor);
      if (batch && batch.actual !== actual) mismatch(model, declared, tensor);
      batch = { declared: expected, actual };
    });
  }
  return batch;
}

function mismatch(model: Model, declared: ModelValue, tensor: TensorSpec): never {
  throw new UserError(`${model.path}: input ${declared.name} has shape [${declared.dims}], got [${tensor.shape}]`);
}

/**
 * UserError where an output is not of the declared type and dimensions: such a file was damaged, or changed by hand. At
 * another batch size a dimension may have grown with it.
 */
export function checkOutput(
  model: Model,
  declared: ModelValue,
  made: TensorSpec,
  batch: Rebatch | null,
): void {
  const { name, dtype, dims } = declared;
  const fits = (d: number | string, actual: number) =>
    typeof d === "string" || d === actual || (batch !== null && d * batch.actual === actual * batch.declared);
  const shaped = !dims || (dims.length === made.shape.length && dims.every((d, i) => fits(d, made.shape[i]!)));
  if (made.dtype === dtype && shaped) return;
  throw new UserError(
    `${model.path}: its nodes make ${name} ${specText(made)}, the file declares ${dtype}[${dims ?? "..."}]`,
  );
}
