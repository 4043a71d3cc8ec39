/**
 * Importers of Resize and Upsample. Rows and columns of images in the common modes are one kernel (src/ops/resize.ts);
 * every other form is a matrix product along each axis that changes (resize_matrix.ts).
 */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { normalizeAxis, sizeOf, type Tensor } from "../graph/tensor.ts";
import { cast } from "../ops/cast.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/reshape.ts";
import { isCoordinates, isRounding, resize } from "../ops/resize.ts";
import { where } from "../ops/where.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { type AxisResize, resizeMatrix } from "./resize_matrix.ts";
import { asImage, asPlain, imageValue, plainValue, typeOfValue, type Value } from "./values.ts";

/** What is wanted of every axis of the input. */
interface Plan {
  readonly scales: readonly number[];
  readonly target: readonly number[];
  /** Begins, then ends, of the region of interest; null where none is given. */
  readonly roi: readonly number[] | null;
}

type Settings = Omit<AxisResize, "size" | "out" | "scale" | "roi"> & { readonly extrapolation: number };

/** The most pixels that resized axes may have together; how many images there are is the planner's to judge. */
const MOST_PIXELS = 2 ** 28;

const MODES = ["nearest", "linear", "cubic"] as const;

function readSettings({ node, opset }: NodeScope, { scales }: Plan): Settings {
  const mode = node.text("mode", "nearest");
  const known = MODES.find((name) => name === mode || (mode === "bilinear" && name === "linear"));
  if (!known) throw new UserError(`${node.label}: mode ${mode} is not known (${MODES.join(", ")})`);
  // Before opset 11 pixels were placed asymmetrically and rounded down; by a Resize to a smaller axis, up.
  const old = opset < 11 || node.node.op === "Upsample";
  const oldRounding = scales.some((scale) => scale < 1) ? "by_scale" : "floor";
  return {
    mode: known,
    coordinates: node.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
    nearestMode: node.text("nearest_mode", old ? oldRounding : "round_prefer_floor"),
    cubicCoeffA: node.float("cubic_coeff_a", -0.75),
    antialias: node.flag("antialias", false) && known !== "nearest",
    excludeOutside: node.flag("exclude_outside", false) && known !== "nearest",
    extrapolation: node.float("extrapolation_value", 0),
  };
}

function resized(scope: NodeScope, plan: Plan): readonly Value[] {
  const settings = readSettings(scope, plan);
  const { g } = scope;
  const v = scope.inputs[0]!;
  const dtype = typeOfValue(v);
  const planar = planarOptions(scope, plan, settings);
  if (planar) return [imageValue(cast(g, resize(g, cast(g, asImage(g, v), "f32"), planar), dtype))];
  return [plainValue(cast(g, byMatrices(g, cast(g, asPlain(g, v), "f32"), plan, settings), dtype))];
}

/** Options of the kernel for images, or null for a resize that it does not do. */
function planarOptions(scope: NodeScope, plan: Plan, settings: Settings): Parameters<typeof resize>[2] | null {
  const shape = scope.shape(0);
  const { mode, coordinates, nearestMode, antialias, excludeOutside } = settings;
  if (shape.length !== 4 || plan.target[0] !== shape[0] || plan.target[1] !== shape[1]) return null;
  if (mode === "cubic" || antialias || excludeOutside) return null;
  if (!isCoordinates(coordinates) || !isRounding(nearestMode)) return null;
  // Corners are aligned at the length before it is rounded down, which the kernel does not know.
  const lengths = [2, 3].map((i) => shape[i]! * plan.scales[i]!);
  if (coordinates === "align_corners" && !lengths.every(Number.isInteger)) return null;
  const [height, width] = [plan.target[2]!, plan.target[3]!];
  return { height, width, mode, coordinates, nearestMode, scales: [plan.scales[2]!, plan.scales[3]!] };
}

/** x resized along each axis in turn: a product of its matrix with [outer, size, inner]. */
function byMatrices(g: Graph, x: Tensor, { scales, target, roi }: Plan, settings: Settings): Tensor {
  const { extrapolation, ...own } = settings;
  const rank = x.shape.length;
  const cropped = own.coordinates === "tf_crop_and_resize";
  let y = x;
  for (let axis = 0; axis < rank; axis++) {
    const [size, out] = [x.shape[axis]!, target[axis]!];
    const region = [roi?.[axis] ?? 0, roi?.[rank + axis] ?? 1] as const;
    if (size === out && scales[axis] === 1 && !(cropped && (region[0] !== 0 || region[1] !== 1))) continue;
    const { matrix, outside } = resizeMatrix({ ...own, size, out, scale: scales[axis]!, roi: region });
    const outer = sizeOf(y.shape.slice(0, axis));
    const apart = reshape(g, y, [outer, size, sizeOf(y.shape.slice(axis + 1))]);
    const shape = y.shape.map((d, i) => i === axis ? out : d);
    y = reshape(g, matmul(g, g.constant(matrix, [out, size]), apart), shape);
    if (!outside.includes(true)) continue;
    const mask = g.constant(Uint32Array.from(outside, Number), shape.map((_, i) => i === axis ? out : 1), "bool");
    y = where(g, mask, g.scalar(extrapolation), y);
  }
  return y;
}

