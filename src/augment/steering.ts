/**
 * What steering walks are taught to do, as changes of pixels (GenRep's utils/pixel_transformations.py): colour, 3-D and
 * 2-D rotation, zoom and shifts, composed in that order, and the mask of the pixels that are known afterwards.
 */

import { mat3d, mat4d } from "wgpu-matrix";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, binary, div, positive } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import type { CoefficientLaw } from "../ops/random_coefficients.ts";
import { affine } from "../ops/unary.ts";
import { type Box, type Map3, warp, warpRow } from "./warp_grid.ts";

/** Pixels of an image. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** The geometric changes, in their order; zoom and shift are one. */
export const WARPS = ["rot3d", "rot2d", "zoomshift"] as const;
export type WarpName = typeof WARPS[number];

/**
 * How targets and masks are computed. `paper`: zooms by exactly their factor and rotations about the image's middle;
 * pixels that any of the warps lost are masked, and those at the border are what is known of them. `code`: as the
 * authors' code, which zooms in whole pixels, rotates about an axis a unit away, blends the border with 0 (a middle gray),
 * and begins a new mask at every warp, so that what the rotations lost counts as 0.
 */
export type WarpRule = "paper" | "code";

/** Images are of this side in the paper; widths in pixels scale with the image. */
const PAPER_SIDE = 256;
/** Degrees and pixels at the ends of the walks. */
const WIDTH = { rot3d: 60, rot2d: 30, shift: 100 } as const;
/** Weight below which a pixel counts as not read. */
const READ = 1e-6;

/** Coefficients of walks; one that is left out changes nothing. */
export type Coefficients = Readonly<Partial<Record<CoefficientLaw, number>>>;

/** A coefficient in the units of its change: degrees, a factor, pixels, or a part of the range [-1, 1]. */
export function amountOf(law: CoefficientLaw, coefficient: number, { height, width }: Size): number {
  switch (law) {
    case "rot3d":
    case "rot2d":
      return WIDTH[law] * coefficient;
    case "zoom":
      return Math.exp(coefficient);
    case "shiftx":
      return WIDTH.shift * coefficient * width / PAPER_SIDE;
    case "shifty":
      return WIDTH.shift * coefficient * height / PAPER_SIDE;
    default:
      return coefficient;
  }
}

/** The row of an image's warp for the coefficients of its walks; see warp_grid.ts. */
export function warpOf(name: WarpName, coefficients: Coefficients, size: Size, rule: WarpRule = "paper"): number[] {
  const amount = (law: CoefficientLaw) => amountOf(law, coefficients[law] ?? 0, size);
  switch (name) {
    case "rot3d": {
      const degrees = amount("rot3d");
      // The authors move the image by a fifth of a pixel a degree, at 256 pixels.
      return warpRow(rot3dMap(degrees, -degrees / 5 * size.width / PAPER_SIDE, size, rule === "paper" ? 0 : 1));
    }
    case "rot2d":
      return warpRow(rot2dMap(amount("rot2d"), size));
    case "zoomshift": {
      const part = rule === "paper" ? exactPart(amount("zoom"), size) : wholePart(amount("zoom"), size);
      return zoomShiftRow(part, [amount("shiftx"), amount("shifty")], size);
    }
  }
}

/** Rotation counter-clockwise about the pixel (width / 2, height / 2), as OpenCV's getRotationMatrix2D: result to source. */
export function rot2dMap(degrees: number, { height, width }: Size): Map3 {
  const center = [Math.floor(width / 2), Math.floor(height / 2)];
  const there = mat3d.translation(center);
  const back = mat3d.translation(center.map((c) => -c));
  return mat3d.mul(mat3d.mul(there, mat3d.rotation(degrees * Math.PI / 180)), back);
}

/**
 * Rotation about the vertical axis seen in perspective (ImageTransformer of eborboihuc/rotate_3d): the image stands
 * `apart` from the axis, is turned, moved by (dx, 0, f) and projected with the focal length f, its diagonal. Result to
 * source. The authors' code has it a unit apart, so that at 0 degrees it is smaller by f / (1 + f): 0.3 per cent at their
 * 256 pixels, and 2.2 at 32.
 */
