/**
 * Kernels of convolution and of its two gradients. The fast ones are implicit matrix products on vec4 of channels:
 * "igemm" reads both operands from texture twins, which a software adapter reads three times as fast as buffers;
 * "tile" shares them through workgroup memory. Channel counts that are no multiples of 4 are padded into scratch
 * memory first, and cut from the result afterwards.
 */

import {
  type Candidate,
  cover,
  input,
  type Kernel,
  type Lowering,
  type Node,
  output,
  type Ref,
  type Target,
  texture,
} from "../graph/op.ts";
import { TEXTURE_WIDTH } from "../graph/program.ts";
import { sizeOf } from "../graph/tensor.ts";
import { LoweringBuilder, roundUp4, tileFor } from "./lowering.ts";

/** Attributes of a convolution, as ONNX has them: per axis [h, w], pads [top, left, bottom, right]. */
export interface ConvAttrs {
  readonly strides: readonly [number, number];
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  readonly group: number;
}

/** Everything a kernel needs of a convolution x [n,h,w,ci], w [kh,kw,ci/group,co] -> y [n,oh,ow,co]. */
export interface ConvGeometry extends ConvAttrs {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly y: readonly number[];
}

/** Pixels and channels of one invocation's register tile (see conv_igemm.wgsl). */
const TILE_PIXELS = 8;
const TILE_INPUTS = 8;
/** Pixels, and channels, of one workgroup of conv_tile.wgsl. */
const TILE_SIZE = 64;
/** A slice of a split sum over pixels is worth its extra pass from this length on. */
const SLICE_PIXELS = 512;
const MAX_SLICES = 8;

/** Floating-point operations of a convolution, and of either gradient. */
export function convFlops({ w, y }: ConvGeometry): number {
  return 2 * sizeOf(y) * w[0]! * w[1]! * w[2]!;
}

/** Candidates of y from x (input 0) and w (input 1). */
export function convCandidates(geometryOf: (node: Node) => ConvGeometry): Candidate[] {
  const plain = (node: Node) => {
    const geometry = geometryOf(node);
    return { kernels: [plainKernel("conv", geometry, [input(0), input(1), output(0)], sizeOf(geometry.y))] };
  };
  const fast = (node: Node, target: Target, shared: boolean) => {
    const geometry = geometryOf(node);
    const { x, w, y } = geometry;
    const [ci, co] = [roundUp4(x[3]!), roundUp4(y[3]!)];
    const b = new LoweringBuilder();
    const padded = {
      x: b.resized(input(0), [1, sizeOf(x) / x[3]!, x[3]!], [1, sizeOf(x) / x[3]!, ci]),
      w: b.resized(input(1), [w[0]! * w[1]!, x[3]!, y[3]!], [w[0]! * w[1]!, ci, co]),
    };
    const pixels = sizeOf(y) / y[3]!;
    const tile = tileFor(co / 4);
    b.into(
      output(0),
      [1, pixels, co],
      [1, pixels, y[3]!],
      (result) =>
        shared
          ? { ...tileKernel("conv_tile", geometry, tiles(pixels) * tiles(co)), bindings: [padded.x, padded.w, result] }
          : {
            ...igemmKernel(
              "conv_igemm",
              geometry,
              tile,
              target,
              Math.ceil(co / 4 / tile) * Math.ceil(pixels / TILE_PIXELS),
            ),
            bindings: [texture(padded.x), texture(padded.w), result],
          },
    );
    return b.lowering();
  };
  const each = (node: Node) => depthwiseLowering(geometryOf(node));
  return [depthwise(geometryOf, each, () => true), ...candidates(geometryOf, fast, plain)];
}

