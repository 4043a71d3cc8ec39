/**
 * The candidates of convolution and of its two gradients, fastest first: filters of single channels (depthwise), products
 * through workgroup memory for hardware adapters (tile), Winograd's algorithm, 1 x 1 convolutions as products
 * (pointwise), implicit products of texture twins (igemm), and the plain sums.
 */

import {
  type Candidate,
  cover,
  input,
  type Kernel,
  type Lowering,
  type Node,
  output,
  type Target,
} from "../graph/op.ts";
import { sizeOf } from "../graph/tensor.ts";
import { depthwiseForward, isDepthwise } from "./conv_depthwise.ts";
import { type ConvGeometry, convParams, isUnstrided, mirrored, pixelsOf } from "./conv_geometry.ts";
import { implicitForward, implicitToInput, implicitToWeights } from "./conv_implicit.ts";
import { isPointwise, pointwiseForward, pointwiseToInput, pointwiseToWeights } from "./conv_pointwise.ts";
import { isWinograd, winogradForward, winogradPays, winogradToInput, winogradToWeights } from "./conv_winograd.ts";
import { roundUp4, textureElements } from "./lowering.ts";

type GeometryOf = (node: Node) => ConvGeometry;

/** Candidates of y from x (input 0) and w (input 1). */
export function convCandidates(geometryOf: GeometryOf): Candidate[] {
  const candidate = candidatesFor(geometryOf);
  return [
    candidate("depthwise", isDepthwise, depthwiseForward),
    { ...candidate("tile", inOneGroup, (g, target) => implicitForward(g, target, "tile")), on: "gpu" },
    candidate("winograd", (g, target) => isWinograd(g, target, false), winogradForward, winogradPays),
    candidate("pointwise", isPointwise, pointwiseForward),
    candidate("igemm", fitsTextures, (g, target) => implicitForward(g, target, "igemm")),
    candidate("plain", always, (g) => ({ kernels: [plainKernel("conv", g, sizeOf(g.y))] })),
  ];
}

/** Candidates of x's gradient from y's (input 0) and w (input 1). */
export function convInputCandidates(geometryOf: GeometryOf): Candidate[] {
  const candidate = candidatesFor(geometryOf);
  // With strides the tile kernel would meet mostly zeros.
  const tiled = (g: ConvGeometry) => inOneGroup(g) && isUnstrided(g);
  return [
    candidate(
      "depthwise",
      (g, target) => isDepthwise(g, target) && isUnstrided(g),
      (g) => depthwiseForward(mirrored(g)),
    ),
    { ...candidate("tile", tiled, (g, target) => implicitToInput(g, target, "tile")), on: "gpu" },
    candidate("winograd", (g, target) => isWinograd(g, target, false), winogradToInput, winogradPays),
    candidate("pointwise", isPointwise, pointwiseToInput),
    candidate("igemm", fitsTextures, (g, target) => implicitToInput(g, target, "igemm")),
    candidate("plain", always, (g) => ({ kernels: [plainKernel("conv_dx", g, sizeOf(g.x))] })),
  ];
}

/** Candidates of w's gradient from x (input 0) and y's gradient (input 1). */
export function convWeightCandidates(geometryOf: GeometryOf): Candidate[] {
  const candidate = candidatesFor(geometryOf);
  return [
    { ...candidate("tile", inOneGroup, (g, target) => implicitToWeights(g, target, "tile")), on: "gpu" },
    candidate("winograd", (g, target) => isWinograd(g, target, true), winogradToWeights, winogradPays),
    candidate("pointwise", isPointwise, pointwiseToWeights),
    candidate("igemm", fitsTextures, (g, target) => implicitToWeights(g, target, "igemm")),
    candidate(
      "plain",
      always,
      (g) => ({ kernels: [{ ...plainKernel("conv_dw", g, sizeOf(g.w)), iterations: pixelsOf(g.y) }] }),
    ),
  ];
}

/** Makes candidates from rules on the geometry of a node. */
function candidatesFor(geometryOf: GeometryOf) {
  return (
    name: string,
    accepts: (g: ConvGeometry, target: Target) => boolean,
    lower: (g: ConvGeometry, target: Target) => Lowering,
    pays: (g: ConvGeometry) => boolean = always,
  ): Candidate => ({
    name,
    accepts: (node, target) => accepts(geometryOf(node), target),
    pays: (node) => pays(geometryOf(node)),
    lower: (node, target) => lower(geometryOf(node), target),
  });
}

const always = () => true;

const inOneGroup = ({ group }: ConvGeometry) => group === 1;

/** Whether all three tensors, a pixel's channels or a weight's rounded up to 4, fit the adapter's textures. */
function fitsTextures({ x, w, y, group }: ConvGeometry, target: Target): boolean {
  const padded = (shape: readonly number[]) => shape[0]! * shape[1]! * roundUp4(shape[2]!) * roundUp4(shape[3]!);
  return group === 1 && [x, w, y].every((shape) => padded(shape) <= textureElements(target));
}

function plainKernel(shader: string, geometry: ConvGeometry, count: number): Kernel {
  const bindings = [input(0), input(1), output(0)];
  return { shader, params: convParams(geometry, 1), bindings, workgroups: cover(count, 64) };
}