/** Factors at which sizes keep their aspect: within the wanted ones (not_larger) or around them (not_smaller). */
function keptAspect(wanted: readonly number[], own: readonly number[], policy: string, label: string) {
  const factors = wanted.map((size, i) => size / own[i]!);
  if (policy === "stretch") return { factors, sizes: wanted };
  if (policy !== "not_larger" && policy !== "not_smaller") {
    throw new UserError(`${label}: keep_aspect_ratio_policy ${policy} is not known`);
  }
  const factor = policy === "not_larger" ? Math.min(...factors) : Math.max(...factors);
  return { factors: factors.map(() => factor), sizes: own.map((d) => Math.round(d * factor)) };
}

export const Resize: Importer = (scope) => {
  const { node, opset } = scope;
  const shape = scope.shape(0, 1);
  const axes = (node.ints("axes") ?? shape.map((_, i) => i)).map((a) => normalizeAxis(a, shape.length));
  const list = (index: number) => {
    const values = scope.has(index) ? scope.list(index) : [];
    return values.length > 0 ? values : null;
  };
  /** A list for `axes` as one for all axes. */
  const whole = (values: readonly number[], rest: readonly number[]) => {
    if (values.length === axes.length) return rest.map((v, d) => axes.includes(d) ? values[axes.indexOf(d)]! : v);
    throw new UserError(`${node.label}: takes a number for each of the axes ${axes}, got ${values.length}`);
  };
  const ones = shape.map(() => 1);
  const half = axes.length;
  // A region says something in this mode alone; exporters leave what they like in its place.
  const cropped = node.text("coordinate_transformation_mode", "") === "tf_crop_and_resize";
  const region = opset >= 11 && cropped ? list(1) : null;
  const roi = region && [...whole(region.slice(0, half), ones.map(() => 0)), ...whole(region.slice(half), ones)];
  const scales = list(opset < 11 ? 1 : 2);
  const wanted = opset < 11 ? null : list(3);
  if (scales && wanted) throw new UserError(`${node.label}: scales and sizes are given, but only one of them may be`);
  if (scales) return resized(scope, planOfScales(scope, whole(scales, ones), roi));
  if (!wanted) throw new UserError(`${node.label}: neither scales nor sizes are given`);
  const policy = node.text("keep_aspect_ratio_policy", "stretch");
  const { factors, sizes } = keptAspect(wanted, axes.map((a) => shape[a]!), policy, node.label);
  return resized(scope, checkedPlan(scope, { scales: whole(factors, ones), target: whole(sizes, shape), roi }));
};

function planOfScales(scope: NodeScope, scales: readonly number[], roi: readonly number[] | null): Plan {
  const shape = scope.shape(0);
  if (scales.length !== shape.length) {
    throw new UserError(`${scope.node.label}: ${scales.length} scales do not fit the input [${shape}]`);
  }
  return checkedPlan(scope, { scales, target: shape.map((d, i) => Math.floor(d * scales[i]!)), roi });
}

/** The plan; UserError for one of no pixels, or of more than can be counted. */
function checkedPlan({ node, shape }: NodeScope, plan: Plan): Plan {
  const wrong = plan.scales.findIndex((scale) => !(scale > 0 && scale < Infinity));
  if (wrong >= 0) {
    throw new UserError(`${node.label}: axis ${wrong} is scaled by ${plan.scales[wrong]}, which is not above 0`);
  }
  if (sizeOf(plan.target.filter((size, i) => size !== shape(0)[i])) > MOST_PIXELS) {
    throw new UserError(`${node.label}: a result of [${plan.target}] is too large`);
  }
  return plan;
}

export const Upsample: Importer = (scope) => {
  const { node } = scope;
  const scales = scope.opset < 7
    ? [1, 1, node.neededFloat("height_scale"), node.neededFloat("width_scale")]
    : scope.opset < 9
    ? node.neededInts("scales")
    : scope.list(1);
  return resized(scope, planOfScales(scope, scales, null));
};
