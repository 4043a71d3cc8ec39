/**
 * From graph to program: which nodes run and in what order, which candidate computes each, where every
 * tensor lies, and which work buffers serve several tensors one after another.
 *
 * Buffers are reused whole, never in parts: wgpu refuses one buffer bound both read-only and read-write in a
 * dispatch even when the ranges are disjoint, so a tensor gets a buffer that no live tensor holds.
 */

import type { Graph } from "./graph.ts";
import type { Kernel, Lowering, Node, Ref, Target } from "./op.ts";
import {
  type Binding,
  type BufferInfo,
  type BufferRange,
  type Program,
  type Step,
  type TensorPlace,
  TEXTURE_WIDTH,
  type TextureInfo,
} from "./program.ts";
import { bytesOf, paddedBytes, sizeOf, specText, type Tensor } from "./tensor.ts";

const TEXTURE_ROW_BYTES = TEXTURE_WIDTH * 16;
/** Offsets of parts of a buffer, as WebGPU's default minStorageBufferOffsetAlignment. */
const ALIGN = 256;

/** Plans a graph for a target. Throws RangeError, naming the node, where something does not fit the adapter. */
export function plan(g: Graph, target: Target): Program {
  return new Planner(g, target).run();
}

class Planner {
  readonly #buffers: BufferInfo[] = [];
  readonly #textures: TextureInfo[] = [];
  readonly #prologue: Step[] = [];
  readonly #steps: Step[] = [];
  /** Where steps go: the prologue first. */
  #emitted = this.#prologue;
  /** Buffers that the prologue fills for all runs. */
  readonly #kept = new Set<number>();
  /** Buffer by id of each tensor; views share their source's, and so do the parts of a cut tensor. */
  readonly #home = new Map<number, number>();
  readonly #free: number[] = [];
  readonly #freeTextures: number[] = [];

  constructor(readonly g: Graph, readonly target: Target) {}

  run(): Program {
    const order = executionOrder(this.g);
    const uses = this.#countUses(order);
    const fixed = fixedNodes(order);
    for (const node of fixed) this.#node(node, uses);
    // What the prologue leaves is read in every run: those buffers serve nothing else.
    for (const t of [...fixed].flatMap((node) => node.outputs)) {
      if (uses.get(root(t).id)) this.#kept.add(this.#bufferOf(t));
    }
    this.#emitted = this.#steps;
    for (const node of order) if (!fixed.has(node)) this.#node(node, uses);
    const places = (tensors: ReadonlyMap<string, Tensor>) =>
      new Map([...tensors].filter(([, t]) => this.#home.has(root(t).id)).map(([name, t]) => [name, this.#place(t)]));
    for (const t of this.g.outputs.values()) this.#bufferOf(t); // an output may be an input that no node reads
    return {
      buffers: this.#buffers.map((info, i) => this.#kept.has(i) ? { ...info, role: "kept" } : info),
      textures: this.#textures,
      prologue: this.#prologue,
      steps: this.#steps,
      inputs: places(this.g.inputs),
      states: places(this.g.states),
      outputs: places(this.g.outputs),
    };
  }

  /** For every root tensor, the number of nodes that read it; outputs are read once more, by the host. */
  #countUses(order: readonly Node[]): Map<number, number> {
    const uses = new Map<number, number>();
    const bump = (t: Tensor) => uses.set(root(t).id, (uses.get(root(t).id) ?? 0) + 1);
    for (const node of order) if (!node.op.alias) node.inputs.forEach(bump);
    for (const t of this.g.outputs.values()) bump(t);
    return uses;
  }

  #node(node: Node, uses: Map<number, number>): void {
    if (node.op.alias) return;
    for (const t of [...node.inputs, ...node.outputs]) this.#bufferOf(t);
    for (const part of this.#parts(node)) this.#lower(part);
    for (const t of node.inputs) uses.set(root(t).id, uses.get(root(t).id)! - 1);
    for (const t of new Set([...node.inputs, ...node.outputs].map(root))) {
      const buffer = this.#home.get(t.id)!;
      const spare = this.#buffers[buffer]!.role === "work" && !this.#kept.has(buffer);
      if (!uses.get(t.id) && spare) this.#free.push(buffer);
    }
  }

  /** The node whole, or cut along the first axis where one of its bindings would pass the adapter's limit. */
  #parts(node: Node): { node: Node; start: number; split: readonly boolean[] | null }[] {
    const largest = largestBinding(node, this.target);
    if (largest <= this.target.maxBindingBytes) return [{ node, start: 0, split: null }];
    const split = node.op.splitInputs?.(node);
    const limit = this.target.maxBindingBytes;
    const tooLarge = `${node.op.name} ${node.name} binds ${largest} bytes; the adapter binds at most ${limit}`;
    if (!split) throw new RangeError(`${tooLarge} and the operator cannot be split: use a smaller batch`);
    const whole = boundInputs(node, this.target).find((i) => !split[i] && bytesOf(node.inputs[i]!) > limit);
    if (whole !== undefined) throw new RangeError(`${tooLarge}: its input ${node.inputs[whole]!.name} cannot be split`);
    const n = node.outputs[0]!.shape[0]!;
    const moving = [...node.inputs.filter((_, i) => split[i]), ...node.outputs];
    // Scratch memory grows with the batch as tensors do.
    const rowBytes = Math.max(largest / n, ...moving.map((t) => bytesOf(t) / n));
    let rows = Math.floor(limit / rowBytes);
    // A part starts at a multiple of ALIGN bytes in every tensor.
    while (rows > 0 && moving.some((t) => (rows * bytesOf(t) / n) % ALIGN !== 0)) rows--;
    if (rows < 1) throw new RangeError(`${tooLarge}: one sample takes ${rowBytes} bytes`);
    const parts = [];
    for (let start = 0; start < n; start += rows) {
      const count = Math.min(rows, n - start);
      const cut = (t: Tensor): Tensor => ({ ...t, shape: [count, ...t.shape.slice(1)] });
      const inputs = node.inputs.map((t, i) => split[i] ? cut(t) : t);
      parts.push({ node: { ...node, inputs, outputs: node.outputs.map(cut) }, start, split });
    }
    return parts;
  }

