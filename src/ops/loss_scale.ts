/**
 * Dynamic loss scaling (Micikevicius et al. 2018, section 3.2): the gradient is taken of the loss times a scale, so that
 * small gradients do not vanish where they are stored as f16. A step whose gradient is not finite changes nothing but the
 * scale, which halves; after enough good steps it doubles. Values are those of torch.amp.GradScaler.
 */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, output, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Guard } from "./guard.ts";

/** The scale that a run begins with. */
export const FIRST_SCALE = 65536;
/** Good steps after which the scale doubles. */
export const SCALE_INTERVAL = 2000;

/** States that a run with loss scaling has: the scale, and the good steps since it changed. */
export const SCALE_STATES = { scale: "loss_scale", steps: "loss_scale_steps" } as const;

/** Adds the scale [1] of a run's losses. */
export function lossScale(g: Graph): Tensor {
  return g.state(SCALE_STATES.scale, [1], "f32", Float32Array.of(FIRST_SCALE));
}

/**
 * Inputs scale, norm of the scaled gradient, loss. Outputs the factor that unscales a gradient, and the norm of the
 * unscaled one [1], which is not finite where the gradient or the loss is not.
 */
const Unscale: Op = {
  name: "Unscale",
  infer: () => [{ shape: [1], dtype: "f32" }, { shape: [1], dtype: "f32" }],
  candidates: plain(() => ({
    kernels: [{
      shader: "unscale",
      bindings: [input(0), input(1), input(2), output(0), output(1)],
      workgroups: [1, 1, 1],
    }],
  })),
};

/** Inputs scale and good steps (both overwritten), norm, loss, health. */
const UpdateLossScale: Op<{ readonly interval: number }> = {
  name: "UpdateLossScale",
  infer: () => [],
  mutates: [0, 1],
  candidates: plain(({ attrs: { interval } }) => ({
    kernels: [{
      shader: "loss_scale",
      params: { interval },
      bindings: [0, 1, 2, 3, 4].map(input),
      workgroups: [1, 1, 1],
    }],
  })),
};

/** What updates need to know of a scaled gradient. */
export interface Unscaled {
  /** Multiplied with it, a gradient is that of the loss [1]. */
  readonly factor: Tensor;
  /** Length of the loss's gradient [1]. */
  readonly norm: Tensor;
  /** Holds updates back where the gradient is not finite. */
  readonly guard: Guard;
}

/** Adds the scale's own update, from the norm of the scaled gradient. */
export function unscale(
  g: Graph,
  scale: Tensor,
  scaledNorm: Tensor,
  { loss, health }: Guard,
  interval = SCALE_INTERVAL,
): Unscaled {
  const [factor, norm] = g.add(Unscale, [scale, scaledNorm, loss], {}) as [Tensor, Tensor];
  g.add(UpdateLossScale, [scale, g.state(SCALE_STATES.steps, [1]), norm, loss, health], { interval });
  return { factor, norm, guard: { loss: norm, health } };
}
