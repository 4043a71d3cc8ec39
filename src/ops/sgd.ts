/** SGD with momentum and weight decay, torch.optim.SGD's rule: g += wd p; buf = momentum buf + g; p -= lr buf. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op } from "../graph/op.ts";
import { sameShape, sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";
import { fullGroups, groupCandidates, groupName, memberEnds } from "./groups.ts";
import type { Guard } from "./guard.ts";

/** Constants of a run. */
export interface SgdAttrs {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** What the operator knows beside these: whether gradients are multiplied by a factor first. */
interface Attrs extends SgdAttrs {
  readonly scaled: boolean;
}

/** Parameters of sgd_together.wgsl, and the storage buffers that it binds. */
const TOGETHER = 8;
const BUFFERS = 4 + 3 * TOGETHER;

/**
 * Inputs lr [1], loss, health, the gradients' factor [1] (anything where they have none); then of each of `count` parameters
 * itself and its momentum (overwritten), its gradient.
 */
function sgdOp(count: number): Op<Attrs> {
  const members = Array.from({ length: count }, (_, i) => 4 + 3 * i);
  return {
    name: "Sgd",
    infer: (inputs) => {
      members.forEach((at) => check(inputs[at]!, inputs[at + 1]!, inputs[at + 2]!));
      return [];
    },
    mutates: members.flatMap((at) => [at, at + 1]),
    candidates: groupCandidates({ full: count === TOGETHER, buffers: BUFFERS, members, together, alone }),
  };
}

const OPS = new Map([1, TOGETHER].map((count) => [count, sgdOp(count)]));

function check(p: TensorSpec, buf: TensorSpec, gradient: TensorSpec): void {
  if (sameShape(p.shape, gradient.shape) && sameShape(p.shape, buf.shape)) return;
  throw new TypeError(`parameter ${specText(p)} has gradient ${specText(gradient)} and momentum ${specText(buf)}`);
}

function alone({ inputs, attrs }: Node, at: number): Kernel {
  const { momentum, weightDecay, scaled } = attrs as Attrs;
  const vectors = Math.ceil(sizeOf(inputs[at]!.shape) / 4);
  return {
    shader: "sgd",
    constants: { SCALED: Number(scaled) },
    params: { vectors, momentum, weight_decay: weightDecay },
    bindings: [0, 1, 2, 3, at, at + 1, at + 2].map(input),
    workgroups: cover(vectors, 256),
  };
}

function together({ inputs, attrs }: Node, members: readonly number[]): Kernel {
  const { momentum, weightDecay, scaled } = attrs as Attrs;
  const { ends, total: vectors } = memberEnds(members.map((at) => sizeOf(inputs[at]!.shape)), 4);
  return {
    shader: "sgd_together",
    constants: { SCALED: Number(scaled) },
    params: { ends, vectors, momentum, weight_decay: weightDecay },
    bindings: inputs.map((_, i) => input(i)),
    workgroups: cover(vectors, 64),
  };
}

/**
 * Updates parameter states; the momentum of each is the state `momentum.<name>`, zero at first. Gradients are multiplied by
 * `factor` [1] where there is one (loss scaling).
 */
export function sgd(
  g: Graph,
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
  lr: Tensor,
  attrs: SgdAttrs,
  { loss, health }: Guard,
  factor: Tensor | null = null,
): void {
  const steps = parameters.map((p, i) => ({ p, buf: g.state(`momentum.${p.name}`, p.shape), gradient: gradients[i]! }));
  for (const group of fullGroups(steps, ({ p }) => sizeOf(p.shape), TOGETHER)) {
    const inputs = [lr, loss, health, factor ?? lr, ...group.flatMap(({ p, buf, gradient }) => [p, buf, gradient])];
    g.add(
      OPS.get(group.length)!,
      inputs,
      { ...attrs, scaled: factor !== null },
      groupName(group.map(({ p }) => p.name)),
    );
  }
}