  #lower(part: { node: Node; start: number; split: readonly boolean[] | null }): void {
    const { node } = part;
    const lowering = choose(node, this.target);
    const scratch = (lowering.scratch ?? []).map((bytes) => this.#take(bytes, `${node.name} scratch`));
    const range = (ref: Ref): BufferRange => this.#range(part, ref, scratch, lowering);
    const twins = new Map<string, number>();
    const flops = (node.op.flops?.(node) ?? 0) / Math.max(1, lowering.kernels.length);
    for (const kernel of lowering.kernels) {
      const bindings = kernel.bindings.map((ref): Binding => {
        if (ref.kind !== "texture") return { kind: "buffer", ...range(ref) };
        const from = range(ref.of);
        const key = JSON.stringify(from);
        if (!twins.has(key)) {
          const twin = this.#takeTexture(Math.ceil(from.bytes / TEXTURE_ROW_BYTES), node);
          twins.set(key, twin);
          this.#emitted.push({ kind: "texture", node: node.name, from, texture: twin });
        }
        return { kind: "texture", texture: twins.get(key)! };
      });
      checkIterations(node, kernel, this.target);
      this.#emitted.push(dispatch(node, kernel, bindings, flops, range));
    }
    this.#free.push(...scratch);
    this.#freeTextures.push(...twins.values());
  }

