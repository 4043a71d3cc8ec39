/**
 * Batch normalisation over all axes but the last (ONNX BatchNormalization 15 in NHWC), in training with the batch's
 * own statistics and in inference with given ones; a residual may be added and a ReLU applied in the same pass.
 *
 * Gradient, with xhat = (x - mean) r, r = 1 / sqrt(variance + epsilon), n rows and g = dy masked by the ReLU:
 *   dbias = sum g,  dscale = sum g xhat,  dresidual = g,
 *   dx = scale r (g - dbias / n - xhat dscale / n)   (training: mean and variance depend on x)
 *   dx = scale r g                                   (inference)
 */

import type { Graph } from "../graph/graph.ts";
import {
  type Candidate,
  cover,
  input,
  type Kernel,
  type Node,
  type Op,
  output,
  plain,
  type Ref,
  scratch,
  texture,
} from "../graph/op.ts";
import { sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { joinElementwise } from "./elementwise.ts";
import { storedAs } from "./half.ts";
import { type Step, step } from "./steps.ts";

/** What is fused into the pass, resolved. */
export interface BatchNormAttrs {
  readonly epsilon: number;
  readonly relu: boolean;
  /** Whether the last input is added before the ReLU. */
  readonly residual: boolean;
}

/** Rows that one invocation sums, and rows that one invocation normalises. */
const SLAB = 256;
const ROWS = 8;

/** [rows, channels] of a tensor [..., c]. */
function matrixOf(t: Tensor): { rows: number; channels: number } {
  const channels = t.shape.at(-1)!;
  return { rows: sizeOf(t.shape) / channels, channels };
}

function checkChannels(x: TensorSpec, ...others: TensorSpec[]): void {
  const channels = x.shape.at(-1);
  for (const t of others) {
    if (t.shape.length !== 1 || t.shape[0] !== channels) {
      throw new TypeError(`takes values of ${channels} channels for ${specText(x)}, got ${specText(t)}`);
    }
  }
}

/** What is computed from x, which may be f16 as the residual may. */
function wide({ shape }: TensorSpec): TensorSpec {
  return { shape, dtype: "f32" };
}

const fast = (node: Node) => node.inputs[0]!.shape.at(-1)! % 4 === 0;

/** What the kernels that write y bind. */
interface ApplyRefs {
  readonly mean: Ref;
  readonly variance: Ref;
  readonly scale: Ref;
  readonly bias: Ref;
  readonly residual: Ref | null;
}

function applyKernel(node: Node, refs: ApplyRefs): Kernel {
  const { rows, channels } = matrixOf(node.inputs[0]!);
  const { epsilon, relu, residual } = node.attrs as BatchNormAttrs;
  const x = input(0);
  const invocations = Math.ceil(rows / ROWS) * channels / 4;
  return {
    shader: "batch_norm_apply",
    constants: { RELU: Number(relu), RESIDUAL: Number(residual) },
    params: { rows, vectors: channels / 4, epsilon },
    bindings: [texture(x), texture(refs.residual ?? x), refs.mean, refs.variance, refs.scale, refs.bias, output(0)],
    workgroups: cover(invocations, 64),
  };
}

function plainKernels(node: Node, refs: ApplyRefs, withStats: boolean): Kernel[] {
  const { rows, channels } = matrixOf(node.inputs[0]!);
  const { epsilon, relu, residual } = node.attrs as BatchNormAttrs;
  const kernel = (entry: string, count: number): Kernel => ({
    shader: "batch_norm",
    entry,
    constants: { RELU: Number(relu), RESIDUAL: Number(residual) },
    params: { rows, channels, epsilon },
    bindings: [input(0), refs.residual ?? input(0), refs.scale, refs.bias, refs.mean, refs.variance, output(0)],
    workgroups: cover(count, 64),
    iterations: entry === "stats" ? 2 * rows : 0,
  });
  return [...(withStats ? [kernel("stats", channels)] : []), kernel("apply", rows * channels)];
}

const trainRefs = (node: Node): ApplyRefs => ({
  mean: output(1),
  variance: output(2),
  scale: input(1),
  bias: input(2),
  residual: node.attrs.residual ? input(3) : null,
});

/** Inputs x, scale, bias [, residual]; outputs y, and the batch's mean and biased variance [c]. */
export const BatchNormTrain: Op<BatchNormAttrs> = {
  name: "BatchNormTrain",
  infer: ([x, scale, bias]) => {
    checkChannels(x!, scale!, bias!);
    return [wide(x!), scale!, scale!];
  },
  candidates: [
    {
      name: "slabs",
      accepts: fast,
      lower: (node) => {
        const { rows, channels } = matrixOf(node.inputs[0]!);
        const vectors = channels / 4;
        const slabs = Math.ceil(rows / SLAB);
        const params = { rows, vectors, slab: SLAB, slabs };
        return {
          scratch: [slabs * 2 * channels * 4],
          kernels: [
            {
              shader: "batch_norm_stats",
              params,
              bindings: [texture(input(0)), scratch(0)],
              workgroups: cover(slabs * vectors, 16),
            },
            {
              shader: "batch_norm_stats_finish",
              params,
              bindings: [texture(scratch(0)), output(1), output(2)],
              workgroups: cover(vectors, 16),
            },
            applyKernel(node, trainRefs(node)),
          ],
        };
      },
    },
    { name: "plain", accepts: () => true, lower: (node) => ({ kernels: plainKernels(node, trainRefs(node), true) }) },
  ],
  gradient: (g, node, [dy], wants) => {
    const [, mean, variance] = node.outputs as [Tensor, Tensor, Tensor];
    return gradients(g, node, mean, variance, dy!, true, wants);
  },
  /** The statistics are small and kept, so that one pass is enough. */
  again: (g, node, [x, scale, bias, ...residual]) => {
    const [, mean, variance] = node.outputs as [Tensor, Tensor, Tensor];
    const inputs = [x!, scale!, bias!, mean, variance, ...residual];
    return [g.apply(BatchNormInference, inputs, node.attrs), mean, variance];
  },
};

const inferenceRefs = (node: Node): ApplyRefs => ({
  mean: input(3),
  variance: input(4),
  scale: input(1),
  bias: input(2),
  residual: node.attrs.residual ? input(5) : null,
});

/** Inputs scale, bias, mean, variance [c]; outputs factor and shift [c]: the normalisation is x * factor + shift. */
const BatchNormFactors: Op<{ readonly epsilon: number }> = {
  name: "BatchNormFactors",
  infer: ([scale]) => [scale!, scale!],
  candidates: plain((node) => {
    const channels = sizeOf(node.outputs[0]!.shape);
    return {
      kernels: [{
        shader: "batch_norm_factors",
        params: { channels, epsilon: node.attrs.epsilon },
        bindings: [input(0), input(1), input(2), input(3), output(0), output(1)],
        workgroups: cover(channels, 64),
      }],
    };
  }),
};

/** A batch norm of given statistics as steps on its input; null for other nodes. Adds a node for factor and shift. */
export function batchNormSteps(g: Graph, node: Node): Step[] | null {
  if (node.op !== BatchNormInference) return null;
  const [, scale, bias, mean, variance, residual] = node.inputs as Tensor[];
  const { epsilon, relu } = node.attrs as BatchNormAttrs;
  const inputs = [scale!, bias!, mean!, variance!];
  const [factor, shift] = g.add(BatchNormFactors, inputs, { epsilon }, `${node.name}.factors`);
  const normalise = [step("Mul", factor), step("Add", shift)];
  return [...normalise, ...(residual ? [step("Add", residual)] : []), ...(relu ? [step("Relu")] : [])];
}

/** Inputs x, scale, bias, mean, variance [, residual]; output y. */
export const BatchNormInference: Op<BatchNormAttrs> = {
  name: "BatchNormalization",
  infer: ([x, scale, bias, mean, variance]) => {
    checkChannels(x!, scale!, bias!, mean!, variance!);
    return [wide(x!)];
  },
  candidates: [
    { name: "rows", accepts: fast, lower: (node) => ({ kernels: [applyKernel(node, inferenceRefs(node))] }) },
    {
      name: "plain",
      accepts: () => true,
      lower: (node) => ({ kernels: plainKernels(node, inferenceRefs(node), false) }),
    },
  ],
  splitInputs: (node) => node.inputs.map((_, i) => i === 0 || i === 5),
  join: joinElementwise,
  gradient: (g, node, [dy], wants) => {
    const [, , , mean, variance] = node.inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    if (wants[3] || wants[4]) throw new TypeError("the gradient to given statistics is not there");
    const [dx, dscale, dbias, dresidual] = gradients(g, node, mean, variance, dy!, false, wants);
    return [dx!, dscale!, dbias!, null, null, dresidual ?? null];
  },
};

function gradients(
  g: Graph,
  node: Node,
  mean: Tensor,
  variance: Tensor,
  dy: Tensor,
  training: boolean,
  wants: readonly boolean[],
): (Tensor | null)[] {
  const [x, scale, bias] = node.inputs as [Tensor, Tensor, Tensor];
  const { relu, residual } = node.attrs as BatchNormAttrs;
  // Without a residual the sign of y follows from x, and y need not be kept for it.
  const y = relu && residual ? [storedAs(g, node.outputs[0]!, x)] : [];
  const results = g.add(BatchNormGradient, [x, dy, mean, variance, scale, bias, ...y], { ...node.attrs, training });
  return results.map((t, i) => wants[i === 3 ? node.inputs.length - 1 : i] ? t : null);
}

/** Inputs x, dy, mean, variance, scale, bias, and y under a ReLU of a sum; outputs dx, dscale, dbias [, dresidual]. */
export const BatchNormGradient: Op<BatchNormAttrs & { readonly training: boolean }> = {
  name: "BatchNormGradient",
  infer: ([x, , mean], { residual }) => [wide(x!), mean!, mean!, ...(residual ? [wide(x!)] : [])],
  candidates: [
    { name: "slabs", accepts: fast, lower: lowerGradient },
    { name: "plain", accepts: () => true, lower: lowerPlainGradient },
  ],
};

/** The shaders' MASK: which values the ReLU let pass is told by y where a residual was added, else by x. */
function maskOf({ relu, residual }: BatchNormAttrs): number {
  return relu ? (residual ? 1 : 2) : 0;
}

function lowerGradient(node: Node): ReturnType<Candidate["lower"]> {
  const { rows, channels } = matrixOf(node.inputs[0]!);
  const { epsilon, residual, training } = node.attrs;
  const vectors = channels / 4;
  const slabs = Math.ceil(rows / SLAB);
  const [x, dy, mean, variance, scale, bias] = [0, 1, 2, 3, 4, 5].map(input) as [Ref, Ref, Ref, Ref, Ref, Ref];
  const MASK = maskOf(node.attrs);
  const y = MASK === 1 ? input(6) : dy;
  return {
    scratch: [slabs * 2 * channels * 4, 16],
    kernels: [
      {
        shader: "batch_norm_grad_sums",
        constants: { MASK },
        params: { rows, vectors, slab: SLAB, slabs, epsilon },
        bindings: [texture(x), texture(dy), texture(y), mean, variance, scale, bias, scratch(0)],
        workgroups: cover(slabs * vectors, 16),
      },
      {
        shader: "batch_norm_grad_finish",
        params: { vectors, slabs, epsilon },
        bindings: [texture(scratch(0)), variance, output(1), output(2)],
        workgroups: cover(vectors, 16),
      },
      {
        shader: "batch_norm_grad_apply",
        constants: { MASK, RESIDUAL: Number(residual), TRAINING: Number(training) },
        params: { rows, vectors, epsilon },
        bindings: [
          ...[texture(x), texture(dy), texture(y), mean, variance, scale, bias, output(1), output(2), output(0)],
          residual ? output(3) : scratch(1),
        ],
        workgroups: cover(Math.ceil(rows / ROWS) * vectors, 64),
      },
    ],
  };
}

function lowerPlainGradient(node: Node): ReturnType<Candidate["lower"]> {
  const { rows, channels } = matrixOf(node.inputs[0]!);
  const { epsilon, residual, training } = node.attrs;
  const MASK = maskOf(node.attrs);
  const kernel = (entry: string, count: number): Kernel => ({
    shader: "batch_norm_grad",
    entry,
    constants: { MASK, RESIDUAL: Number(residual), TRAINING: Number(training) },
    params: { rows, channels, epsilon },
    bindings: [
      ...[
        input(0),
        input(1),
        input(MASK === 1 ? 6 : 1),
        input(2),
        input(3),
        input(4),
        input(5),
        output(1),
        output(2),
        output(0),
      ],
      residual ? output(3) : scratch(0),
    ],
    workgroups: cover(count, 64),
    iterations: entry === "sums" ? rows : 0,
  });
  return { scratch: [16], kernels: [kernel("sums", channels), kernel("apply", rows * channels)] };
}

/** Options of both forms: nothing fused unless asked for. */
export interface BatchNormOptions {
  readonly epsilon?: number;
  readonly relu?: boolean;
  readonly residual?: Tensor | null;
}

function attrsOf({ epsilon = 1e-5, relu = false, residual = null }: BatchNormOptions): BatchNormAttrs {
  return { epsilon, relu, residual: residual !== null };
}

/** Normalises x [..., c] by its own statistics; `mean` and biased `variance` are [c]. */
export function batchNormTrain(
  g: Graph,
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  options: BatchNormOptions = {},
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const inputs = [x, scale, bias, ...(options.residual ? [options.residual] : [])];
  const [y, mean, variance] = g.add(BatchNormTrain, inputs, attrsOf(options)) as [Tensor, Tensor, Tensor];
  return { y, mean, variance };
}

/** Normalises x [..., c] by given statistics [c]. */
export function batchNormInference(
  g: Graph,
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  mean: Tensor,
  variance: Tensor,
  options: BatchNormOptions = {},
): Tensor {
  const inputs = [x, scale, bias, mean, variance, ...(options.residual ? [options.residual] : [])];
  return g.apply(BatchNormInference, inputs, attrsOf(options));
}
