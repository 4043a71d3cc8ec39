/**
 * Many linear classifiers of squared hinge loss at once: row p of the batch minimises
 *   |w_p|^2 / 2 + sum_i c_pi max(0, 1 - y_pi w_p.x_i)^2
 * over the same features x, scikit-learn's LinearSVC with a column of ones for the intercept. Newton's method with
 * conjugate gradients on the primal (Lin, Weng, Keerthi 2008) and an exact line search: products with x are all that
 * is expensive, and rows share them. Each row is in a phase of its own, so that easy problems wait for no hard ones.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op, output, plain } from "../graph/op.ts";
import { specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { matmul } from "./matmul.ts";

/** Values a row of the control state, and where some of them are (shaders/shared/squared_hinge_control.wgsl). */
export const HINGE_CONTROL = { size: 16, phase: 0, error: 11, done: 3 } as const;

/** Size of a batch; `samples` and `size` are multiples of 4. */
export interface HingeShape {
  readonly rows: number;
  readonly samples: number;
  /** Length of a feature, the column of ones among it. */
  readonly size: number;
}

/**
 * When a problem ends: where |gradient| <= tolerance |w|, which bounds the relative error of w, as the Hessian is at least
 * the identity; where Newton steps themselves stay shorter than that; or after so many steps.
 */
export interface HingeLimits {
  readonly tolerance: number;
  /** Conjugate gradients of a Newton step, and Newton steps. */
  readonly mostInner: number;
  readonly mostOuter: number;
}

/** Inputs u, f, targets [rows, samples] and control [rows, 16]: the pull of each sample [rows, samples]. */
export const HingePull: Op = {
  name: "HingePull",
  infer: ([u, f, targets, control]) => {
    checkShapes(u!, [f!, targets!], control!);
    return [u!];
  },
  candidates: plain((node) => {
    const [rows, samples] = node.inputs[0]!.shape as [number, number];
    return {
      kernels: [{
        shader: "squared_hinge_pull",
        params: { rows, vectors: samples / 4 },
        bindings: [input(0), input(1), input(2), input(3), output(0)],
        workgroups: cover(rows * samples / 4, 64),
      }],
    };
  }),
};

/**
 * Moves every row's method on by one product. Inputs u and targets [rows, samples], z [rows, size], and the states w, s,
 * r, p [rows, size], f, along [rows, samples] and control, all overwritten.
 */
export const HingeStep: Op<HingeLimits> = {
  name: "HingeStep",
  infer: ([u, targets, z, w, s, r, p, f, along, control]) => {
    checkShapes(u!, [targets!, f!, along!], control!);
    checkShapes(z!, [w!, s!, r!, p!], control!);
    return [];
  },
  mutates: [3, 4, 5, 6, 7, 8, 9],
  candidates: plain((node) => ({ kernels: stepKernels(node) })),
};

function stepKernels(node: Node): Kernel[] {
  const { tolerance, mostInner, mostOuter } = node.attrs as HingeLimits;
  const [rows, samples] = node.inputs[0]!.shape as [number, number];
  const vectors = node.inputs[2]!.shape[1]! / 4;
  const [u, targets, z, w, s, r, p, f, along, control] = node.inputs.map((_, i) => input(i));
  const workgroups = [rows, 1, 1] as const;
  return [
    {
      shader: "squared_hinge_newton",
      params: { vectors, tolerance, most_inner: mostInner, most_outer: mostOuter },
      bindings: [z!, w!, s!, r!, p!, control!],
      workgroups,
    },
    {
      shader: "squared_hinge_line",
      params: { vectors: samples / 4 },
      bindings: [u!, targets!, f!, along!, control!],
      workgroups,
    },
    { shader: "squared_hinge_move", params: { vectors }, bindings: [w!, s!, p!, control!], workgroups },
  ];
}

function checkShapes(first: TensorSpec, others: readonly TensorSpec[], control: TensorSpec): void {
  const [rows, length] = first.shape;
  const wrong = others.find(({ shape }) => shape.join() !== first.shape.join());
  if (wrong) throw new TypeError(`takes tensors of one shape, got ${specText(first)} and ${specText(wrong)}`);
  if (first.shape.length !== 2 || length! % 4 !== 0 || control.shape.join() !== `${rows},${HINGE_CONTROL.size}`) {
    throw new TypeError(
      `takes rows of whole vec4 and control [rows, 16], got ${specText(first)}, ${specText(control)}`,
    );
  }
}

/**
 * Adds one tick of all problems. The states are made here: `hinge.x` [samples, size], `hinge.targets` [rows, samples]
 * (sign times cost, 0 for a sample that is left out), and per row `hinge.w` and what the method keeps; all zeros but the
 * first two is the start.
 */
export function squaredHingeTick(g: Graph, { rows, samples, size }: HingeShape, limits: HingeLimits): void {
  const x = g.state("hinge.x", [samples, size]);
  const ofSamples = (name: string): Tensor => g.state(`hinge.${name}`, [rows, samples]);
  const ofWeights = (name: string): Tensor => g.state(`hinge.${name}`, [rows, size]);
  const [targets, f, along] = [ofSamples("targets"), ofSamples("f"), ofSamples("along")];
  const [w, s, r, p] = [ofWeights("w"), ofWeights("s"), ofWeights("r"), ofWeights("p")];
  const control = g.state("hinge.control", [rows, HINGE_CONTROL.size]);
  const u = matmul(g, p, x, { transB: true });
  const pull = g.apply(HingePull, [u, f, targets, control], {});
  const z = matmul(g, pull, x);
  g.add(HingeStep, [u, targets, z, w, s, r, p, f, along, control], limits);
}
