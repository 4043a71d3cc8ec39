/**
 * Tails: what element-wise nodes after a convolution or a product do to its result, done where that is stored.
 * Additions and multiplications of values for each column, or for each sample and column, become one
 *   y = activation(x * scale + shift + rest),
 * scale and shift being put together by small nodes of their own (of constants: before the first run), rest being as large
 * as y or as one sample of it. Kernels that import shared/tail.wgsl do it themselves (`Kernel.finishes`); after others,
 * and where rows of several samples meet in one invocation, a chain follows in a pass of its own.
 */

import { choose } from "../graph/choose.ts";
import type { Graph } from "../graph/graph.ts";
import { type AnyOp, input, type Joining, type Kernel, type Lowering, type Target } from "../graph/op.ts";
import { type Node, type Op, output, type Ref, scratch } from "../graph/op.ts";
import { bytesOf, sameShape, sizeOf, type Tensor } from "../graph/tensor.ts";
import { chainKernel, chainOf, joinedName } from "./chain.ts";
import { convOp } from "./conv.ts";
import { convTransposeOp } from "./conv_transpose.ts";
import { matmulOp } from "./matmul.ts";
import { reshape } from "./reshape.ts";
import { type Step, step, stepsOf } from "./steps.ts";
import { ACTIVATIONS, appended, NO_TAIL, type TailParts } from "./tail_parts.ts";

/** A tail as constants of shared/tail.wgsl: which parts there are, and of what form. */
interface Tail {
  readonly scale: number;
  readonly shift: number;
  readonly rest: number;
  readonly sample: number;
  readonly activation: TailParts["activation"];
  readonly slope: number;
}

/** Attributes of the operator that has a tail, and the tail, whose operands follow the operator's inputs. */
export interface TailAttrs {
  // deno-lint-ignore no-explicit-any
  readonly base: any;
  readonly tail: Tail;
}

const tailed = new Map<AnyOp, Op<TailAttrs>>();
const bases = new Map<AnyOp, AnyOp>();

/** The operator with a tail; it keeps its name, and so the candidates that are forced or picked by it. */
function withTail(base: AnyOp): Op<TailAttrs> {
  let op = tailed.get(base);
  if (!op) {
    tailed.set(base, op = makeTailed(base));
    bases.set(op, base);
  }
  return op;
}

function makeTailed(base: AnyOp): Op<TailAttrs> {
  return {
    name: base.name,
    infer: (inputs, { base: attrs, tail }) => base.infer(inputs.slice(0, inputs.length - countOf(tail)), attrs),
    candidates: base.candidates.map((candidate) => ({
      ...candidate,
      accepts: (node, target) => candidate.accepts(bare(node, base), target),
      pays: (node) => candidate.pays?.(bare(node, base)) ?? true,
      lower: (node, target) => finished(candidate.lower(bare(node, base), target), node),
    })),
    splitInputs: (node) => {
      const split = base.splitInputs!(bare(node, base));
      const { scale, shift, rest } = node.attrs.tail as Tail;
      return [
        ...split,
        ...[scale, shift].filter((form) => form).map((form) => form === 2),
        ...(rest ? [rest === 1] : []),
      ];
    },
    flops: (node) => base.flops!(bare(node, base)),
  };
}

const countOf = ({ scale, shift, rest }: Tail) => [scale, shift, rest].filter((form) => form).length;

/** The node without its tail. */
function bare(node: Node, base: AnyOp): Node {
  const { base: attrs, tail } = node.attrs as TailAttrs;
  return { ...node, op: base, attrs, inputs: node.inputs.slice(0, node.inputs.length - countOf(tail)) };
}

