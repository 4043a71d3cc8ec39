/** Importers of normalisations. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { normalizeAxis, sizeOf, type Tensor } from "../graph/tensor.ts";
import { batchNormInference } from "../ops/batch_norm.ts";
import { add, div, mul, positive, pow, sub } from "../ops/binary.ts";
import { instanceNorm } from "../ops/instance_norm.ts";
import { averagePool } from "../ops/pool.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { standardize } from "../ops/standardize.ts";
import { transpose } from "../ops/transpose.ts";
import { affine, unary } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { imageValue, plainValue, type Value } from "./values.ts";

type Statistics = readonly [scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor];

/**
 * Whether statistics are those of the batch: training_mode since opset 14, further outputs before, an is_test of 0
 * before opset 7.
 */
function trains({ node, opset }: NodeScope): boolean {
  if (opset < 7) return !node.flag("is_test", false);
  if (opset < 14) return node.node.outputs.slice(1).some((name) => name !== "");
  return node.flag("training_mode", false);
}

const BatchNormalization: Importer = (scope) => {
  const { node, opset } = scope;
  if (opset >= 7) node.ignore("is_test");
  const epsilon = node.float("epsilon", 1e-5);
  const momentum = node.float("momentum", 0.9);
  const given = [1, 2, 3, 4].map((i) => scope.plain(i)) as unknown as Statistics;
  const spatial = node.flag("spatial", true);
  scope.shape(0, 2);
  if (trains(scope)) return trainedNorm(scope, given, { epsilon, momentum, spatial });
  if (!spatial) return [plainValue(normalized(scope.g, scope.plain(0), given, epsilon))];
  return [inferredNorm(scope, given, epsilon)];
};

/** Normalisation of each channel by known statistics. */
function inferredNorm(scope: NodeScope, [scale, bias, ...own]: Statistics, epsilon: number): Value {
  const { g } = scope;
  // Exporters give equal values one name; statistics are tensors of their own, as kernels bind them to be written too.
  const taken = [scale, bias];
  const [mean, variance] = own.map((t) => {
    const apart = taken.includes(t) ? affine(g, t, 1, 0) : t;
    taken.push(t);
    return apart;
  }) as [Tensor, Tensor];
  const apply = (x: Tensor) => batchNormInference(g, x, scale, bias, mean, variance, { epsilon });
  const rank = scope.shape(0).length;
  if (rank === 2) return plainValue(apply(scope.plain(0)));
  if (rank === 4) return imageValue(apply(scope.image(0)));
  const [n, c, ...size] = scope.shape(0) as [number, number, ...number[]];
  const x = transpose(g, reshape(g, scope.plain(0), [n, c, sizeOf(size)]), [0, 2, 1]);
  return plainValue(reshape(g, transpose(g, apply(x), [0, 2, 1]), [n, c, ...size]));
}

/** (x - mean) / sqrt(variance + epsilon) * scale + bias, with broadcasting. */
function normalized(g: Graph, x: Tensor, [scale, bias, mean, variance]: Statistics, epsilon: number): Tensor {
  const deviation = unary(g, "Sqrt", affine(g, variance, 1, epsilon));
  return add(g, mul(g, div(g, sub(g, x, mean), deviation), scale), bias);
}

/**
 * Normalisation by the batch's own statistics (biased variance). Outputs: the result; the running mean and variance,
 * running * momentum + own * (1 - momentum); and the batch's own, which opsets before 14 have too.
 */
function trainedNorm(
  scope: NodeScope,
  [scale, bias, mean, variance]: Statistics,
  { epsilon, momentum, spatial }: { epsilon: number; momentum: number; spatial: boolean },
): readonly Value[] {
  const { g } = scope;
  const x = scope.plain(0);
  const axes = spatial ? x.shape.map((_, i) => i).filter((i) => i !== 1) : [0];
  const own = reduce(g, "Mean", x, axes, true);
  const centered = sub(g, x, own);
  const spread = reduce(g, "Mean", mul(g, centered, centered), axes, true);
  const shaped = (t: Tensor) => reshape(g, t, own.shape.slice(1));
  const y = normalized(g, x, [shaped(scale), shaped(bias), shaped(own), shaped(spread)], epsilon);
  const running = (before: Tensor, now: Tensor) =>
    add(g, affine(g, before, momentum, 0), affine(g, reshape(g, now, before.shape), 1 - momentum, 0));
  const flat = (t: Tensor, like: Tensor) => reshape(g, t, like.shape);
  return [y, running(mean, own), running(variance, spread), flat(own, mean), flat(spread, variance)].map(plainValue);
}

const InstanceNormalization: Importer = (scope) => {
  const { g, node } = scope;
  const [scale, bias, epsilon] = [scope.plain(1), scope.plain(2), node.float("epsilon", 1e-5)];
  const [n, c, ...size] = scope.shape(0, 3) as [number, number, ...number[]];
  if (size.length === 2) return [imageValue(instanceNorm(g, scope.image(0), scale, bias, epsilon))];
  const row = transpose(g, reshape(g, scope.plain(0), [n, c, 1, sizeOf(size)]), [0, 2, 3, 1]);
  const y = transpose(g, instanceNorm(g, row, scale, bias, epsilon), [0, 3, 1, 2]);
  return [plainValue(reshape(g, y, [n, c, ...size]))];
};

