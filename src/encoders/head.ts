/** What stands on the features while training: the contrastive projection head, linear layers, perceptrons. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { batchNormTrain } from "../ops/batch_norm.ts";
import { add } from "../ops/binary.ts";
import { layerOperand } from "../ops/half.ts";
import { l2Normalize } from "../ops/l2_normalize.ts";
import { matmul } from "../ops/matmul.ts";
import { relu } from "../ops/unary.ts";
import type { NormRecord } from "../ops/running_stats.ts";

/** Length of a projection. */
export const PROJECTION = 128;

/** y = x weight' + bias of x [n, in]; states `name.weight` [out, in] and `name.bias` [out] as in torch. */
export function linear(g: Graph, x: Tensor, name: string, size: number): { y: Tensor; parameters: Tensor[] } {
  const weight = g.state(`${name}.weight`, [size, x.shape[1]!]);
  const bias = g.state(`${name}.bias`, [size]);
  const y = matmul(g, layerOperand(g, x), layerOperand(g, weight), { transB: true });
  return { y: add(g, y, bias), parameters: [weight, bias] };
}

/**
 * Projects features [n, c] to unit vectors [n, size] through c hidden units: Linear, ReLU, Linear, no batch norm
 * (SimCLR, MoCo v2). States `head.0`, `head.2` behind `prefix`.
 */
export function projectionHead(
  g: Graph,
  features: Tensor,
  size = PROJECTION,
  prefix = "",
): { z: Tensor; parameters: readonly Tensor[] } {
  return g.scope("head", () => {
    const hidden = linear(g, features, `${prefix}head.0`, features.shape[1]!);
    const out = linear(g, relu(g, hidden.y), `${prefix}head.2`, size);
    return { z: l2Normalize(g, out.y), parameters: [...hidden.parameters, ...out.parameters] };
  });
}

/** A perceptron's output, and what a step updates in it. */
export interface Perceptron {
  readonly y: Tensor;
  readonly parameters: readonly Tensor[];
  readonly norms: readonly NormRecord[];
}

/**
 * Linear, batch norm and ReLU for each hidden size, then Linear, as torch.nn.Sequential numbers them: states
 * `name.0.*` (linear), `name.1.*` (norm), `name.3.*`, ...  Batch norm uses the batch's statistics.
 */
export function perceptron(g: Graph, x: Tensor, name: string, hidden: readonly number[], size: number): Perceptron {
  const parameters: Tensor[] = [];
  const norms: NormRecord[] = [];
  let y = x;
  hidden.forEach((units, i) => {
    const layer = linear(g, y, `${name}.${3 * i}`, units);
    const state = (part: string) => g.state(`${name}.${3 * i + 1}.${part}`, [units]);
    const [weight, bias] = [state("weight"), state("bias")];
    const batch = batchNormTrain(g, layer.y, weight, bias, { relu: true });
    norms.push({ running: { mean: state("running_mean"), variance: state("running_var") }, batch, count: x.shape[0]! });
    parameters.push(...layer.parameters, weight, bias);
    y = batch.y;
  });
  const last = linear(g, y, `${name}.${3 * hidden.length}`, size);
  return { y: last.y, parameters: [...parameters, ...last.parameters], norms };
}
