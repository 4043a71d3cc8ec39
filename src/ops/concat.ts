/** Concat (ONNX 13): tensors one after another along an axis, and Split, its opposite, by slices. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { slice } from "./slice.ts";

const WG_SIZE = 256;

/** Joins tensors of any type; one dispatch an input. */
export const Concat: Op<{ readonly axis: number }> = {
  name: "Concat",
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const t of inputs) {
      const fits = t.dtype === first.dtype && t.shape.length === first.shape.length &&
        t.shape.every((d, i) => i === axis || d === first.shape[i]);
      if (!fits) throw new TypeError(`cannot join ${specText(t)} to ${specText(first)} along axis ${axis}`);
    }
    const total = inputs.reduce((sum, t) => sum + t.shape[axis]!, 0);
    return [{ shape: first.shape.map((d, i) => i === axis ? total : d), dtype: first.dtype }];
  },
  candidates: plain((node) => {
    const { axis } = node.attrs;
    const { shape } = node.outputs[0]!;
    let start = 0;
    const kernels = node.inputs.map((t, i) => {
      // Both tensors as [outer, run]: a run of the input is part of a run of the output.
      const run = sizeOf(t.shape.slice(axis));
      const params = { count: sizeOf(t.shape), run, out_run: sizeOf(shape.slice(axis)), start };
      start += run;
      return { shader: "concat", params, bindings: [input(i), output(0)], workgroups: cover(params.count, WG_SIZE) };
    }).filter((kernel) => kernel.params.count > 0);
    return { kernels };
  }),
  splitInputs: (node) => node.inputs.map(() => node.attrs.axis !== 0),
  gradient: (g, node, [dout], wants) => {
    const sizes = node.inputs.map((t) => t.shape[node.attrs.axis]!);
    return split(g, dout!, sizes, node.attrs.axis).map((d, i) => wants[i] ? d : null);
  },
};

/** Tensors one after another along `axis`. */
export function concat(g: Graph, inputs: readonly Tensor[], axis: number): Tensor {
  return inputs.length === 1
    ? inputs[0]!
    : g.apply(Concat, inputs, { axis: normalizeAxis(axis, inputs[0]!.shape.length) });
}

/** Parts of x of these sizes along `axis`. Throws RangeError when they do not add up. */
export function split(g: Graph, x: Tensor, sizes: readonly number[], axis: number): Tensor[] {
  const at = normalizeAxis(axis, x.shape.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== x.shape[at]) {
    throw new RangeError(`parts of ${sizes} do not add up to ${x.shape[at]} along axis ${axis}`);
  }
  let start = 0;
  return sizes.map((size) => {
    const part = slice(g, x, { axes: [at], starts: [start], ends: [start + size] });
    start += size;
    return part;
  });
}
