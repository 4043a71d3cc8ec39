/**
 * WarpGrid: projective maps as the places where GridSample reads. A map is a row of 16 numbers: a 3 x 3 matrix in
 * wgpu-matrix's layout of 12 (columns one after another, each padded to 4) from the pixel (x, y, 1) of the result to
 * that of the source, and the box [x low, x high, y low, y high] of the source that is read.
 */

import type { mat3d } from "wgpu-matrix";
import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { gridSample } from "../ops/grid_sample.ts";

/** Numbers of a map's row. */
export const WARP_ROW = 16;

/** A 3 x 3 matrix of wgpu-matrix in f64. */
export type Map3 = ReturnType<typeof mat3d.create>;

/**
 * First and last pixels that are read, also between pixels, as [x low, x high, y low, y high]. Places up to half a
 * pixel outside read the border, others nothing.
 */
export type Box = readonly [number, number, number, number];

/** Reads all of the source, and at its border less and less. */
export const EVERYWHERE: Box = [-1e9, 1e9, -1e9, 1e9];

/** The row of a map. */
export function warpRow(map: Map3, box: Box = EVERYWHERE): number[] {
  return [...map, ...box];
}

/** Attributes of WarpGrid: the size of the result and of the source. */
export interface WarpGridAttrs {
  readonly height: number;
  readonly width: number;
  readonly sourceHeight: number;
  readonly sourceWidth: number;
}

/** Input maps [n, 16]; output [n, height, width, 2], places (x, y) for GridSample with alignCorners false. */
export const WarpGrid: Op<WarpGridAttrs> = {
  name: "WarpGrid",
  infer: ([maps], { height, width }) => {
    if (maps!.dtype !== "f32" || maps!.shape.length !== 2 || maps!.shape[1] !== WARP_ROW) {
      throw new TypeError(`maps are f32[n,${WARP_ROW}], got ${specText(maps!)}`);
    }
    return [{ shape: [maps!.shape[0]!, height, width, 2], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { height, width, sourceHeight, sourceWidth } = node.attrs as WarpGridAttrs;
    const n = node.outputs[0]!.shape[0]!;
    return {
      kernels: [{
        shader: "warp_grid",
        params: { n, height, width, source_height: sourceHeight, source_width: sourceWidth },
        bindings: [input(0), output(0)],
        workgroups: cover(n * height * width, 64),
      }],
    };
  }),
  splitInputs: () => [true],
};

/**
 * Images [n, h, w, c] warped by maps [n, 16]: bilinear, zeros outside. The coverage [n, h, w, 1] is that of an earlier
 * warp, or ones (null), warped alike: 0 where nothing was read.
 */
export function warp(g: Graph, x: Tensor, coverage: Tensor | null, maps: Tensor): { images: Tensor; coverage: Tensor } {
  const [n, height, width] = x.shape as [number, number, number, number];
  const grid = g.apply(WarpGrid, [maps], { height, width, sourceHeight: height, sourceWidth: width });
  const sample = (t: Tensor) => gridSample(g, t, grid, { mode: "linear", padding: "zeros", alignCorners: false });
  const ones = () => g.constant(new Float32Array(n * height * width).fill(1), [n, height, width, 1], "f32", "ones");
  return { images: sample(x), coverage: sample(coverage ?? ones()) };
}