export function rot3dMap(degrees: number, dx: number, { height, width }: Size, apart: number): Map3 {
  const f = Math.hypot(height, width);
  const [cos, sin] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)];
  // deno-fmt-ignore
  const [lift, turn, project] = [
    rows4([1, 0, -width / 2, 0], [0, 1, -height / 2, 0], [0, 0, apart, 0], [0, 0, 1, 0]),
    rows4([cos, 0, -sin, 0], [0, 1, 0, 0], [sin, 0, cos, 0], [0, 0, 0, 1]),
    rows4([f, 0, width / 2, 0], [0, f, height / 2, 0], [0, 0, 1, 0], [0, 0, 0, 1]),
  ];
  const moved = mat4d.mul(mat4d.translation([dx, 0, f]), mat4d.mul(turn, lift));
  return mat3d.inverse(mat3d.fromMat4(mat4d.mul(project, moved)));
}

/** The part of an image that a zoom shows: its first pixel, and its size, in x and y. */
export interface ZoomPart {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The central part of `factor` times the image's size; a factor above 1 shows what is around it, black. */
export function exactPart(factor: number, { height, width }: Size): ZoomPart {
  const [w, h] = [factor * width, factor * height];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}

/** The same in whole pixels, by the authors' arithmetic: a part within the image has an even size. */
export function wholePart(factor: number, { height, width }: Size): ZoomPart {
  const along = (size: number) => {
    const whole = Math.trunc(factor * size);
    const half = Math.floor(whole / 2);
    return { first: Math.floor(size / 2) - half, count: factor < 1 ? 2 * half : whole };
  };
  const [x, y] = [along(width), along(height)];
  return { left: x.first, top: y.first, width: x.count, height: y.count };
}

/** The row of a zoom to a part, resized as OpenCV does (pixel centres at halves), then moved by [x, y] pixels. */
export function zoomShiftRow(part: ZoomPart, [x, y]: readonly [number, number], { height, width }: Size): number[] {
  const [sx, sy] = [part.width / width, part.height / height];
  const first = [part.left - 0.5 + (0.5 - x) * sx, part.top - 0.5 + (0.5 - y) * sy];
  const map = mat3d.mul(mat3d.translation(first), mat3d.scaling([sx, sy]));
  const box: Box = [part.left, part.left + part.width - 1, part.top, part.top + part.height - 1];
  return warpRow(map, box);
}

/** A warp of a graph and its maps [n, 16]. */
export interface WarpInput {
  readonly name: WarpName;
  readonly maps: Tensor;
}

/**
 * Adds what images [n, h, w, c] in [-1, 1] become: colour, not cut to the range, is added [n, 1, 1, c] (null: none),
 * then the warps are made. The mask [n, h, w, 1] is 1 where pixels are known and 0 elsewhere; null without warps.
 */
export function steeringTarget(
  g: Graph,
  images: Tensor,
  color: Tensor | null,
  warps: readonly WarpInput[],
  rule: WarpRule = "paper",
): { target: Tensor; mask: Tensor | null } {
  let target = color ? add(g, images, color) : images;
  let coverage: Tensor | null = null;
  for (const { name, maps } of warps) {
    const kept: Tensor | null = rule === "paper" ? coverage : null;
    ({ images: target, coverage } = g.scope(name, () => warp(g, target, kept, maps)));
  }
  if (!coverage) return { target, mask: null };
  const mask = cast(g, positive(g, affine(g, coverage, 1, -READ)), "f32");
  if (rule === "code") return { target, mask };
  // A target is the weighted sum of the pixels that are known, its coverage the sum of the weights.
  return { target: div(g, target, binary(g, "Max", coverage, g.scalar(READ))), mask };
}

/** A matrix from its rows. */
function rows4(...rows: number[][]): ReturnType<typeof mat4d.create> {
  return Float64Array.from(rows[0]!.flatMap((_, column) => rows.map((row) => row[column]!)));
}
