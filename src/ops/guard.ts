/**
 * The guard of a training run: a state `health`, 0 while every loss was finite, else 1 + the first step whose loss was
 * not. Operators that change parameters or statistics read it and the step's loss, and leave everything as it was
 * when something is wrong, so that the step can be replayed and looked into.
 */

import type { Graph } from "../graph/graph.ts";
import { input, type Op, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What an update looks at before it changes anything. */
export interface Guard {
  /** The step's loss, one value. */
  readonly loss: Tensor;
  readonly health: Tensor;
}

/** Notes the first step that went wrong. Inputs health (overwritten), loss, rng. */
export const UpdateHealth: Op = {
  name: "UpdateHealth",
  infer: () => [],
  mutates: [0],
  candidates: plain(() => ({
    kernels: [{ shader: "guard", bindings: [input(0), input(1), input(2)], workgroups: [1, 1, 1] }],
  })),
};

/** The guard of a step: `rng` is the input that holds the step's number. */
export function guard(g: Graph, loss: Tensor, rng: Tensor): Guard {
  const health = g.state("health", [1], "u32");
  g.add(UpdateHealth, [health, loss, rng], {});
  return { loss, health };
}
