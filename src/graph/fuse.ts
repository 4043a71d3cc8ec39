/**
 * Fusion from graph to graph: each operator's own rule (`Op.join`) says how a node takes over the work of those that make
 * its inputs. It runs when a graph is planned, so that gradients never see it.
 */

import type { Graph } from "./graph.ts";
import type { Joining, Node, Target } from "./op.ts";
import { isFixed, liveNodes } from "./order.ts";
import { partsOf } from "./parts.ts";
import type { Tensor } from "./tensor.ts";

/** The graph with its nodes joined for a target; nodes that are not touched are the same objects. */
export function fuse(g: Graph, target: Target): Graph {
  let graph = g;
  for (let next = round(graph, target); next; next = round(graph, target)) graph = next;
  return graph;
}

/** One walk over the nodes, from inputs to outputs; null where nothing could be joined. */
function round(g: Graph, target: Target): Graph | null {
  const live = liveNodes(g);
  if (!live.some(({ op }) => op.join)) return null;
  return new Round(g, live, target).run();
}

class Round {
  readonly #fused: Graph;
  /** What took the place of a tensor. */
  readonly #now = new Map<Tensor, Tensor>();
  /** Readers of each tensor, the host among them; those that a rule adds are not counted before the next round. */
  readonly #readers = new Map<Tensor, number>();
  readonly #fixed = new Set<Node>();
  #seen = 0;

  constructor(readonly g: Graph, readonly live: readonly Node[], readonly target: Target) {
    this.#fused = g.derived();
    for (const t of [...live.flatMap(({ inputs }) => inputs), ...g.outputs.values()]) {
      this.#readers.set(t, (this.#readers.get(t) ?? 0) + 1);
    }
  }

  run(): Graph | null {
    let joined = false;
    for (const node of this.live) {
      const reader = { ...node, inputs: node.inputs.map((t) => this.#current(t)) };
      const outputs = this.#join(reader);
      if (outputs) joined = true;
      this.#replace(node, outputs ?? this.#keep(node, reader));
    }
    for (const [name, t] of this.g.outputs) this.#fused.output(name, this.#current(t));
    if (!joined) return null;
    const live = liveNodes(this.#fused);
    this.#fused.nodes.length = 0;
    for (const node of live) this.#fused.nodes.push(node);
    return this.#fused;
  }

  /** What the node's rule makes of it, unless the adapter cannot run that. */
  #join(reader: Node): readonly Tensor[] | null {
    const { nodes } = this.#fused;
    const before = nodes.length;
    const outputs = reader.op.join?.(reader, this.#joining(reader)) ?? null;
    return outputs && nodes.slice(before).every((node) => canRun(node, this.target)) ? outputs : null;
  }

  #current(t: Tensor): Tensor {
    return this.#now.get(t) ?? t;
  }

  #joining(reader: Node): Joining {
    this.#noteFixed();
    const fixed = isFixed(reader, this.#fixed);
    const isSteady = ({ producer }: Tensor) => producer !== undefined && this.#fixed.has(producer);
    return { g: this.#fused, target: this.target, only: (t) => this.#readers.get(t) === 1 && (fixed || !isSteady(t)) };
  }

  #noteFixed(): void {
    for (const { nodes } = this.#fused; this.#seen < nodes.length; this.#seen++) {
      if (isFixed(nodes[this.#seen]!, this.#fixed)) this.#fixed.add(nodes[this.#seen]!);
    }
  }

  /** The node as it is, on what its inputs have become. */
  #keep(node: Node, { op, inputs, attrs, name }: Node): readonly Tensor[] {
    if (inputs.every((t, i) => t === node.inputs[i])) {
      this.#fused.nodes.push(node);
      return node.outputs;
    }
    return this.#fused.add(op, inputs, attrs, name);
  }

  #replace(node: Node, outputs: readonly Tensor[]): void {
    node.outputs.forEach((old, i) => {
      if (old === outputs[i]) return;
      this.#now.set(old, outputs[i]!);
      const others = this.#readers.get(outputs[i]!) ?? 0; // of a tensor that was there; they may be counted twice
      this.#readers.set(outputs[i]!, others + (this.#readers.get(old) ?? 0));
    });
  }
}

/** Whether a node's bindings are within the adapter's limit, whole or in parts. */
function canRun(node: Node, target: Target): boolean {
  if (node.op.alias) return true;
  try {
    return partsOf(node, target).length > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