/** Candidates of x's gradient from y's (input 0) and w (input 1). */
export function convInputCandidates(geometryOf: (node: Node) => ConvGeometry): Candidate[] {
  const plain = (node: Node) => {
    const geometry = geometryOf(node);
    return { kernels: [plainKernel("conv_dx", geometry, [input(0), input(1), output(0)], sizeOf(geometry.x))] };
  };
  const fast = (node: Node, target: Target, shared: boolean) => {
    const geometry = geometryOf(node);
    const { x, w, y, strides } = geometry;
    const [ci, co, taps] = [roundUp4(x[3]!), roundUp4(y[3]!), w[0]! * w[1]!];
    const b = new LoweringBuilder();
    const dy = b.resized(input(0), [1, sizeOf(y) / y[3]!, y[3]!], [1, sizeOf(y) / y[3]!, co]);
    const turned = b.turned(b.resized(input(1), [taps, x[3]!, y[3]!], [taps, ci, co]), [taps, ci, co]);
    const pixels = sizeOf(x) / x[3]!;
    const phase = x[0]! * Math.ceil(x[1]! / strides[0]) * Math.ceil(x[2]! / strides[1]);
    const tile = tileFor(ci / 4);
    const invocations = Math.ceil(ci / 4 / tile) * Math.ceil(phase / TILE_PIXELS) * strides[0] * strides[1];
    b.into(
      output(0),
      [1, pixels, ci],
      [1, pixels, x[3]!],
      (result) =>
        shared
          ? {
            ...tileKernel("conv_tile", mirrored(geometry), tiles(pixels) * tiles(ci)),
            bindings: [dy, turned, result],
          }
          : {
            ...igemmKernel("conv_dx_igemm", geometry, tile, target, invocations),
            bindings: [texture(dy), texture(turned), result],
          },
    );
    return b.lowering();
  };
  const each = (node: Node) => depthwiseLowering(mirrored(geometryOf(node)));
  return [
    depthwise(geometryOf, each, isUnstrided),
    ...candidates(geometryOf, fast, plain, isUnstrided), // with strides the tile kernel would meet mostly zeros
  ];
}

const isUnstrided = ({ strides }: ConvGeometry) => strides[0] === 1 && strides[1] === 1;

/** A candidate for convolutions in which each channel has a filter of its own. */
function depthwise(
  geometryOf: (node: Node) => ConvGeometry,
  lower: (node: Node) => Lowering,
  fits: (geometry: ConvGeometry) => boolean,
): Candidate {
  return {
    name: "depthwise",
    accepts: (node, target) => {
      const g = geometryOf(node);
      const single = g.group > 1 && g.group === g.x[3] && g.group === g.y[3] && g.group % 4 === 0;
      return single && fits(g) &&
        [g.x, g.w, g.y].every((s) => paddedSize(s) <= 4 * TEXTURE_WIDTH * target.maxTextureRows);
    },
    lower,
  };
}

/** Pixels of one invocation of conv_depthwise.wgsl. */
const DEPTHWISE_PIXELS = 4;

function depthwiseLowering(geometry: ConvGeometry): Lowering {
  const { y } = geometry;
  const pixels = sizeOf(y) / y[3]!;
  return {
    kernels: [{
      shader: "conv_depthwise",
      params: convParams(geometry, 1),
      bindings: [texture(input(0)), texture(input(1)), output(0)],
      workgroups: cover(Math.ceil(pixels / DEPTHWISE_PIXELS) * (y[3]! / 4), 64),
    }],
  };
}

/** Candidates of w's gradient from x (input 0) and y's gradient (input 1). */
export function convWeightCandidates(geometryOf: (node: Node) => ConvGeometry): Candidate[] {
  const plain = (node: Node) => {
    const geometry = geometryOf(node);
    const kernel = plainKernel("conv_dw", geometry, [input(0), input(1), output(0)], sizeOf(geometry.w));
    return { kernels: [{ ...kernel, iterations: sizeOf(geometry.y) / geometry.y[3]! }] };
  };
  const fast = (node: Node, target: Target, shared: boolean) => {
    const geometry = geometryOf(node);
    const { x, w, y } = geometry;
    const [ci, co, taps] = [roundUp4(x[3]!), roundUp4(y[3]!), w[0]! * w[1]!];
    const pixels = sizeOf(y) / y[3]!;
    const b = new LoweringBuilder();
    const padded = {
      x: b.resized(input(0), [1, sizeOf(x) / x[3]!, x[3]!], [1, sizeOf(x) / x[3]!, ci]),
      dy: b.resized(input(1), [1, pixels, y[3]!], [1, pixels, co]),
    };
    const tile = tileFor(co / 4);
    const groups = tiles(ci) * tiles(co) * taps;
    const invocations = shared ? 64 * groups : Math.ceil(co / 4 / tile) * Math.ceil(ci / TILE_INPUTS) * taps;
    const vectors = taps * ci * co / 4;
    const slices = sliceCount(pixels, invocations, 16 * vectors, target);
    const kernel = (result: Ref): Kernel =>
      shared
        ? { ...tileKernel("conv_dw_tile", geometry, groups * slices, slices), bindings: [padded.x, padded.dy, result] }
        : {
          ...igemmKernel("conv_dw_igemm", geometry, tile, target, invocations * slices, slices),
          bindings: [texture(padded.x), texture(padded.dy), result],
        };
    b.into(output(0), [taps, ci, co], [taps, x[3]!, y[3]!], (result) => {
      if (slices === 1) return kernel(result);
      const parts = b.scratch(16 * vectors * slices);
      b.kernels.push(kernel(parts));
      return {
        shader: "sum_slices",
        params: { vectors, slices },
        bindings: [parts, result],
        workgroups: cover(vectors, 64),
      };
    });
    return b.lowering();
  };
  return candidates(geometryOf, fast, plain);
}

