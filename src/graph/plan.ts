/**
 * From graph to program: which nodes run and in what order, which candidate computes each, where every
 * tensor lies, and which work buffers serve several tensors one after another.
 */

import { checkIterations, choose } from "./choose.ts";
import { fuse } from "./fuse.ts";
import type { Graph } from "./graph.ts";
import { bufferOf, hoistable, NOTHING_HOISTED } from "./hoist.ts";
import { Memory, rowsOf } from "./memory.ts";
import { relocate } from "./relocate.ts";
import type { Kernel, Lowering, Node, Ref, Target } from "./op.ts";
import { executionOrder, fixedNodes, root } from "./order.ts";
import { type Part, partsOf } from "./parts.ts";
import type { Binding, BufferRange, Program, Step, TensorPlace } from "./program.ts";
import { bytesOf, elementBytes, paddedBytes, sizeOf, type Tensor } from "./tensor.ts";

/** A texture twin waits for its tensor's next reader when that is so many nodes away at most. */
const TWIN_WAIT = 20;

/** Plans a graph for a target. Throws RangeError, naming the node, where something does not fit the adapter. */
export function plan(g: Graph, target: Target): Program {
  return new Planner(target.fuse === false ? g : fuse(g, target), target).run();
}

class Planner {
  readonly #memory = new Memory();
  readonly #prologue: Step[] = [];
  readonly #steps: Step[] = [];
  /** Buffer by id of each tensor; views share their source's, and so do the parts of a cut tensor. */
  readonly #home = new Map<number, number>();
  readonly #order: readonly Node[];
  readonly #fixed: ReadonlySet<Node>;
  /** Nodes still to come, and the host, that read each root tensor. */
  readonly #uses = new Map<number, number>();
  /** Positions of the nodes that read each root tensor as a texture. */
  readonly #textureReads = new Map<number, number[]>();
  /** Textures of steady tensors, by root tensor and range: filled once. */
  readonly #steadyTextures = new Map<string, number>();

  constructor(readonly g: Graph, readonly target: Target) {
    this.#order = executionOrder(g);
    this.#fixed = fixedNodes(this.#order);
    this.#countUses();
  }