/** A lowering of the bare node, and the tail. */
function finished(lowering: Lowering, node: Node): Lowering {
  const { kernels } = lowering;
  const { tail } = node.attrs as TailAttrs;
  const first = node.inputs.length - countOf(tail);
  let next = first;
  const [scale, shift, rest] = [tail.scale, tail.shift, tail.rest].map((form) => form ? input(next++) : null);
  const writer = writerOf(kernels, tail);
  if (writer) {
    const own = writer.bindings.slice(0, -3);
    const slots = writer.bindings.slice(-3);
    const bindings = [...own, scale ?? slots[0]!, shift ?? slots[1]!, rest ?? slots[2]!];
    const constants = { ...writer.constants, ...constantsOf(tail) };
    const params = { ...writer.params, sample: tail.sample };
    return { ...lowering, kernels: kernels.map((k) => k === writer ? { ...k, constants, params, bindings } : k) };
  }
  const used = lowering.scratch ?? [];
  const whole = scratch(used.length);
  const moved = kernels.map((kernel) => ({ ...kernel, bindings: kernel.bindings.map((ref) => toScratch(ref, whole)) }));
  const last = tailChain(node, whole, [scale, shift, rest].filter((ref) => ref !== null));
  return { scratch: [...used, bytesOf(node.outputs[0]!)], kernels: [...moved, last] };
}

/** The kernel that can do the tail: the one that writes the result, or what is cut to it. */
function writerOf(kernels: readonly Kernel[], tail: Tail): Kernel | null {
  const writers = kernels.filter(({ bindings }) => bindings.some(({ kind }) => kind === "output"));
  const [writer] = writers;
  if (!writer || writers.length > 1) return null;
  const bySample = tail.scale === 2 || tail.shift === 2;
  const can = ({ finishes }: Kernel) => finishes && (!bySample || tail.sample % finishes.rows === 0);
  if (can(writer)) return writer;
  // Values for each column are read beyond the last one where columns are cut off, up to the end of their vec4.
  if (writer.shader !== "resize_matrices" || bySample || tail.rest) return null;
  const [from] = writer.bindings as [Ref];
  const maker = kernels.findLast((k) => k !== writer && k.bindings.some((ref) => isScratch(ref, from)));
  return maker && can(maker) ? maker : null;
}

function isScratch(ref: Ref, other: Ref): boolean {
  return ref.kind === "scratch" && other.kind === "scratch" && ref.index === other.index;
}

function toScratch(ref: Ref, whole: Ref): Ref {
  if (ref.kind === "texture") return { ...ref, of: toScratch(ref.of, whole) };
  return ref.kind === "output" ? whole : ref;
}

function constantsOf({ scale, shift, rest, activation, slope }: Tail): Record<string, number> {
  return {
    SCALE: scale,
    SHIFT: shift,
    REST: rest,
    ACTIVATION: ACTIVATIONS.indexOf(activation),
    ...(activation === "LeakyRelu" ? { SLOPE: slope } : {}),
  };
}

/** The tail as a chain from `whole` to the output. */
function tailChain(node: Node, whole: Ref, operands: readonly Ref[]): Kernel {
  const { scale, shift, rest, activation, slope, sample } = partsOf(node);
  const { shape } = node.outputs[0]!;
  const rows = [sizeOf(shape) / shape.at(-1)! / sample, sample, shape.at(-1)!];
  const values = (t: Tensor): Tensor => ({
    ...t,
    shape: t.shape.length === 2 ? [t.shape[0]!, 1, t.shape[1]!] : t.shape,
  });
  const sameForAll = node.attrs.tail.rest === 2;
  const steps: Step[] = [
    ...(scale ? [step("Mul", values(scale))] : []),
    ...(shift ? [step("Add", values(shift))] : []),
    ...(rest ? [step("Add", { ...rest, shape: sameForAll ? rows.slice(1) : rows })] : []),
    ...(activation === "none" ? [] : [{ ...step(activation), alpha: slope }]),
  ];
  const [attrs] = chainOf(rows, steps)!;
  return chainKernel(attrs, sizeOf(shape), whole, operands, output(0));
}

/** The tail of a node, with its operands; none for an operator without one. */
function partsOf(node: Node): TailParts {
  if (!bases.has(node.op)) return NO_TAIL;
  const { tail } = node.attrs as TailAttrs;
  let next = node.inputs.length - countOf(tail);
  const [scale, shift, rest] = [tail.scale, tail.shift, tail.rest].map((form) => form ? node.inputs[next++]! : null);
  const { activation, slope, sample } = tail;
  return { scale: scale!, shift: shift!, rest: rest!, repeats: tail.rest === 2, sample, activation, slope };
}