function candidates(
  geometryOf: (node: Node) => ConvGeometry,
  fast: (node: Node, target: Target, shared: boolean) => Lowering,
  plain: Candidate["lower"],
  tiled: (geometry: ConvGeometry) => boolean = () => true,
): Candidate[] {
  return [
    {
      name: "tile",
      on: "gpu",
      accepts: (node) => geometryOf(node).group === 1 && tiled(geometryOf(node)),
      lower: (node, target) => fast(node, target, true),
    },
    {
      name: "igemm",
      accepts: (node, target) => {
        const g = geometryOf(node);
        const limit = 4 * TEXTURE_WIDTH * target.maxTextureRows;
        return g.group === 1 && [g.x, g.w, g.y].every((shape) => paddedSize(shape) <= limit);
      },
      lower: (node, target) => fast(node, target, false),
    },
    { name: "plain", accepts: () => true, lower: plain },
  ];
}

/** Elements with the last two dimensions (a pixel's channels, or a weight's) rounded up to 4. */
function paddedSize(shape: readonly number[]): number {
  return shape[0]! * shape[1]! * roundUp4(shape[2]!) * roundUp4(shape[3]!);
}

/** How many parts a sum over pixels is cut into: enough to fill the adapter and keep a part in its caches. */
function sliceCount(pixels: number, invocations: number, bytes: number, target: Target): number {
  const useful = target.kind === "gpu"
    ? Math.min(64, Math.ceil(2 ** 16 / invocations), Math.floor(pixels / 64))
    : Math.min(MAX_SLICES, Math.floor(pixels / SLICE_PIXELS));
  return Math.max(1, Math.min(useful, Math.floor(target.maxBindingBytes / bytes)));
}

function plainKernel(shader: string, geometry: ConvGeometry, bindings: readonly Ref[], count: number): Kernel {
  return { shader, params: convParams(geometry, 1), bindings, workgroups: cover(count, 64) };
}

function igemmKernel(
  shader: string,
  geometry: ConvGeometry,
  tile: number,
  target: Target,
  invocations: number,
  slices = 1,
): Omit<Kernel, "bindings"> {
  const size = target.kind === "gpu" ? 64 : 8;
  return {
    shader,
    constants: { TILE: tile, WG_SIZE: size },
    params: convParams(geometry, slices),
    workgroups: cover(invocations, size),
  };
}

function tileKernel(shader: string, geometry: ConvGeometry, groups: number, slices = 1): Omit<Kernel, "bindings"> {
  return { shader, params: convParams(geometry, slices), workgroups: [groups, 1, 1] };
}

/** Tiles of a workgroup of the tile kernels along an axis of `count` pixels or channels. */
function tiles(count: number): number {
  return Math.ceil(count / TILE_SIZE);
}

/** The gradient to the input of a convolution of stride 1, as a convolution of the gradient of its result. */
function mirrored({ x, w, y, strides, pads, dilations, group }: ConvGeometry): ConvGeometry {
  return {
    x: y,
    w: [w[0]!, w[1]!, y[3]!, x[3]!],
    y: x,
    strides,
    pads: [-pads[0], -pads[1], -pads[2], -pads[3]],
    dilations: [-dilations[0], -dilations[1]],
    group,
  };
}

/** Fields of conv_params.wgsl. */
export function convParams(geometry: ConvGeometry, slices: number): Record<string, number> {
  const { x, w, y, strides, pads, dilations, group } = geometry;
  return {
    n: x[0]!,
    h: x[1]!,
    w: x[2]!,
    ci: x[3]!,
    oh: y[1]!,
    ow: y[2]!,
    co: y[3]!,
    groups: group,
    kh: w[0]!,
    kw: w[1]!,
    stride_h: strides[0],
    stride_w: strides[1],
    pad_h: pads[0],
    pad_w: pads[1],
    dilation_h: dilations[0],
    dilation_w: dilations[1],
    ci4: roundUp4(x[3]!) / 4,
    co4: roundUp4(y[3]!) / 4,
    step_h: strides[0] / gcd(strides[0], Math.abs(dilations[0])),
    step_w: strides[1] / gcd(strides[1], Math.abs(dilations[1])),
    slices,
  };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