  #range(
    part: { node: Node; start: number; split: readonly boolean[] | null },
    ref: Ref,
    scratch: readonly number[],
    lowering: Lowering,
  ): BufferRange {
    if (ref.kind === "texture") throw new TypeError("internal: a texture of a texture");
    if (ref.kind === "scratch") {
      return { buffer: scratch[ref.index]!, offset: 0, bytes: paddedBytes(lowering.scratch![ref.index]!) };
    }
    const tensors = ref.kind === "input" ? part.node.inputs : part.node.outputs;
    const tensor = tensors[ref.index];
    if (!tensor) throw new TypeError(`internal: ${part.node.op.name} binds ${ref.kind} ${ref.index}, which it has not`);
    const moves = part.split && (ref.kind === "output" || part.split[ref.index]);
    const offset = moves ? part.start * 4 * sizeOf(tensor.shape.slice(1)) : 0;
    return { buffer: this.#bufferOf(tensor), offset, bytes: paddedBytes(bytesOf(tensor)) };
  }

  #bufferOf(tensor: Tensor): number {
    const source = root(tensor);
    const known = this.#home.get(source.id);
    if (known !== undefined) return known;
    const bytes = paddedBytes(bytesOf(source));
    const { role, name, data } = source;
    const buffer = role === "value"
      ? this.#take(bytes, name)
      : this.#buffers.push({ role, name, bytes, ...(data ? { data } : {}) }) - 1;
    this.#home.set(source.id, buffer);
    return buffer;
  }

  /** The smallest free work buffer that is large enough, or the largest free one made larger, or a new one. */
  #take(bytes: number, name: string): number {
    const size = paddedBytes(bytes);
    let best = -1;
    for (const candidate of this.#free) {
      const have = this.#buffers[candidate]!.bytes;
      const old = best < 0 ? -1 : this.#buffers[best]!.bytes;
      const better = have >= size ? (old < size || have < old) : (old < size && have > old);
      if (best < 0 || better) best = candidate;
    }
    if (best < 0) return this.#buffers.push({ role: "work", name, bytes: size }) - 1;
    this.#free.splice(this.#free.indexOf(best), 1);
    const info = this.#buffers[best]!;
    if (info.bytes < size) info.bytes = size;
    return best;
  }

  #takeTexture(rows: number, node: Node): number {
    if (rows > this.target.maxTextureRows) {
      throw new RangeError(
        `${node.op.name} ${node.name} needs a texture of ${rows} rows; the adapter has ${this.target.maxTextureRows}`,
      );
    }
    let best = -1;
    for (const candidate of this.#freeTextures) {
      if (best < 0 || this.#textures[candidate]!.rows > this.#textures[best]!.rows) best = candidate;
    }
    if (best < 0) return this.#textures.push({ rows }) - 1;
    this.#freeTextures.splice(this.#freeTextures.indexOf(best), 1);
    this.#textures[best]!.rows = Math.max(this.#textures[best]!.rows, rows);
    return best;
  }

  #place(t: Tensor): TensorPlace {
    return {
      range: { buffer: this.#bufferOf(t), offset: 0, bytes: bytesOf(t) },
      shape: t.shape,
      dtype: t.dtype,
    };
  }
}

/** Nodes whose results are the same in every run: all they read is constants, or results of such nodes. */
function fixedNodes(order: readonly Node[]): Set<Node> {
  const fixed = new Set<Node>();
  for (const node of order) {
    const same = (t: Tensor) => t.role === "constant" || (t.producer !== undefined && fixed.has(t.producer));
    if (!node.op.mutates && node.inputs.every(same)) fixed.add(node);
  }
  return fixed;
}

/** The tensor whose bytes `t` shares, through views. */
function root(t: Tensor): Tensor {
  let tensor = t;
  while (tensor.producer?.op.alias) tensor = tensor.producer.inputs[0]!;
  return tensor;
}

/** What a node computes, as text: operator, attributes, and the types and shapes of its inputs. */
export function workKey({ op, attrs, inputs }: Node): string {
  return `${op.name} ${inputs.map(specText).join(" ")} ${JSON.stringify(attrs)}`;
}

/**
 * The lowering of the forced candidate where it accepts the node, else of the one that was measured to be fastest, else
 * of the first that is meant for the target and pays. Outputs without elements take no work.
 */
function choose(node: Node, target: Target): Lowering {
  if (node.outputs.length > 0 && node.outputs.every((t) => sizeOf(t.shape) === 0)) return { kernels: [] };
  const able = node.op.candidates.filter((c) => c.accepts(node, target));
  const forced = target.force?.[node.op.name];
  const picked = target.picks?.get(workKey(node));
  const chosen = able.find((c) => c.name === forced) ?? able.find((c) => c.name === picked) ??
    able.find((c) => (!c.on || c.on === target.kind) && (c.pays?.(node) ?? true));
  if (!chosen) throw new TypeError(`internal: no kernel of ${node.op.name} accepts ${node.name}`);
  return chosen.lower(node, target);
}

