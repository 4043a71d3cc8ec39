/**
 * Chain: element-wise steps in one pass over a tensor, which element-wise operators become where nobody else reads what
 * lies between them. Inputs: x, and the operands of the steps, which broadcast to it.
 */

import { type Candidate, cover, input, type Joining, type Kernel, type Node, NOTHING } from "../graph/op.ts";
import { type Op, output, type Ref } from "../graph/op.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import { joinElementwise } from "./elementwise.ts";
import { type Frame, frameOf, FUNCTIONS, type Step, stepsOf } from "./steps.ts";

/** Steps and operands that shared/steps.wgsl has constants for. */
const MOST_STEPS = 8;
const MOST_OPERANDS = 5;
/** Rows of one invocation of chain.wgsl. */
const ROWS = 8;

/** The steps, each with the number of its operand (-1: none), and how the operands lie beside x. */
export interface ChainAttrs extends Frame {
  readonly steps: readonly (Omit<Step, "operand"> & { readonly slot: number })[];
}

/** y = x after all steps. */
export const Chain: Op<ChainAttrs> = {
  name: "Chain",
  infer: ([x]) => [x!],
  candidates: [candidate("rows", "rows"), candidate("plain", "elements")],
  splitInputs: ({ inputs, outputs }) => {
    const { shape } = outputs[0]!;
    return inputs.map((t) => t.shape.length === shape.length && t.shape[0] === shape[0]);
  },
  join: joinElementwise,
};

function candidate(name: string, form: "rows" | "elements"): Candidate {
  return {
    name,
    accepts: (node) => form === "elements" || hasVectors(node.attrs),
    lower: (node) => {
      const operands = node.inputs.slice(1).map((_, i) => input(i + 1));
      const kernel = chainKernel(node.attrs, sizeOf(node.outputs[0]!.shape), input(0), operands, output(0), form);
      return { kernels: [kernel] };
    },
  };
}

/** Whether rows are whole vec4; a single row ends where its buffer does, which is padded to one. */
function hasVectors({ columns }: ChainAttrs): boolean {
  return columns === null || columns % 4 === 0;
}

/** The kernel that takes `size` elements from x to y; vec4 of rows where they are whole, unless elements are asked for. */
export function chainKernel(
  attrs: ChainAttrs,
  size: number,
  x: Ref,
  operands: readonly Ref[],
  y: Ref,
  form: "rows" | "elements" = "rows",
): Kernel {
  const { steps, forms, sample } = attrs;
  const columns = attrs.columns ?? size;
  const vectors = Math.ceil(columns / 4);
  const rows = size / columns;
  const constants: Record<string, number> = {};
  steps.forEach(({ f, slot, alpha, beta }, i) => {
    constants[`FUNCTION_${i}`] = FUNCTIONS.indexOf(f);
    if (slot > 0) constants[`SLOT_${i}`] = slot;
    if (alpha !== 0) constants[`ALPHA_${i}`] = alpha;
    if (beta !== 0) constants[`BETA_${i}`] = beta;
  });
  forms.forEach((bits, i) => constants[`FORM_${i}`] = bits);
  const slots = Array.from({ length: MOST_OPERANDS }, (_, i) => operands[i] ?? NOTHING);
  const bindings = [x, ...slots, y];
  if (form === "elements" || !hasVectors(attrs)) {
    const groups = cover(Math.ceil(size / 4), 64);
    const params = { vectors: Math.ceil(size / 4), columns, sample };
    return { shader: "chain_elements", constants, params, bindings, workgroups: groups };
  }
  const aligned = sample % ROWS === 0;
  forms.forEach((bits, i) => constants[`FIXED_${i}`] = Number((bits & 2) === 0 && ((bits & 4) === 0 || aligned)));
  const workgroups = cover(Math.ceil(rows / ROWS) * vectors, 64);
  return { shader: "chain", constants, params: { rows, vectors, sample }, bindings, workgroups };
}

/** The steps of a chain, with their operands. */
export function chainSteps({ attrs, inputs }: Node): Step[] {
  return (attrs as ChainAttrs).steps.map(({ slot, ...step }) => ({
    ...step,
    operand: slot < 0 ? null : inputs[slot + 1]!,
  }));
}

/** Attributes and operands of a chain of steps on a tensor of `shape`; null where they are too many, or lie otherwise. */
export function chainOf(shape: readonly number[], steps: readonly Step[]): [ChainAttrs, Tensor[]] | null {
  const operands = steps.flatMap(({ operand }) => operand ?? []);
  if (steps.length > MOST_STEPS || operands.length > MOST_OPERANDS) return null;
  const frame = frameOf(shape, operands);
  if (!frame || operands.some(({ dtype }) => dtype !== "f32")) return null;
  let slot = 0;
  const numbered = steps.map(({ operand, ...step }) => ({ ...step, slot: operand ? slot++ : -1 }));
  return [{ steps: numbered, ...frame }, operands];
}

/** Joins an element-wise node with the element-wise one that makes an operand of its size. */
export function joinSteps(node: Node, { g, only }: Joining): Tensor[] | null {
  for (const [at, x] of node.inputs.entries()) {
    const maker = x.producer;
    if (!maker || !only(x)) continue;
    for (const main of maker.inputs.keys()) {
      const [first, then] = [stepsOf(g, maker, main), stepsOf(g, node, at)];
      const chain = first && then && chainOf(x.shape, [...first, ...then]);
      if (!chain) continue;
      const [attrs, operands] = chain;
      return [g.apply(Chain, [maker.inputs[main]!, ...operands], attrs, joinedName(maker.name, node.name))];
    }
  }
  return null;
}

/** The name of what nodes have become: the first one's, and what the others' do not share with it: "block.Conv + Add". */
export function joinedName(first: string, second: string): string {
  const [known, own] = [first.split(" + ")[0]!.split("."), second.split(".")];
  let shared = 0;
  while (shared < own.length - 1 && own[shared] === known[shared]) shared++;
  return `${first} + ${own.slice(shared).join(".")}`;
}
