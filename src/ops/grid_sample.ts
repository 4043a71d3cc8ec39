/** GridSample (ONNX 20, in NHWC): values of images or volumes at the places of a grid, as torch's grid_sample. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Kernel, type Node, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor } from "../graph/tensor.ts";

const MODES = ["nearest", "linear", "cubic"] as const;
const PADDINGS = ["zeros", "border", "reflection"] as const;

/** How the places between elements, and outside of them, are read. */
export interface GridSampleAttrs {
  readonly mode: typeof MODES[number];
  readonly padding: typeof PADDINGS[number];
  /** Whether -1 and 1 are the centres of the first and last elements, not their outer edges. */
  readonly alignCorners: boolean;
}

/** Whether these names are known. */
export function isGridMode(name: string): name is GridSampleAttrs["mode"] {
  return (MODES as readonly string[]).includes(name);
}

/** Whether this padding is known. */
export function isGridPadding(name: string): name is GridSampleAttrs["padding"] {
  return (PADDINGS as readonly string[]).includes(name);
}

/** x [n, h, w, c] and grid [n, oh, ow, 2], or x [n, d, h, w, c] and grid [n, od, oh, ow, 3]; places are (x, y, z). */
export const GridSample: Op<GridSampleAttrs> = {
  name: "GridSample",
  infer: ([x, grid], { mode }) => {
    const rank = x!.shape.length;
    const fits = (rank === 4 || rank === 5) && grid!.shape.length === rank && grid!.shape[0] === x!.shape[0] &&
      grid!.shape.at(-1) === rank - 2 && x!.dtype === "f32" && grid!.dtype === "f32";
    if (!fits) throw new TypeError(`places ${specText(grid!)} do not fit images ${specText(x!)}`);
    if (mode === "cubic" && rank === 5) throw new TypeError("mode cubic is for images, not for volumes");
    return [{ shape: [...grid!.shape.slice(0, -1), x!.shape.at(-1)!], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const [x, grid] = node.inputs as [Tensor, Tensor];
    const bindings = [input(0), input(1), output(0)];
    return { kernels: [kernel("grid_sample", "main", node, x.shape, grid.shape, bindings)] };
  }),
  splitInputs: () => [true, true],
  gradient: (g, node, [dy], wants) => {
    const [x, grid] = node.inputs as [Tensor, Tensor];
    const attrs = { ...node.attrs, image: x.shape };
    return [
      wants[0] ? g.apply(GridSampleImageGradient, [dy!, grid], attrs) : null,
      wants[1] ? g.apply(GridSampleGridGradient, [dy!, x, grid], node.attrs) : null,
    ];
  },
};

/** dy and grid to dx of shape `image`. Every element looks at all samples: for small images. */
const GridSampleImageGradient: Op<GridSampleAttrs & { readonly image: readonly number[] }> = {
  name: "GridSampleImageGradient",
  infer: (_, { image }) => [{ shape: image, dtype: "f32" }],
  candidates: plain((node) => {
    const { shape } = node.inputs[1]!;
    const samples = sizeOf(shape.slice(1, -1));
    const bindings = [input(0), input(0), input(1), output(0)];
    const whole = kernel("grid_sample_grad", "image", node, node.attrs.image, shape, bindings);
    return { kernels: [{ ...whole, iterations: 7 * samples }] };
  }),
  splitInputs: () => [true, true],
};

/** dy, x and grid to dgrid. */
const GridSampleGridGradient: Op<GridSampleAttrs> = {
  name: "GridSampleGridGradient",
  infer: ([, , grid]) => [grid!],
  candidates: plain((node) => {
    const [, x, grid] = node.inputs as [Tensor, Tensor, Tensor];
    const bindings = [input(0), input(1), input(2), output(0)];
    return { kernels: [kernel("grid_sample_grad", "places", node, x.shape, grid.shape, bindings)] };
  }),
  splitInputs: () => [true, true, true],
};

function kernel(
  shader: string,
  entry: string,
  node: Node,
  x: readonly number[],
  grid: readonly number[],
  bindings: Kernel["bindings"],
): Kernel {
  const { mode, padding, alignCorners } = node.attrs as GridSampleAttrs;
  const axes = grid.at(-1)!;
  const volume = (sizes: readonly number[]) => axes === 2 ? [1, ...sizes] : sizes;
  const [d, h, w] = volume(x.slice(1, -1)) as [number, number, number];
  const [od, oh, ow] = volume(grid.slice(1, -1)) as [number, number, number];
  return {
    shader,
    entry,
    constants: { MODE: MODES.indexOf(mode), PADDING: PADDINGS.indexOf(padding), ALIGN: Number(alignCorners) },
    params: { n: node.outputs[0]!.shape[0]!, d, h, w, c: x.at(-1)!, od, oh, ow, axes },
    bindings,
    workgroups: cover(sizeOf(node.outputs[0]!.shape), 64),
  };
}

/** Values of x at the places of a grid, see GridSample. */
export function gridSample(g: Graph, x: Tensor, grid: Tensor, attrs: GridSampleAttrs): Tensor {
  return g.apply(GridSample, [x, grid], attrs);
}