/** Bytes of the largest buffer that a node's kernels bind; what they read as textures has limits of its own. */
function largestBinding(node: Node, target: Target): number {
  const { kernels, scratch = [] } = choose(node, target);
  const sizes = kernels.flatMap(({ bindings }) =>
    bindings.map((ref) => {
      if (ref.kind === "texture") return 0;
      if (ref.kind === "scratch") return scratch[ref.index]!;
      return bytesOf((ref.kind === "input" ? node.inputs : node.outputs)[ref.index]!);
    })
  );
  return Math.max(0, ...sizes);
}

/** Inputs that a node's kernels bind as buffers. */
function boundInputs(node: Node, target: Target): number[] {
  const refs = choose(node, target).kernels.flatMap(({ bindings }) => bindings);
  return refs.flatMap((ref) => ref.kind === "input" ? [ref.index] : []);
}

/** Throws RangeError for a kernel that the adapter would cut short. */
function checkIterations(node: Node, { shader, iterations = 0 }: Kernel, { maxIterations }: Target): void {
  if (iterations <= maxIterations) return;
  throw new RangeError(
    `${node.op.name} ${node.name}: ${shader}.wgsl loops ${iterations} times an invocation, this adapter ends loops after ` +
      `${maxIterations}: use a smaller batch, or channels in multiples of 4, which have a faster kernel`,
  );
}

function dispatch(
  node: Node,
  kernel: Kernel,
  bindings: Binding[],
  flops: number,
  range: (ref: Ref) => BufferRange,
): Step {
  const outputs = kernel.bindings.filter((ref) => ref.kind === "output").map((ref) => ({
    range: range(ref),
    dtype: node.outputs[ref.index]!.dtype,
  }));
  const mutated = (node.op.mutates ?? []).map((index) => ({
    range: range({ kind: "input", index }),
    dtype: node.inputs[index]!.dtype,
  }));
  return {
    kind: "dispatch",
    node: node.name,
    op: node.op.name,
    shader: kernel.shader,
    entry: kernel.entry ?? "main",
    constants: kernel.constants ?? {},
    params: kernel.params ?? null,
    bindings,
    workgroups: fold(kernel.workgroups),
    flops,
    writes: [...outputs, ...mutated],
  };
}

/** WebGPU runs at most 65,535 workgroups a dimension: a longer x is folded into y. */
function fold([x, y, z]: readonly [number, number, number]): [number, number, number] {
  if (x <= 65535) return [x, y, z];
  if (y !== 1) throw new RangeError(`internal: ${x} x ${y} workgroups cannot be folded`);
  const rows = Math.ceil(x / 65535);
  return [Math.ceil(x / rows), rows, z];
}

/**
 * Nodes that lead to an output or change a state, in the order they were added, except that a node which
 * overwrites states waits for the other readers of them, and no longer: gradients are freed early. One that reads
 * an updated state waits for the update.
 */
function executionOrder(g: Graph): Node[] {
  const needed = new Set<Node>();
  const stack = [...g.outputs.values()].flatMap((t) => t.producer ?? []);
  stack.push(...g.nodes.filter((node) => node.op.mutates));
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const t of node.inputs) if (t.producer) stack.push(t.producer);
  }
  const live = g.nodes.filter((node) => needed.has(node));
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
  const order: Node[] = [];
  const run = (node: Node) => {
    order.push(node);
    done.add(node);
    count(readers, reads(node), -1);
    count(writers, writes(node), -1);
  };
  let waiting = live.filter((node) => node.op.mutates);
  const ready = (node: Node) =>
    node.inputs.every((t) => !t.producer || done.has(t.producer)) &&
    writes(node).every((id) => !readers.get(id)) && readsLate(node).every((id) => !writers.get(id));
  for (const node of live.filter((n) => !n.op.mutates)) {
    run(node);
    for (let now = waiting.filter(ready); now.length; now = waiting.filter(ready)) {
      waiting = waiting.filter((n) => !now.includes(n));
      now.forEach(run);
    }
  }
  while (waiting.length) {
    const next = waiting.find(ready) ?? waiting[0]!;
    waiting = waiting.filter((n) => n !== next);
    run(next);
  }
  return order;
}
