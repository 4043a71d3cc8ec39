/** Exponential moving averages of parameters, as momentum encoders are (He et al. 2020, formula 2). */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op } from "../graph/op.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { fullGroups, groupCandidates, groupName, memberEnds } from "./groups.ts";
import type { Guard } from "./guard.ts";

/** Tensors of ema_together.wgsl, and the storage buffers that it binds. */
const TOGETHER = 8;
const BUFFERS = 3 + 2 * TOGETHER;

/** Inputs rate [1], loss, health; then of each of `count` averages itself (overwritten) and the updated state it follows. */
function emaOp(count: number): Op {
  const members = Array.from({ length: count }, (_, i) => 3 + 2 * i);
  return {
    name: "Ema",
    infer: (inputs) => {
      for (const at of members) {
        const [average, value] = [inputs[at]!, inputs[at + 1]!];
        if (!sameShape(average.shape, value.shape)) {
          throw new TypeError(`the average ${specText(average)} follows ${specText(value)} of another shape`);
        }
      }
      return [];
    },
    mutates: members,
    readsUpdated: members.map((at) => at + 1),
    candidates: groupCandidates({ full: count === TOGETHER, buffers: BUFFERS, members, together, alone }),
  };
}

const OPS = new Map([1, TOGETHER].map((count) => [count, emaOp(count)]));

function alone({ inputs }: Node, at: number): Kernel {
  const vectors = Math.ceil(sizeOf(inputs[at]!.shape) / 4);
  return {
    shader: "ema",
    params: { vectors },
    bindings: [0, 1, 2, at, at + 1].map(input),
    workgroups: cover(vectors, 256),
  };
}

function together({ inputs }: Node, members: readonly number[]): Kernel {
  const { ends, total: vectors } = memberEnds(members.map((at) => sizeOf(inputs[at]!.shape)), 4);
  return {
    shader: "ema_together",
    params: { ends, vectors },
    bindings: inputs.map((_, i) => input(i)),
    workgroups: cover(vectors, 64),
  };
}

/** Moves each state `average` to rate * average + (1 - rate) * value, after `value` was updated in the same step. */
export function ema(
  g: Graph,
  followed: readonly (readonly [average: Tensor, value: Tensor])[],
  rate: Tensor,
  { loss, health }: Guard,
): void {
  for (const group of fullGroups(followed, ([average]) => sizeOf(average.shape), TOGETHER)) {
    g.add(OPS.get(group.length)!, [rate, loss, health, ...group.flat()], {}, groupName(group.map(([t]) => t.name)));
  }
}