/** Joins an element-wise node with the convolution or product that makes an operand of its size. */
export function joinTail(node: Node, joining: Joining): Tensor[] | null {
  const makers = node.inputs.flatMap((_, at) => makerOf(node, at, joining) ?? []);
  // Of two that could take the node over, the larger one hides it better.
  for (const maker of makers.sort((a, b) => b.flops - a.flops)) {
    const joined = joinTo(maker, node, joining);
    if (joined) return [joined];
  }
  return null;
}

/** What makes an input, perhaps under another shape, and nothing for anyone else. */
interface Maker {
  readonly at: number;
  readonly node: Node;
  readonly base: AnyOp;
  readonly flops: number;
}

function makerOf({ inputs }: Node, at: number, { only }: Joining): Maker | null {
  let t = inputs[at]!;
  while (only(t) && t.producer?.op.alias) t = t.producer.inputs[0]!;
  const node = t.producer;
  if (!node || !only(t)) return null;
  const takes = [convOp, convTransposeOp, matmulOp].includes(node.op);
  const base = takes ? node.op : bases.get(node.op);
  return base ? { at, node, base, flops: node.op.flops!(node) } : null;
}

function joinTo({ at, node: maker, base }: Maker, node: Node, { g, target }: Joining): Tensor | null {
  const { shape } = node.inputs[at]!;
  const steps = stepsOf(g, node, at);
  if (!steps || (maker.outputs[0]!.shape.at(-1) !== shape.at(-1) && steps.some(({ f }) => !isActivation(f)))) {
    return null;
  }
  const parts = g.scope(
    node.name,
    () => steps.reduce<TailParts | null>((tail, step) => tail && appended(g, tail, shape, step), partsOf(maker)),
  );
  if (!parts) return null;
  const own = bare(maker.op === base ? { ...maker, attrs: { base: maker.attrs, tail: NONE } } : maker, base);
  const { shape: whole } = maker.outputs[0]!;
  const { scale, shift, repeats, sample, activation, slope } = parts;
  // A part that differs between samples is cut with the result where that is too large for one binding.
  if ([scale, shift].some((t) => t?.shape.length === 2 && t.shape[0] !== whole[0])) return null;
  const rest = parts.rest && !repeats ? shown(g, parts.rest, whole) : parts.rest;
  const form = (t: Tensor | null) => t?.shape.length ?? 0;
  const tail: Tail = {
    ...{ scale: form(scale), shift: form(shift), rest: rest ? repeats ? 2 : 1 : 0 },
    ...{ sample, activation, slope },
  };
  if (rest && !restPays(own, tail, target)) return null;
  const inputs = [...own.inputs, ...[scale, shift, rest].filter((t) => t !== null)];
  const y = g.apply(withTail(base), inputs, { base: own.attrs, tail }, joinedName(maker.name, node.name));
  return shown(g, y, shape);
}

function shown(g: Graph, t: Tensor, shape: readonly number[]): Tensor {
  return sameShape(t.shape, shape) ? t : reshape(g, t, shape);
}

const NONE: Tail = { scale: 0, shift: 0, rest: 0, sample: 1, activation: "none", slope: 0 };

/** Elements from which a tail with a rest saves more than one more kernel costs to compile (llvmpipe: seconds, once). */
const LEAST_REST = 2 ** 18;

/** Whether a rest in the tail of a node without one saves more than its kernel then takes longer to compile. */
function restPays(own: Node, tail: Tail, target: Target): boolean {
  if (sizeOf(own.outputs[0]!.shape) < LEAST_REST) return false;
  return writerOf(choose(own, target).kernels, tail)?.finishes?.restPays ?? true;
}

const isActivation = (f: Step["f"]) => f === "Relu" || f === "LeakyRelu";
