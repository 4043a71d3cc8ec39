/**
 * What an operator is: its shape rule, its kernels and its gradient rule in one object.
 * Each file of src/ops exports one or a few of them; a node of a graph points at its operator.
 */

import type { Graph } from "./graph.ts";
import type { Tensor, TensorSpec } from "./tensor.ts";

/** One application of an operator. */
export interface Node {
  readonly id: number;
  /** Where it stands in the model, such as "encoder.layer1.0.conv1"; used by errors, profiles and printers. */
  readonly name: string;
  readonly op: AnyOp;
  // deno-lint-ignore no-explicit-any
  readonly attrs: any;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** What a kernel binds: the node's tensors, scratch memory, a texture twin of one of these, or nothing. */
export type Ref =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "output"; readonly index: number }
  | { readonly kind: "scratch"; readonly index: number }
  | { readonly kind: "texture"; readonly of: Ref }
  | { readonly kind: "nothing" };

/** Input number `index` of the node. */
export const input = (index: number): Ref => ({ kind: "input", index });
/** Output number `index` of the node. */
export const output = (index: number): Ref => ({ kind: "output", index });
/** Scratch buffer number `index` of the lowering. */
export const scratch = (index: number): Ref => ({ kind: "scratch", index });
/**
 * The same values as rgba32float texels, read by `texture_storage_2d<rgba32float, read>`; those of f16 tensors are
 * rgba16float (see narrowed of src/gpu/shader.ts).
 * vec4 number i of the buffer is texel (i % TEXTURE_WIDTH, i / TEXTURE_WIDTH).
 */
export const texture = (of: Ref): Ref => ({ kind: "texture", of });
/** A read-only binding of the shader that the kernel's constants leave unread. */
export const NOTHING: Ref = { kind: "nothing" };

/** One dispatch of a shader. */
export interface Kernel {
  /** Stem of the file in shaders/. */
  readonly shader: string;
  /** Entry point; "main" unless given. */
  readonly entry?: string;
  /** New values for top-level `const` declarations of the shader, baked into the pipeline. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Fields of the shader's `struct Params` (its last binding), by name. */
  readonly params?: Readonly<Record<string, number | readonly number[]>>;
  /** In the order of the shader's @binding numbers, the params left out. */
  readonly bindings: readonly Ref[];
  /** Workgroups; a first number above 65,535 is folded into y (see shaders/shared/index.wgsl). */
  readonly workgroups: readonly [number, number, number];
  /** Loop iterations of one invocation, all its loops together, where these can be many (see Target). */
  readonly iterations?: number;
  /** Of a kernel that can finish what it stores as src/ops/tail.ts asks, which its last three bindings are for. */
  readonly finishes?: Finishing;
}

/** How a kernel finishes what it stores. */
export interface Finishing {
  /** Rows of the result that it takes to be of one sample where a sample's rows are a multiple of it. */
  readonly rows: number;
  /** Whether a rest that is added there saves more than the kernel then takes longer to compile. */
  readonly restPays: boolean;
}

/** What one node becomes: scratch sizes in bytes, and dispatches in order. */
export interface Lowering {
  readonly scratch?: readonly number[];
  readonly kernels: readonly Kernel[];
}

/** What lowering may depend on: the kind of adapter, its limits, and candidates fixed by the caller. */
export interface Target {
  /** "cpu" for a software adapter such as lavapipe. */
  readonly kind: "cpu" | "gpu";
  readonly maxBindingBytes: number;
  readonly maxTextureRows: number;
  /** Storage buffers of one dispatch. */
  readonly maxBuffers: number;
  /** Loop iterations after which the adapter silently ends an invocation's loops: 65,535 in Mesa's llvmpipe. */
  readonly maxIterations: number;
  /** Candidate by operator name, for tests and tuning; it must accept the node. */
  readonly force?: Readonly<Record<string, string>>;
  /** Candidate by work (see workKey of plan.ts), as measured on the adapter. */
  readonly picks?: ReadonlyMap<string, string>;
  /** False for a graph as it was built, no nodes joined (see fuse.ts): for tests. */
  readonly fuse?: boolean;
}

/** One way to compute an operator. */
export interface Candidate {
  readonly name: string;
  /** The kind of adapter it is meant for; any when left out. */
  readonly on?: Target["kind"];
  /** Whether it can run this node within the target's limits. */
  accepts(node: Node, target: Target): boolean;
  /** Whether it is expected to be faster than those after it, where nothing was measured; yes when left out. */
  pays?(node: Node): boolean;
  lower(node: Node, target: Target): Lowering;
}

/** What a rule that joins nodes works with (see fuse.ts). */
export interface Joining {
  /** The graph that the rule adds nodes to. */
  readonly g: Graph;
  /** What the graph is planned for. */
  readonly target: Target;
  /**
   * Whether the node alone reads a tensor, which the host does not: then its producer need not run any more once the
   * node does its work. Never for what is the same in every run, unless the node is, too.
   */
  only(t: Tensor): boolean;
}

/** An operator. `A` is the type of its attributes, resolved: no attribute is optional inside a graph. */
export interface Op<A = Record<string, never>> {
  /** The ONNX name where ONNX has the operator, else our own in the same style. */
  readonly name: string;
  /** Output shapes and types; throws TypeError or RangeError that names both values. */
  infer(inputs: readonly TensorSpec[], attrs: A): TensorSpec[];
  /** Fastest first; the last is the plain one and accepts everything. Empty for a view (see `alias`). */
  readonly candidates: readonly Candidate[];
  /** The output is the same bytes as input 0 under another shape: no dispatch. */
  readonly alias?: boolean;
  /**
   * Inputs that the kernels overwrite. Such an operator has no outputs, and the planner runs it as soon as its other
   * inputs are there and every other reader of the overwritten ones is done.
   */
  readonly mutates?: readonly number[];
  /** Inputs that are read after all nodes that overwrite them in this graph. */
  readonly readsUpdated?: readonly number[];
  /**
   * Which inputs are split when the node is run in parts along the first axis of its outputs.
   * Absent: the node cannot be split (its result mixes samples).
   */
  splitInputs?(node: Node): readonly boolean[];
  /**
   * Gradients with respect to the inputs, given those of the outputs (null: not needed or zero).
   * `wants[i]` tells whether input i leads to something differentiated.
   */
  gradient?(g: Graph, node: Node, dout: readonly (Tensor | null)[], wants: readonly boolean[]): (Tensor | null)[];
  /**
   * The outputs once more, from inputs of the same values: for values that the backward pass computes again. The same node
   * on these inputs when left out.
   */
  again?(g: Graph, node: Node, inputs: readonly Tensor[]): readonly Tensor[];
  /**
   * The node joined with what makes its inputs: adds nodes whose outputs take the place of the node's and which give the
   * same but for rounding; null where it stays as it is. Each result must be simpler, so that joining comes to an end.
   */
  join?(node: Node, joining: Joining): Tensor[] | null;
  /** Multiply-adds counted twice, for profiles; 0 when left out. */
  flops?(node: Node): number;
}

// deno-lint-ignore no-explicit-any
export type AnyOp = Op<any>;

/** A single candidate that accepts everything. */
export function plain(lower: (node: Node, target: Target) => Lowering): Candidate[] {
  return [{ name: "plain", accepts: () => true, lower }];
}

/** Workgroups that cover `count` invocations in one dimension, `size` an invocation group. */
export function cover(count: number, size: number): [number, number, number] {
  return [Math.max(1, Math.ceil(count / size)), 1, 1];
}
