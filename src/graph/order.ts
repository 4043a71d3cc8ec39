/** Which nodes of a graph run, in what order, and which of them give the same in every run. */

import type { Graph } from "./graph.ts";
import type { Node } from "./op.ts";
import type { Tensor } from "./tensor.ts";

/** The tensor whose bytes `t` shares, through views. */
export function root(t: Tensor): Tensor {
  let tensor = t;
  while (tensor.producer?.op.alias) tensor = tensor.producer.inputs[0]!;
  return tensor;
}

/**
 * Nodes that lead to an output or change a state, in the order they were added, except for those that overwrite states or
 * read updated ones: they wait for the other readers, and for the updates, and no longer, so that gradients are freed
 * early. What reads their results waits with them.
 */
export function executionOrder(g: Graph): Node[] {
  const live = liveNodes(g);
  const some = (node: Node, indices: readonly number[] = []) => indices.map((i) => root(node.inputs[i]!).id);
  const writes = (node: Node) => some(node, node.op.mutates);
  const readsLate = (node: Node) => some(node, node.op.readsUpdated);
  const reads = ({ op, inputs }: Node) =>
    inputs.filter((_, i) => !op.mutates?.includes(i) && !op.readsUpdated?.includes(i)).map((t) => root(t).id);
  /** Nodes still to run that read each state as it was, and that overwrite it. */
  const readers = new Map<number, number>();
  const writers = new Map<number, number>();
  const count = (map: Map<number, number>, ids: number[], by: number) => {
    for (const id of ids) map.set(id, (map.get(id) ?? 0) + by);
  };
  for (const node of live) {
    count(readers, reads(node), 1);
    count(writers, writes(node), 1);
  }
  const done = new Set<Node>();
  const waits = ({ op }: Node) => op.mutates !== undefined || op.readsUpdated !== undefined;
  let waiting = live.filter(waits);
  const run = (node: Node) => {
    done.add(node);
    count(readers, reads(node), -1);
    count(writers, writes(node), -1);
  };
  const ready = (node: Node) =>
    node.inputs.every((t) => !t.producer || done.has(t.producer)) &&
    writes(node).every((id) => !readers.get(id)) && readsLate(node).every((id) => !writers.get(id));
  const runReady = () => {
    for (let now = waiting.filter(ready); now.length; now = waiting.filter(ready)) {
      waiting = waiting.filter((n) => !now.includes(n));
      now.forEach(run);
    }
  };
  const others = Map.groupBy(live.filter((n) => !waits(n)), ({ inputs }) => inputs.length === 0);
  // What takes no input is the same in every run, so that it costs nothing to have it before those that wait for it.
  for (const node of [...others.get(true) ?? [], ...others.get(false) ?? []]) {
    if (!ready(node)) {
      waiting.push(node);
      continue;
    }
    run(node);
    runReady();
  }
  while (waiting.length) {
    run(waiting.shift()!); // it reads what another one overwrites, and the other way round
    runReady();
  }
  return [...done];
}

/** Nodes that lead to an output or change a state, in the order they were added. */
export function liveNodes(g: Graph): Node[] {
  const needed = new Set<Node>();
  const stack = [...g.outputs.values()].flatMap((t) => t.producer ?? []);
  stack.push(...g.nodes.filter((node) => node.op.mutates));
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const t of node.inputs) if (t.producer) stack.push(t.producer);
  }
  return g.nodes.filter((node) => needed.has(node));
}

/** Nodes whose results are the same in every run: all they read is constants, or results of such nodes. */
export function fixedNodes(order: readonly Node[]): Set<Node> {
  const fixed = new Set<Node>();
  for (const node of order) if (isFixed(node, fixed)) fixed.add(node);
  return fixed;
}

/** Whether a node gives the same in every run, where those before it that do are known. */
export function isFixed({ op, inputs }: Node, fixed: ReadonlySet<Node>): boolean {
  const same = (t: Tensor) => t.role === "constant" || (t.producer !== undefined && fixed.has(t.producer));
  return !op.mutates && !op.readsUpdated && inputs.every(same);
}
