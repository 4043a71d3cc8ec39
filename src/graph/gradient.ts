/**
 * Reverse-mode differentiation from graph to graph: one backward walk over the nodes between the wanted
 * tensors and the loss, each operator's own rule adding nodes to the same graph. Rules see tensors of `g.recomputed` as
 * they are made again, in front of the first rule that asks, so that the first ones need not live until then (gradient
 * checkpointing, Chen et al. 2016). What no rule reads of them is not run.
 */

import type { Graph } from "./graph.ts";
import type { Node } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** Adds two adjoints; given by the operator layer, since graphs know no operator. */
export type Accumulate = (g: Graph, a: Tensor, b: Tensor) => Tensor;

/**
 * Adds nodes for d(sum of outputs * seeds)/d(wrt) and returns the gradients in the order of `wrt`;
 * null where the outputs do not depend on a tensor. Throws TypeError, naming the node, when an operator on
 * the way has no gradient rule.
 */
export function gradient(
  g: Graph,
  seeds: readonly { output: Tensor; seed: Tensor }[],
  wrt: readonly Tensor[],
  accumulate: Accumulate,
): (Tensor | null)[] {
  const wanted = leadsFrom(g.nodes, wrt);
  const adjoints = new Map<Tensor, Tensor>();
  const push = (tensor: Tensor, adjoint: Tensor) => {
    const known = adjoints.get(tensor);
    adjoints.set(tensor, known ? accumulate(g, known, adjoint) : adjoint);
  };
  for (const { output, seed } of seeds) push(output, seed);
  const forward = g.nodes.slice();
  const again = new Recomputation(g);
  g.scope("grad", () => {
    for (const node of forward.reverse()) {
      if (!node.outputs.some((t) => adjoints.has(t)) || !node.inputs.some((t) => wanted.has(t))) continue;
      if (!node.op.gradient) throw new TypeError(`${node.op.name} ${node.name} has no gradient`);
      const dout = node.outputs.map((t) => adjoints.get(t) ?? null);
      const wants = node.inputs.map((t) => wanted.has(t));
      const seen: Node = {
        ...node,
        inputs: node.inputs.map((t) => again.of(t)),
        outputs: node.outputs.map((t) => again.of(t)),
      };
      const dins = g.scope(node.name, () => node.op.gradient!(g, seen, dout, wants));
      for (const [i, din] of dins.entries()) {
        const target = node.inputs[i];
        if (din && target && wants[i]) push(target, din);
      }
    }
  });
  return wrt.map((t) => adjoints.get(t) ?? null);
}

/** Tensors that are made again, each once. */
class Recomputation {
  readonly #made = new Map<Tensor, Tensor>();

  constructor(readonly g: Graph) {}

  /** The tensor itself where it is kept, else the one that is made again, with all that it takes. */
  of(t: Tensor): Tensor {
    if (!this.g.recomputed.has(t)) return t;
    const known = this.#made.get(t);
    if (known) return known;
    const node = t.producer!;
    const inputs = node.inputs.map((input) => this.of(input));
    const outputs = node.op.again
      ? this.g.scope(`again.${node.name}`, () => node.op.again!(this.g, node, inputs))
      : this.g.add(node.op, inputs, node.attrs, `again.${node.name}`);
    node.outputs.forEach((output, i) => this.#made.set(output, outputs[i]!));
    return this.#made.get(t)!;
  }
}

/** The tensors that depend on one of `from`, these included. */
function leadsFrom(nodes: readonly Node[], from: readonly Tensor[]): Set<Tensor> {
  const set = new Set<Tensor>(from);
  for (const node of nodes) {
    if (node.inputs.some((t) => set.has(t))) { for (const t of node.outputs) set.add(t); }
  }
  return set;
}