  run(): Program {
    for (const [at, node] of this.#order.entries()) if (this.#fixed.has(node)) this.#node(node, at);
    // What the prologue leaves is read in every run: those buffers serve nothing else.
    for (const t of [...this.#fixed].flatMap((node) => node.outputs)) {
      if (this.#uses.get(root(t).id)) this.#memory.keep(this.#bufferOf(t));
    }
    for (const [at, node] of this.#order.entries()) if (!this.#fixed.has(node)) this.#node(node, at);
    const places = (tensors: ReadonlyMap<string, Tensor>) =>
      new Map([...tensors].filter(([, t]) => this.#home.has(root(t).id)).map(([name, t]) => [name, this.#place(t)]));
    for (const t of this.g.outputs.values()) this.#bufferOf(t); // an output may be an input that no node reads
    return relocate({
      prologue: this.#prologue,
      steps: this.#steps,
      inputs: places(this.g.inputs),
      states: places(this.g.states),
      outputs: places(this.g.outputs),
      fullest: this.#memory.fullest(),
    }, this.#memory.layout([...this.#prologue, ...this.#steps]));
  }

  #countUses(): void {
    const bump = (t: Tensor) => this.#uses.set(root(t).id, (this.#uses.get(root(t).id) ?? 0) + 1);
    for (const [at, node] of this.#order.entries()) {
      if (node.op.alias) continue;
      node.inputs.forEach(bump);
      const refs = choose(node, this.target).kernels.flatMap(({ bindings }) => bindings);
      for (const ref of refs.flatMap((r) => r.kind === "texture" ? [r.of] : [])) {
        if (ref.kind !== "input") continue;
        const id = root(node.inputs[ref.index]!).id;
        this.#textureReads.set(id, [...(this.#textureReads.get(id) ?? []), at]);
      }
    }
    for (const t of this.g.outputs.values()) bump(t);
  }

  #node(node: Node, at: number): void {
    if (node.op.alias) return;
    this.#memory.tick(node.name);
    for (const t of [...node.inputs, ...node.outputs]) this.#bufferOf(t);
    for (const part of partsOf(node, this.target)) this.#lower(part);
    for (const t of node.inputs) this.#uses.set(root(t).id, this.#uses.get(root(t).id)! - 1);
    const mutated = new Set((node.op.mutates ?? []).map((i) => root(node.inputs[i]!)));
    for (const t of new Set([...node.inputs, ...node.outputs].map(root))) {
      const buffer = this.#home.get(t.id)!;
      const next = this.#textureReads.get(t.id)?.find((position) => position > at) ?? Infinity;
      if (mutated.has(t) || next - at > TWIN_WAIT) this.#memory.forget(buffer);
      if (!this.#uses.get(t.id)) this.#memory.release(buffer);
    }
  }

  #lower(part: Part): void {
    const { node } = part;
    const fixed = this.#fixed.has(node);
    const lowering = choose(node, this.target);
    const hoisted = fixed || part.split ? NOTHING_HOISTED : hoistable(node, lowering, (t) => this.#isSteady(t));
    const scratch = (lowering.scratch ?? []).map((bytes, i) => {
      const name = `${node.name} scratch`;
      return hoisted.kept.has(i)
        ? this.#memory.addKept(bytes, name)
        : this.#memory.take(bytes, name, `${node.op.name} scratch`);
    });
    const prepared = new Map<number, number>(); // textures of what hoisted kernels leave
    const range = (ref: Ref) => this.#range(part, bufferOf(ref), scratch, lowering);
    const flops = (node.op.flops?.(node) ?? 0) / Math.max(1, lowering.kernels.length);
    for (const kernel of lowering.kernels) {
      const once = fixed || hoisted.kernels.has(kernel);
      const bindings = kernel.bindings.map((ref): Binding => {
        if (ref.kind === "nothing") return ref;
        const half = isHalf(node, ref);
        if (ref.kind !== "texture") return { kind: "buffer", half, ...range(ref) };
        const of = bufferOf(ref);
        const texture = !once && of.kind === "scratch" && hoisted.scratch.has(of.index)
          ? this.#prepared(node, of.index, range(of), prepared)
          : this.#twin(node, of, range(of), once);
        return { kind: "texture", half, texture };
      });
      checkIterations(node, kernel, this.target);
      (once ? this.#prologue : this.#steps).push(dispatch(node, kernel, bindings, flops, range));
    }
    scratch.forEach((buffer) => this.#memory.release(buffer));
  }

  /** The texture, filled once, of scratch memory that hoisted kernels fill. */
  #prepared(node: Node, index: number, from: BufferRange, prepared: Map<number, number>): number {
    const known = prepared.get(index);
    if (known !== undefined) return known;
    const texture = this.#fillOnce(node, from, false);
    prepared.set(index, texture);
    return texture;
  }

  /** The texture twin of what a kernel reads; `once`: in the prologue. */
  #twin(node: Node, of: ReturnType<typeof bufferOf>, from: BufferRange, once: boolean): number {
    const half = isHalf(node, of);
    if (!once && of.kind === "input" && this.#isSteady(node.inputs[of.index]!)) {
      const key = `${root(node.inputs[of.index]!).id} ${from.offset}+${from.bytes}`;
      const known = this.#steadyTextures.get(key) ?? this.#fillOnce(node, from, half);
      this.#steadyTextures.set(key, known);
      return known;
    }
    const known = this.#memory.twin(from);
    if (known !== undefined) return known;
    this.#checkTexture(node, from.bytes, half);
    const texture = this.#memory.addTwin(from, half);
    (once ? this.#prologue : this.#steps).push({ kind: "texture", node: node.name, from, texture });
    return texture;
  }

  #fillOnce(node: Node, from: BufferRange, half: boolean): number {
    this.#checkTexture(node, from.bytes, half);
    const texture = this.#memory.addKeptTexture(from.bytes, half);
    this.#prologue.push({ kind: "texture", node: node.name, from, texture });
    return texture;
  }

  #checkTexture(node: Node, bytes: number, half: boolean): void {
    const [rows, most] = [rowsOf(bytes, half), this.target.maxTextureRows];
    if (rows <= most) return;
    throw new RangeError(`${node.op.name} ${node.name} needs a texture of ${rows} rows; the adapter has ${most}`);
  }

  /** Whether a tensor has the same values in every run: a constant, or what the prologue leaves. */
  #isSteady(t: Tensor): boolean {
    const { role, producer } = root(t);
    return role === "constant" || (producer !== undefined && this.#fixed.has(producer));
  }

  #range(part: Part, ref: Ref, scratch: readonly number[], lowering: Lowering): BufferRange {
    if (ref.kind === "texture" || ref.kind === "nothing") throw new TypeError(`internal: a range of ${ref.kind}`);
    if (ref.kind === "scratch") {
      return { buffer: scratch[ref.index]!, offset: 0, bytes: paddedBytes(lowering.scratch![ref.index]!) };
    }
    const tensors = ref.kind === "input" ? part.node.inputs : part.node.outputs;
    const tensor = tensors[ref.index];
    if (!tensor) throw new TypeError(`internal: ${part.node.op.name} binds ${ref.kind} ${ref.index}, which it has not`);
    const moves = part.split && (ref.kind === "output" || part.split[ref.index]);
    const offset = moves ? part.start * elementBytes(tensor.dtype) * sizeOf(tensor.shape.slice(1)) : 0;
    return { buffer: this.#bufferOf(tensor), offset, bytes: paddedBytes(bytesOf(tensor)) };
  }

  #bufferOf(tensor: Tensor): number {
    const source = root(tensor);
    const known = this.#home.get(source.id);
    if (known !== undefined) return known;
    const bytes = paddedBytes(bytesOf(source));
    const { role, name, data } = source;
    const buffer = role === "value"
      ? this.#memory.take(bytes, name, operatorOf(source))
      : this.#memory.add({ role, name, bytes, ...(data ? { data } : {}) });
    this.#home.set(source.id, buffer);
    return buffer;
  }

  #place(t: Tensor): TensorPlace {
    return {
      range: { buffer: this.#bufferOf(t), offset: 0, bytes: bytesOf(t) },
      shape: t.shape,
      dtype: t.dtype,
    };
  }
}

/** Whether a kernel finds values of f16 there. */
function isHalf(node: Node, ref: Ref): boolean {
  const of = bufferOf(ref);
  return of.kind !== "scratch" && (of.kind === "input" ? node.inputs : node.outputs)[of.index]?.dtype === "f16";
}

/** What a value's memory is counted under. */
function operatorOf({ name, producer }: Tensor): string {
  return `${name.startsWith("grad.") ? "gradient " : ""}${producer!.op.name}`;
}

function dispatch(
  node: Node,
  kernel: Kernel,
  bindings: Binding[],
  flops: number,
  range: (ref: Ref) => BufferRange,
): Step {
  // A buffer ends on a vec4 with anything behind the last element.
  const write = (ref: Ref, t: Tensor) => ({ range: { ...range(ref), bytes: bytesOf(t) }, dtype: t.dtype });
  const outputs = kernel.bindings.filter((ref) => ref.kind === "output").map((ref) =>
    write(ref, node.outputs[ref.index]!)
  );
  const mutated = (node.op.mutates ?? []).map((index) => write({ kind: "input", index }, node.inputs[index]!));
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
