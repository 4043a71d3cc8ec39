/**
 * Importers of random operators. Draws are those of Philox at the graph's seed and step, each node from a stream of
 * its own; a node with an attribute `seed` draws the same values at every step.
 */

import { mersenne } from "pure-rand/generator/mersenne";
import { UserError } from "../errors.ts";
import { type DType, sizeOf, type Tensor } from "../graph/tensor.ts";
import { binary, mul } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { randomNormal } from "../ops/random_normal.ts";
import { reshape } from "../ops/reshape.ts";
import { sampleKeys } from "../ops/sample_keys.ts";
import { affine, unary } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import { dtypeOf } from "./element_type.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { plainValue, typeOfValue, type Value } from "./values.ts";

/** Streams below this number belong to the project's own draws (see generators/random.ts). */
const FIRST_STREAM = 1024;

/** Standard normal draws of a shape. */
function normals(scope: NodeScope, shape: readonly number[]): Tensor {
  const { g, node } = scope;
  const width = sizeOf(shape);
  const seed = node.node.attributes.has("seed") ? node.float("seed", 0) : null;
  // ONNX seeds are floats; their bits are the key.
  const bits = new Uint32Array(Float32Array.of(seed ?? 0).buffer)[0]!;
  const fixed = () => g.constant(Uint32Array.of(bits, 0, 0, 0), [4], "u32");
  const rng = seed === null ? g.inputs.get("rng") ?? fixed() : fixed();
  const streams = { shuffleStream: 0, neighborStream: 0 }; // an endless set is neither shuffled nor has neighbours
  const keys = sampleKeys(g, rng, { batch: 1, samples: null, shuffle: false, neighbors: null, images: 1, ...streams });
  const stream = FIRST_STREAM + g.nodes.length; // the number of nodes so far tells draws apart
  const draw = { stream, shape: [width], scale: 1, truncation: null, variants: true };
  return reshape(g, randomNormal(g, rng, keys, draw), shape);
}

/** Uniform in (0, 1): the distribution function of a normal at its own draws. */
function uniforms(scope: NodeScope, shape: readonly number[]): Tensor {
  const { g } = scope;
  return affine(g, unary(g, "Erf", affine(g, normals(scope, shape), Math.SQRT1_2, 0)), 0.5, 0.5);
}

/** The shape wanted: the attribute, or that of input 0. */
function shapeOfDraw(scope: NodeScope): readonly number[] {
  const shape = scope.node.node.op.endsWith("Like") ? scope.shape(0) : scope.node.ints("shape");
  if (!shape) throw new UserError(`${scope.node.label}: the shape is missing`);
  const { batch } = scope;
  const fixed = batch && !scope.node.node.op.endsWith("Like") && shape[0] === batch.declared;
  return fixed ? [batch.actual, ...shape.slice(1)] : shape;
}

/** The element type wanted: the attribute, or that of input 0 (Like), or f32. */
function typeOfDraw(scope: NodeScope): DType {
  const code = scope.node.int("dtype", 0);
  if (code !== 0) return dtypeOf(code, `${scope.node.label}: attribute dtype`);
  const v = scope.inputs[0];
  return v ? typeOfValue(v) : "f32";
}

const RandomNormal: Importer = (scope) => {
  const { g, node } = scope;
  const draw = affine(g, normals(scope, shapeOfDraw(scope)), node.float("scale", 1), node.float("mean", 0));
  return [plainValue(cast(g, draw, typeOfDraw(scope)))];
};

const RandomUniform: Importer = (scope) => {
  const { g, node } = scope;
  const [low, high] = [node.float("low", 0), node.float("high", 1)];
  return [plainValue(cast(g, affine(g, uniforms(scope, shapeOfDraw(scope)), high - low, low), typeOfDraw(scope)))];
};

/** 1 with the probability that input 0 gives for each element. */
const Bernoulli: Importer = (scope) => {
  const { g } = scope;
  const hit = binary(g, "Less", uniforms(scope, scope.shape(0)), scope.plain(0));
  return [plainValue(cast(g, hit, typeOfDraw(scope)))];
};

/**
 * Outputs: x, or in training x / (1 - ratio) where it is kept and 0 elsewhere; and what is kept. With a seed the kept
 * elements are those of ONNX's reference implementation (NumPy's generator), so that results can be held against it.
 */
const Dropout: Importer = (scope) => {
  const { g, node, opset } = scope;
  node.ignore("is_test");
  const shape = scope.shape(0);
  const ratio = opset < 12 ? node.float("ratio", 0.5) : scope.scalar(1, 0.5);
  const training = opset < 7 ? !node.flag("is_test", false) : scope.scalar(2, 0) !== 0;
  const outputs = (y: Value, mask: Value) => [y, mask].slice(0, node.node.outputs.length);
  if (!training || ratio === 0) {
    node.ignore("seed");
    return outputs(scope.inputs[0]!, { host: { dtype: "bool", shape, data: new Float64Array(sizeOf(shape)).fill(1) } });
  }
  const kept = node.node.attributes.has("seed")
    ? g.constant(keptBySeed(node.int("seed", 0), ratio, sizeOf(shape)), shape, "bool")
    : binary(g, "GreaterOrEqual", uniforms(scope, shape), g.scalar(ratio));
  const x = scope.plain(0);
  const scaled = affine(g, mul(g, x, where(g, kept, g.scalar(1), g.scalar(0))), 1 / (1 - ratio), 0);
  return outputs(plainValue(scaled), plainValue(kept));
};

/** Whether uniform draws of MT19937, 53 bits of two words each, are at or above `ratio`. */
function keptBySeed(seed: number, ratio: number, count: number): Uint32Array {
  const words = mersenne(seed);
  return Uint32Array.from({ length: count }, () => {
    const [high, low] = [words.next() >>> 5, words.next() >>> 6];
    return Number((high * 2 ** 26 + low) / 2 ** 53 >= ratio);
  });
}

/** By operator name. */
export const randomImporters: Readonly<Record<string, Importer>> = {
  RandomNormal,
  RandomNormalLike: RandomNormal,
  RandomUniform,
  RandomUniformLike: RandomUniform,
  Bernoulli,
  Dropout,
};