/** x / (bias + alpha / size * (sum of squares over `size` channels around each))^beta, as progressive GANs had it. */
const LRN: Importer = (scope) => {
  const { g, node } = scope;
  const size = node.neededInt("size");
  const [alpha, beta, bias] = [node.float("alpha", 1e-4), node.float("beta", 0.75), node.float("bias", 1)];
  const [n, c, ...rest] = scope.shape(0, 2) as [number, number, ...number[]];
  if (size < 1) throw new UserError(`${node.label}: size ${size} is below 1`);
  const x = scope.plain(0);
  const squares = reshape(g, mul(g, x, x), [n, c, sizeOf(rest), 1]);
  const before = Math.floor((size - 1) / 2);
  const window = { kernel: [size, 1], pads: [before, 0, size - 1 - before, 0], countIncludePad: true } as const;
  const mean = reshape(g, averagePool(g, squares, window), [n, c, ...rest]);
  return [plainValue(div(g, x, pow(g, affine(g, mean, alpha, bias), g.scalar(beta))))];
};

/** (x - mean) / deviation over `axes`; the standard's reference adds 1e-9 to the deviation. */
const MeanVarianceNormalization: Importer = (scope) => {
  const { g, node } = scope;
  const x = scope.plain(0);
  const axes = (node.ints("axes") ?? [0, 2, 3]).map((a) => normalizeAxis(a, x.shape.length));
  const centered = sub(g, x, reduce(g, "Mean", x, axes, true));
  const deviation = unary(g, "Sqrt", reduce(g, "Mean", mul(g, centered, centered), axes, true));
  return [plainValue(div(g, centered, affine(g, deviation, 1, 1e-9)))];
};

/** Outputs: the result, and the mean and 1 / deviation that it was normalised by. */
const LayerNormalization: Importer = (scope) => {
  const { g, node } = scope;
  node.ignore("stash_type");
  const x = scope.plain(0);
  const first = normalizeAxis(node.int("axis", -1), x.shape.length);
  const axes = x.shape.flatMap((_, i) => i >= first ? [i] : []);
  const { centered, rate } = standardize(g, x, axes, node.float("epsilon", 1e-5));
  const scaled = mul(g, mul(g, centered, rate), scope.plain(1));
  const y = scope.has(2) ? add(g, scaled, scope.plain(2)) : scaled;
  const outputs = [y, reduce(g, "Mean", x, axes, true), rate];
  return outputs.slice(0, node.node.outputs.length).map(plainValue);
};

/** x / sqrt(mean of squares + epsilon) * scale, over the axes from `axis` on. */
const RMSNormalization: Importer = (scope) => {
  const { g, node } = scope;
  node.ignore("stash_type");
  const x = scope.plain(0);
  const first = normalizeAxis(node.int("axis", -1), x.shape.length);
  const axes = x.shape.flatMap((_, i) => i >= first ? [i] : []);
  const squares = reduce(g, "Mean", mul(g, x, x), axes, true);
  const size = unary(g, "Sqrt", affine(g, squares, 1, node.float("epsilon", 1e-5)));
  return [plainValue(mul(g, div(g, x, size), scope.plain(1)))];
};

/** Scale and bias are for each channel since opset 21, for each group before. */
const GroupNormalization: Importer = (scope) => {
  const { g, node } = scope;
  node.ignore("stash_type");
  const x = scope.plain(0);
  const [n, c, ...size] = scope.shape(0, 2) as [number, number, ...number[]];
  const groups = node.neededInt("num_groups");
  if (groups < 1) throw new UserError(`${node.label}: num_groups ${groups} is below 1`);
  if (c % groups !== 0) throw new UserError(`${node.label}: ${c} channels do not make ${groups} groups`);
  const { centered, rate } = standardize(
    g,
    reshape(g, x, [n, groups, c / groups * sizeOf(size)]),
    [2],
    node.float("epsilon", 1e-5),
  );
  const y = reshape(g, mul(g, centered, rate), [n, groups, c / groups, sizeOf(size)]);
  const each = (i: number) => reshape(g, scope.plain(i), [groups, scope.opset >= 21 ? c / groups : 1, 1]);
  return [plainValue(reshape(g, add(g, mul(g, y, each(1)), each(2)), [n, c, ...size]))];
};

/** Division by the norm along an axis; rows of zeros stay. */
const LpNormalization: Importer = (scope) => {
  const { g, node } = scope;
  const x = scope.plain(0);
  const axis = normalizeAxis(node.int("axis", -1), x.shape.length);
  const p = node.int("p", 2);
  if (p !== 1 && p !== 2) throw new UserError(`${node.label}: p ${p} is not known (1, 2)`);
  const norm = reduce(g, p === 1 ? "L1" : "L2", x, [axis], true);
  return [plainValue(div(g, x, where(g, positive(g, norm), norm, g.scalar(1))))];
};

/** By operator name. */
export const normImporters: Readonly<Record<string, Importer>> = {
  BatchNormalization,
  InstanceNormalization,
  LayerNormalization,
  RMSNormalization,
  GroupNormalization,
  LpNormalization,
  LRN,
  MeanVarianceNormalization,
};
