/**
 * Scatter: a copy of a tensor with some slices replaced by, or combined with, updates; what ONNX's ScatterElements
 * and ScatterND (18) come down to.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op, output, scratch } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { gatherLines } from "./gather.ts";

const WG_SIZE = 256;
const REDUCTIONS = ["none", "add", "mul", "max", "min"] as const;

/** How updates of one place combine with what is there, and with each other, in their order. */
export type Reduction = typeof REDUCTIONS[number];

/** Whether a reduction of this name is known. */
export function isReduction(name: string): name is Reduction {
  return (REDUCTIONS as readonly string[]).includes(name);
}

interface Attrs {
  readonly reduction: Reduction;
}

/**
 * Inputs: data [lines, size, inner]; places i32 [lines, count] along the second axis; updates
 * [lines, count, inner] of data's type. Places out of range change nothing. Of several updates of one place without a
 * reduction the last one counts.
 */
export const Scatter: Op<Attrs> = {
  name: "Scatter",
  infer: ([data, places, updates], { reduction }) => {
    const [lines, , inner] = data!.shape;
    const count = places!.shape[1];
    const fits = data!.shape.length === 3 && places!.shape.length === 2 && places!.shape[0] === lines &&
      updates!.shape.join() === [lines, count, inner].join();
    if (!fits || places!.dtype !== "i32" || updates!.dtype !== data!.dtype) {
      throw new TypeError(
        `updates ${specText(updates!)} at ${specText(places!)} do not fit data ${specText(data!)}`,
      );
    }
    if (reduction !== "none" && data!.dtype !== "f32" && data!.dtype !== "i32") {
      throw new TypeError(`reduction ${reduction} takes f32 or i32, got ${specText(data!)}`);
    }
    return [{ shape: data!.shape, dtype: data!.dtype }];
  },
  candidates: [
    {
      name: "last",
      accepts: (node) => node.attrs.reduction === "none",
      lower: (node) => {
        const [lines, size] = node.inputs[0]!.shape as [number, number];
        const count = node.inputs[1]!.shape[1]!;
        const bindings = [scratch(0), input(1), input(0), input(2), output(0)];
        const kernels = [
          kernel(node, "scatter_last", "clear", bindings, lines * size),
          kernel(node, "scatter_last", "vote", bindings, lines * count),
          kernel(node, "scatter_last", "main", bindings, sizeOf(node.inputs[0]!.shape)),
        ];
        return { scratch: [4 * lines * size], kernels };
      },
    },
    {
      name: "plain",
      accepts: () => true,
      lower: (node) => ({
        kernels: [{
          ...kernel(node, "scatter", "main", [input(0), input(1), input(2), output(0)], sizeOf(node.inputs[0]!.shape)),
          iterations: node.inputs[1]!.shape[1]!,
        }],
      }),
    },
  ],
  // y = data where no update came, else the update: dy goes to either side. Updates of one place are taken as distinct.
  gradient: (g, node, [dy], wants) => {
    const [data, places] = node.inputs as [Tensor, Tensor];
    const { reduction } = node.attrs as Attrs;
    if (reduction !== "none" && reduction !== "add") throw new TypeError(`reduction ${reduction} has no gradient rule`);
    const [lines, , inner] = data.shape as [number, number, number];
    const count = places.shape[1]!;
    const zeros = () => g.constant(new Float32Array(lines * count * inner), [lines, count, inner]);
    const cleared = () => g.apply(Scatter, [dy!, places, zeros()], { reduction: "none" as const });
    return [
      !wants[0] ? null : reduction === "add" ? dy! : cleared(),
      null,
      wants[2] ? gatherLines(g, dy!, places) : null,
    ];
  },
};

function kernel(
  node: Node,
  shader: string,
  entry: string,
  bindings: Kernel["bindings"],
  invocations: number,
): Kernel {
  const [lines, size, inner] = node.inputs[0]!.shape as [number, number, number];
  const reduction = REDUCTIONS.indexOf(node.attrs.reduction);
  const constants = shader === "scatter"
    ? { REDUCTION: reduction, WHOLE: Number(node.inputs[0]!.dtype === "i32") }
    : {};
  return {
    shader,
    entry,
    constants,
    params: { lines, size, inner, count: node.inputs[1]!.shape[1]! },
    bindings,
    workgroups: cover(invocations, WG_SIZE),
  };
}

/** Adds a Scatter of data [lines, size, inner]; see the operator. */
export function scatter(g: Graph, data: Tensor, places: Tensor, updates: Tensor, reduction: Reduction): Tensor {
  return g.apply(Scatter, [data, places, updates], { reduction });
}
