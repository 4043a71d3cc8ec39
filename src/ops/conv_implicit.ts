/**
 * Convolution and its two gradients as implicit matrix products on vec4 of channels, of any kernel, stride, padding and
 * dilation in one group. "igemm" reads both operands from texture twins, which a software adapter reads three times as
 * fast as buffers; "tile" shares them through workgroup memory. Channel counts that are no multiples of 4 are padded into
 * scratch memory first, and cut from the result afterwards.
 */

import {
  cover,
  type Finishing,
  input,
  type Kernel,
  type Lowering,
  output,
  type Ref,
  type Target,
  texture,
} from "../graph/op.ts";
import { type ConvGeometry, convParams, mirrored, pixelsOf } from "./conv_geometry.ts";
import {
  finishing,
  LoweringBuilder,
  type RegisterTile,
  registerTile,
  roundUp4,
  sliceCount,
  tileFinishing,
  tileGroup,
} from "./lowering.ts";

/** Which of the two families of kernels. */
export type Implicit = "igemm" | "tile";

/** Pixels, and channels, of one workgroup of the tile kernels. */
const TILE_SIZE = 64;
/** An invocation of conv_tile.wgsl stores four pixels together. */
const TILE_FINISHES: Finishing = { rows: 4, restPays: true };

/** y from x (input 0) and w (input 1). */
export function implicitForward(geometry: ConvGeometry, target: Target, form: Implicit): Lowering {
  const { x, w, y } = geometry;
  const [ci, co, taps] = [roundUp4(x[3]!), roundUp4(y[3]!), w[0]! * w[1]!];
  const pixels = pixelsOf(y);
  const b = new LoweringBuilder();
  const images = b.resized(input(0), [1, pixelsOf(x), x[3]!], [1, pixelsOf(x), ci]);
  const weights = b.resized(input(1), [taps, x[3]!, y[3]!], [taps, ci, co]);
  const kernel = form === "tile"
    ? { ...tileKernel("conv_tile", geometry, tiles(pixels) * tiles(co)), finishes: TILE_FINISHES }
    : igemmKernel("conv_igemm", geometry, registerTile(pixels, co / 4), target);
  b.into(output(0), [1, pixels, co], [1, pixels, y[3]!], (result) => bind(kernel, form, images, weights, result));
  return b.lowering();
}

/** x's gradient from y's (input 0) and w (input 1). */
export function implicitToInput(geometry: ConvGeometry, target: Target, form: Implicit): Lowering {
  const { x, w, y, strides } = geometry;
  const [ci, co, taps] = [roundUp4(x[3]!), roundUp4(y[3]!), w[0]! * w[1]!];
  const pixels = pixelsOf(x);
  const phase = x[0]! * Math.ceil(x[1]! / strides[0]) * Math.ceil(x[2]! / strides[1]);
  const b = new LoweringBuilder();
  const dy = b.resized(input(0), [1, pixelsOf(y), y[3]!], [1, pixelsOf(y), co]);
  const turned = b.turned(b.resized(input(1), [taps, x[3]!, y[3]!], [taps, ci, co]), [taps, ci, co]);
  const kernel = form === "tile"
    ? { ...tileKernel("conv_tile", mirrored(geometry), tiles(pixels) * tiles(ci)), finishes: TILE_FINISHES }
    : phasedKernel("conv_dx_igemm", geometry, registerTile(phase, ci / 4), target);
  b.into(output(0), [1, pixels, ci], [1, pixels, x[3]!], (result) => bind(kernel, form, dy, turned, result));
  return b.lowering();
}

/** w's gradient from x (input 0) and y's gradient (input 1). */
export function implicitToWeights(geometry: ConvGeometry, target: Target, form: Implicit): Lowering {
  const { x, w, y } = geometry;
  const [ci, co, taps] = [roundUp4(x[3]!), roundUp4(y[3]!), w[0]! * w[1]!];
  const pixels = pixelsOf(y);
  const b = new LoweringBuilder();
  const images = b.resized(input(0), [1, pixelsOf(x), x[3]!], [1, pixelsOf(x), ci]);
  const dy = b.resized(input(1), [1, pixels, y[3]!], [1, pixels, co]);
  const vectors = taps * ci * co / 4;
  const groups = tiles(ci) * tiles(co) * taps;
  // Undilated taps of one row are summed up together (see conv_dw_igemm.wgsl).
  const row = geometry.dilations[1] === 1 ? w[1]! : 1;
  const whole = form === "tile" ? 64 * groups : registerTile(row * ci, co / 4, taps / row).invocations;
  const slices = sliceCount(pixels, whole, 16 * vectors, target);
  const kernel = form === "tile"
    ? tileKernel("conv_dw_tile", geometry, groups * slices, slices)
    : igemmKernel("conv_dw_igemm", geometry, registerTile(row * ci, co / 4, taps / row * slices), target, slices);
  b.into(
    output(0),
    [taps, ci, co],
    [taps, x[3]!, y[3]!],
    (result) => b.summed(result, vectors, co / 4, slices, (parts) => bind(kernel, form, images, dy, parts)),
  );
  return b.lowering();
}

type Unbound = Omit<Kernel, "bindings">;

function bind(kernel: Unbound, form: Implicit, left: Ref, right: Ref, result: Ref): Kernel {
  const operands = form === "tile" ? [left, right] : [texture(left), texture(right)];
  const bound = { ...kernel, bindings: [...operands, result] };
  return kernel.finishes === undefined ? bound : finishing(bound, kernel.finishes);
}

function igemmKernel(
  shader: string,
  geometry: ConvGeometry,
  { invocations, ...tile }: RegisterTile,
  target: Target,
  slices = 1,
): Unbound {
  const size = tileGroup(target);
  return {
    shader,
    constants: { ...tile, WG_SIZE: size },
    params: convParams(geometry, slices),
    workgroups: cover(invocations, size),
    finishes: tileFinishing(tile, target),
  };
}

/** A kernel whose workgroups take the phases of a strided gradient in turn, each covered by a tile's invocations. */
function phasedKernel(shader: string, geometry: ConvGeometry, tile: RegisterTile, target: Target): Unbound {
  const { x, strides: [h, w] } = geometry;
  const [groups] = cover(tile.invocations, tileGroup(target));
  // Rows of a tile are pixels of one phase; those of an image are as many in each where they come out even.
  const even = x[1]! % h === 0 && x[2]! % w === 0;
  return {
    ...igemmKernel(shader, geometry, tile, target),
    workgroups: [groups * h * w, 1, 1],
    finishes: { ...tileFinishing(tile, target), rows: even ? tile.ROWS * h * w : Infinity },
  };
}

function tileKernel(shader: string, geometry: ConvGeometry, groups: number, slices = 1): Unbound {
  return { shader, params: convParams(geometry, slices), workgroups: [groups, 1, 1] };
}

/** Tiles of a workgroup of the tile kernels along an axis of `count` pixels or channels. */
function tiles(count: number): number {
  return Math.ceil(count / TILE_SIZE);
}
