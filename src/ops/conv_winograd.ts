/**
 * 3 x 3 convolutions of stride 1 by Winograd's F(4 x 4, 3 x 3), and their gradients (see shaders/shared/winograd.wgsl).
 * Each 4 x 4 tile of the result takes 36 products of channels where the sum over taps takes 144:
 *   y = A^T [sum over ci of (G w G^T) * (B^T x B)] A      36 matrix products [tiles, ci] x [ci, co]
 *   dw = G^T [sum over tiles of (B^T x B)^T * (A dy A^T)] G, the transpose of the same linear maps
 *   dx = the convolution of dy with the taps in reverse and the channels swapped
 */

import { cover, input, type Kernel, type Lowering, output, type Ref, type Target, texture } from "../graph/op.ts";
import { convFlops, type ConvGeometry, isUnstrided } from "./conv_geometry.ts";
import { finishing, LoweringBuilder, roundUp4, sliceCount, textureElements } from "./lowering.ts";
import { PRODUCT, productInvocations, textureProduct } from "./matmul_kernels.ts";

/** Side of a tile of the result, and number of its points. */
const SIDE = 4;
const POINTS = 36;
/** With fewer tiles the points of the weights cost more than the products save (lavapipe: 5 to 7 ns a weight). */
const LEAST_TILES = 32;
/** With fewer channels the points of the images do: at 32 the implicit product is as fast, at 8 more than twice. */
const LEAST_CHANNELS = 48;
/** Below these, four more dispatches and copies (50 us each) cost more than the products save. */
const LEAST_FLOPS = 3e7;

/** Whether a convolution can be computed so within the adapter's limits; `whole`: it cannot be split along the batch. */
export function isWinograd(geometry: ConvGeometry, target: Target, whole: boolean): boolean {
  const { x, w, y, dilations, group } = geometry;
  const [ci, co] = [x[3]!, y[3]!];
  const fits = w[0] === 3 && w[1] === 3 && isUnstrided(geometry) && dilations.every((d) => d === 1) && group === 1;
  if (!fits || ci % 4 !== 0 || co % 4 !== 0) return false;
  const tiles = Math.max(tilesOf(x), tilesOf(y)) / (whole ? 1 : x[0]!);
  const largest = POINTS * Math.max(tiles * Math.max(ci, co), ci * co);
  return 4 * largest <= target.maxBindingBytes && largest <= textureElements(target);
}

/** Whether a convolution is expected to be faster so. */
export function winogradPays(geometry: ConvGeometry): boolean {
  const { x, y } = geometry;
  return tilesOf(y) >= LEAST_TILES && Math.min(x[3]!, y[3]!) >= LEAST_CHANNELS && convFlops(geometry) >= LEAST_FLOPS;
}

/** Tiles of images, a multiple of 4 so that a sum over them has whole vec4. */
function tilesOf([n, h, w]: readonly number[]): number {
  return roundUp4(n! * Math.ceil(h! / SIDE) * Math.ceil(w! / SIDE));
}

/** y from x (input 0) and w (input 1). */
export function winogradForward({ x, y, pads }: ConvGeometry, target: Target): Lowering {
  const b = new LoweringBuilder();
  convolve(b, x, y, pads, weightPoints(b, input(1), x[3]! * y[3]!, false), target);
  return b.lowering();
}

/** x's gradient from y's (input 0) and w (input 1). */
export function winogradToInput({ x, y, pads }: ConvGeometry, target: Target): Lowering {
  const b = new LoweringBuilder();
  const turned = b.turned(input(1), [9, x[3]!, y[3]!]);
  const padded = pads.map((p) => 2 - p);
  convolve(b, y, x, padded, weightPoints(b, turned, x[3]! * y[3]!, true), target);
  return b.lowering();
}

/** w's gradient from x (input 0) and y's gradient (input 1). */
export function winogradToWeights({ x, y, pads }: ConvGeometry, target: Target): Lowering {
  const b = new LoweringBuilder();
  const [ci, co, tiles] = [x[3]!, y[3]!, tilesOf(y)];
  const left = imagePoints(b, "winograd_input", input(0), x, y, pads);
  const right = imagePoints(b, "winograd_output_gradient", input(1), y, y, [0, 0]);
  const product = { ...PRODUCT, batch: POINTS, m: ci, n: co, k: tiles, transA: true };
  const bytes = 4 * POINTS * ci * co;
  const slices = sliceCount(tiles, productInvocations(product), bytes, target);
  const points = b.scratch(bytes * slices);
  const vectors = ci * co / 4;
  b.kernels.push(textureProduct(product, slices, target, [left, right, points]), {
    shader: "winograd_weights_gradient",
    params: { vectors, slices },
    bindings: [texture(points), output(0)],
    workgroups: cover(vectors, 64),
  });
  return b.lowering();
}

/** Output 0 of shape `to` as the convolution of images `from` (input 0) with weights that are given as points. */
function convolve(
  b: LoweringBuilder,
  from: readonly number[],
  to: readonly number[],
  pads: readonly number[],
  weights: Ref,
  target: Target,
): void {
  const [ci, co, tiles] = [from[3]!, to[3]!, tilesOf(to)];
  const points = imagePoints(b, "winograd_input", input(0), from, to, pads);
  const products = b.scratch(4 * POINTS * tiles * co);
  const product = { ...PRODUCT, batch: POINTS, m: tiles, n: co, k: ci };
  b.kernels.push(
    textureProduct(product, 1, target, [points, weights, products]),
    finishing(
      tileKernel("winograd_output", to, to, [0, 0], [texture(products), output(0)]),
      { rows: to[1]! * to[2]!, restPays: true },
    ),
  );
}

/** The points of images, one 6 x 6 or 4 x 4 part of them for each tile of images `tiled`. */
function imagePoints(
  b: LoweringBuilder,
  shader: string,
  images: Ref,
  shape: readonly number[],
  tiled: readonly number[],
  pads: readonly number[],
): Ref {
  const points = b.scratch(4 * POINTS * tilesOf(tiled) * shape[3]!);
  b.kernels.push(tileKernel(shader, shape, tiled, pads, [texture(images), points]));
  return points;
}

function weightPoints(b: LoweringBuilder, weights: Ref, size: number, flip: boolean): Ref {
  const points = b.scratch(4 * POINTS * size);
  b.kernels.push({
    shader: "winograd_weights",
    constants: { FLIP: Number(flip) },
    params: { vectors: size / 4 },
    bindings: [texture(weights), points],
    workgroups: cover(size / 4, 64),
  });
  return points;
}

/** A kernel over the tiles of images `tiled` and the channels of images of shape `shape`. */
function tileKernel(
  shader: string,
  [n, h, w, c]: readonly number[],
  tiled: readonly number[],
  pads: readonly number[],
  bindings: readonly Ref[],
): Kernel {
  const tiles = tilesOf(tiled);
  const vectors = c! / 4;
  return {
    shader,
    params: {
      n: n!,
      h: h!,
      w: w!,
      vectors,
      first_h: -pads[0]!,
      first_w: -pads[1]!,
      tile_rows: Math.ceil(tiled[1]! / SIDE),
      tile_columns: Math.ceil(tiled[2]! / SIDE),
      tiles,
      sample: 1,
    },
    bindings,
    workgroups: cover(tiles * vectors, 64),
  };
}
