/** Importers of operators on images: convolutions, pooling, normalisation, resizing. They work on [n, h, w, c]. */

import { UserError } from "../errors.ts";
import { batchNormInference } from "../ops/batch_norm.ts";
import { cast } from "../ops/cast.ts";
import { conv, type ConvAttrs } from "../ops/conv.ts";
import { convTranspose } from "../ops/conv_transpose.ts";
import { instanceNorm } from "../ops/instance_norm.ts";
import { averagePool, globalAveragePool, maxPool, type PoolAttrs } from "../ops/pool.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { isCoordinates, isRounding, resize } from "../ops/resize.ts";
import { transpose } from "../ops/transpose.ts";
import type { Graph } from "../graph/graph.ts";
import { normalizeAxis, type Tensor } from "../graph/tensor.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { asImage, asPlain, imageValue, permuteHost, plainValue, shapeOf, type Value } from "./values.ts";

type Pair = readonly [number, number];
type Pads = readonly [number, number, number, number];

/** Two numbers of an attribute, for the rows and the columns. */
function pair(scope: NodeScope, name: string, preset: number): Pair {
  const values = scope.node.ints(name) ?? [preset, preset];
  if (values.length !== 2) {
    throw new UserError(`${scope.node.label}: ${name} [${values}] is not for images (2 numbers)`);
  }
  return values as [number, number];
}

/** pads [top, left, bottom, right] of a window operator, auto_pad resolved. */
function windowPads(scope: NodeScope, kernel: Pair, strides: Pair, dilations: Pair): Pads {
  const auto = scope.node.text("auto_pad", "NOTSET");
  const pads = scope.node.ints("pads");
  if (auto === "NOTSET" || auto === "") {
    if (pads && pads.length !== 4) {
      throw new UserError(`${scope.node.label}: pads [${pads}] are not for images (4 numbers)`);
    }
    return (pads ?? [0, 0, 0, 0]) as unknown as Pads;
  }
  if (auto === "VALID") return [0, 0, 0, 0];
  if (auto !== "SAME_UPPER" && auto !== "SAME_LOWER") {
    throw new UserError(`${scope.node.label}: auto_pad ${auto} is not known`);
  }
  const [, , h, w] = scope.shape(0) as [number, number, number, number];
  const split = (size: number, axis: 0 | 1): Pair => {
    const out = Math.ceil(size / strides[axis]);
    const total = Math.max(0, (out - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - size);
    const small = Math.floor(total / 2);
    return auto === "SAME_UPPER" ? [small, total - small] : [total - small, small];
  };
  const [rows, columns] = [split(h, 0), split(w, 1)];
  return [rows[0], columns[0], rows[1], columns[1]];
}

/** Weights [o, i, kh, kw] (or [i, o, kh, kw] of a transposed convolution) as [kh, kw, i, o]. */
function weights(g: Graph, v: Value): Tensor {
  if (shapeOf(v).length !== 4) throw new TypeError(`takes weights of rank 4, got [${shapeOf(v)}]`);
  return "host" in v
    ? asPlain(g, { host: permuteHost(v.host, [2, 3, 1, 0]) })
    : transpose(g, asPlain(g, v), [2, 3, 1, 0]);
}

function convAttrs(scope: NodeScope): ConvAttrs & { kernel: Pair } {
  const shape = scope.shape(1);
  if (shape.length !== 4) {
    throw new UserError(`${scope.node.label}: only convolutions of images are supported, weights are [${shape}]`);
  }
  const kernel = [shape[2]!, shape[3]!] as const;
  const declared = scope.node.ints("kernel_shape");
  if (declared && (declared[0] !== kernel[0] || declared[1] !== kernel[1])) {
    throw new UserError(`${scope.node.label}: kernel_shape [${declared}] does not fit weights [${shape}]`);
  }
  const strides = pair(scope, "strides", 1);
  const dilations = pair(scope, "dilations", 1);
  return {
    kernel,
    strides,
    dilations,
    pads: windowPads(scope, kernel, strides, dilations),
    group: scope.node.int("group", 1),
  };
}

/** Attributes that hold a number, or a begin and an end, for each spatial axis. */
const SPATIAL = ["kernel_shape", "strides", "dilations", "output_padding", "output_shape", "pads"];

/**
 * An importer of images that takes signals [n, c, w] too: as images of one row, the first `lifted` inputs (images and
 * weights) with an axis put in.
 */
function alsoSignals(importer: Importer, lifted: number): Importer {
  return (scope) => {
    const rank = scope.shape(0).length;
    if (rank === 4) return importer(scope);
    if (rank !== 3) {
      throw new UserError(
        `${scope.node.label}: only images [n, c, h, w] and signals [n, c, w] are supported, got [${scope.shape(0)}]`,
      );
    }
    const { g } = scope;
    const inputs = scope.inputs.map((v, i): Value | null => {
      if (!v || i >= lifted) return v;
      const [a, b, w] = shapeOf(v) as [number, number, number];
      return "host" in v
        ? { host: { ...v.host, shape: [a, b, 1, w] } }
        : plainValue(reshape(g, v.tensor, [a, b, 1, w]));
    });
    const node = rowless(scope.node);
    const [y] = importer({
      ...scope,
      node,
      inputs,
      plain: (i) => asPlain(g, inputs[i]!),
      image: (i) => asImage(g, inputs[i]!),
      shape: (i) => shapeOf(inputs[i]!),
    });
    const [n, c, , w] = shapeOf(y!) as [number, number, number, number];
    return [plainValue(reshape(g, asPlain(g, y!), [n, c, w]))];
  };
}

/** The node's attributes for one row: 1 (or no padding) in front of each spatial list. */
function rowless(node: NodeScope["node"]): NodeScope["node"] {
  const view = Object.create(node) as NodeScope["node"];
  const bind = (name: string, value: unknown) => Object.defineProperty(view, name, { value, configurable: true });
  for (const name of ["int", "float", "text", "tensor", "ignore"] as const) bind(name, node[name].bind(node));
  bind("ints", (name: string) => {
    const values = node.ints(name);
    if (!values || !SPATIAL.includes(name)) return values;
    if (name === "pads") return [0, values[0]!, 0, values[1]!];
    return [name === "output_padding" ? 0 : 1, ...values];
  });
  return view;
}

const biasOf = (scope: NodeScope) => scope.has(2) ? scope.plain(2) : null;

const Conv: Importer = (scope) => {
  const { kernel: _, ...attrs } = convAttrs(scope);
  return [imageValue(conv(scope.g, scope.image(0), weights(scope.g, scope.inputs[1]!), biasOf(scope), attrs))];
};

const ConvTranspose: Importer = (scope) => {
  const { g, node } = scope;
  const outputShape = node.ints("output_shape");
  const auto = node.text("auto_pad", "NOTSET");
  const { kernel, strides, dilations, group } = convAttrs({ ...scope, node: withoutAutoPad(scope) });
  const outputPadding = pair(scope, "output_padding", 0);
  const given = node.ints("pads") ?? [0, 0, 0, 0];
  const [, , h, w] = scope.shape(0) as [number, number, number, number];
  const full = [h, w].map((size, i) =>
    (size - 1) * strides[i as 0] + dilations[i as 0] * (kernel[i as 0] - 1) + 1 + outputPadding[i as 0]
  );
  const wanted = outputShape ?? (auto.startsWith("SAME") ? [h * strides[0], w * strides[1]] : null);
  let pads = given as unknown as Pads;
  if (wanted) {
    // ONNX: the excess is cut evenly, the odd pixel at the end for SAME_UPPER, else at the begin.
    const cut = full.map((size, i) => size - wanted[wanted.length - 2 + i]!);
    const begin = cut.map((c) => auto === "SAME_UPPER" ? Math.floor(c / 2) : c - Math.floor(c / 2));
    pads = [begin[0]!, begin[1]!, cut[0]! - begin[0]!, cut[1]! - begin[1]!];
  }
  const attrs = { strides, dilations, group, pads, outputPadding };
  return [imageValue(convTranspose(g, scope.image(0), weights(g, scope.inputs[1]!), biasOf(scope), attrs))];
};

/** The node without auto_pad, whose meaning differs for transposed convolutions. */
function withoutAutoPad({ node }: NodeScope): NodeScope["node"] {
  const view = Object.create(node) as NodeScope["node"];
  Object.defineProperty(view, "text", { value: (_name: string, preset: string) => preset });
  for (const name of ["int", "ints"] as const) Object.defineProperty(view, name, { value: node[name].bind(node) });
  return view;
}

const BatchNormalization: Importer = (scope) => {
  const { g, node } = scope;
  if (node.int("training_mode", 0) === 1) {
    throw new UserError(`${node.label}: training_mode 1 is not supported in a generator`);
  }
  if (node.int("spatial", 1) !== 1) throw new UserError(`${node.label}: spatial 0 is not supported`);
  node.ignore("momentum", "is_test", "consumed_inputs");
  const epsilon = node.float("epsilon", 1e-5);
  const rest = [1, 2, 3, 4].map((i) => scope.plain(i)) as [Tensor, Tensor, Tensor, Tensor];
  const rank = scope.shape(0).length;
  if (rank === 2) return [plainValue(batchNormInference(g, scope.plain(0), ...rest, { epsilon }))];
  if (rank === 4) return [imageValue(batchNormInference(g, scope.image(0), ...rest, { epsilon }))];
  const [n, c, ...size] = scope.shape(0) as [number, number, ...number[]];
  const x = transpose(g, reshape(g, scope.plain(0), [n, c, -1]), [0, 2, 1]);
  const y = transpose(g, batchNormInference(g, x, ...rest, { epsilon }), [0, 2, 1]);
  return [plainValue(reshape(g, y, [n, c, ...size]))];
};

function poolAttrs(scope: NodeScope): PoolAttrs {
  const kernel = pair(scope, "kernel_shape", 1);
  const strides = pair(scope, "strides", 1);
  const dilations = pair(scope, "dilations", 1);
  return {
    kernel,
    strides,
    dilations,
    pads: windowPads(scope, kernel, strides, dilations),
    ceilMode: scope.node.int("ceil_mode", 0) === 1,
    countIncludePad: scope.node.int("count_include_pad", 0) === 1,
  };
}

const MaxPool: Importer = (scope) => {
  if (scope.node.int("storage_order", 0) !== 0) {
    throw new UserError(`${scope.node.label}: storage_order 1 is not supported`);
  }
  if (scope.node.node.outputs.length > 1) {
    throw new UserError(`${scope.node.label}: the output Indices is not supported`);
  }
  const x = scope.image(0);
  return [imageValue(cast(scope.g, maxPool(scope.g, cast(scope.g, x, "f32"), poolAttrs(scope)), x.dtype))];
};

function resized(
  scope: NodeScope,
  scales: readonly number[] | null,
  sizes: readonly number[] | null,
): readonly Value[] {
  const { node } = scope;
  const mode = node.text("mode", "nearest");
  if (mode !== "nearest" && mode !== "linear") {
    throw new UserError(`${node.label}: mode ${mode} is not supported (nearest, linear)`);
  }
  // Before opset 11 pixels were placed asymmetrically and rounded down.
  const old = scope.opset < 11 || node.node.op === "Upsample";
  const coordinates = node.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const nearestMode = node.text("nearest_mode", old ? "floor" : "round_prefer_floor");
  if (!isCoordinates(coordinates)) {
    throw new UserError(`${node.label}: coordinate_transformation_mode ${coordinates} is not supported`);
  }
  if (!isRounding(nearestMode)) throw new UserError(`${node.label}: nearest_mode ${nearestMode} is not known`);
  for (const [name, preset] of [["antialias", 0], ["exclude_outside", 0]] as const) {
    if (node.int(name, preset) !== preset) throw new UserError(`${node.label}: ${name} is not supported`);
  }
  node.ignore("cubic_coeff_a", "extrapolation_value");
  const shape = scope.shape(0);
  if (shape.length !== 4) throw new UserError(`${node.label}: only images of rank 4 are resized, got [${shape}]`);
  const factors = scales ?? sizes!.map((size, i) => size / shape[i]!);
  const target = sizes ?? shape.map((d, i) => Math.floor(d * factors[i]!));
  if (target[0] !== shape[0] || target[1] !== shape[1]) {
    throw new UserError(`${node.label}: only rows and columns are resized, scales are [${factors}]`);
  }
  const [height, width] = [target[2]!, target[3]!];
  const common = { height, width, mode, nearestMode } as const;
  const lengths = [2, 3].map((i) => shape[i]! * factors[i]!);
  if (coordinates === "align_corners" && !lengths.every(Number.isInteger)) {
    // Corners are aligned at the length before it is rounded down, which is a factor of its own.
    const steps = lengths.map((length, i) => length > 1 ? (length - 1) / Math.max(1, shape[2 + i]! - 1) : 1);
    const own = { ...common, coordinates: "asymmetric", scales: [steps[0]!, steps[1]!] } as const;
    return [imageValue(resize(scope.g, scope.image(0), own))];
  }
  const options = { ...common, coordinates, scales: [factors[2]!, factors[3]!] as const };
  return [imageValue(resize(scope.g, scope.image(0), options))];
}

/** Sizes at one factor that keep images within (not_larger) or around (not_smaller) the wanted ones. */
function keepAspect(wanted: readonly number[], own: readonly number[], policy: string): number[] {
  const factors = wanted.map((size, i) => size / own[i]!);
  if (policy === "stretch") return [...wanted];
  const factor = policy === "not_larger" ? Math.min(...factors) : Math.max(...factors);
  return own.map((d) => Math.round(d * factor));
}

const Resize: Importer = (scope) => {
  const { node } = scope;
  const shape = scope.shape(0);
  const axes = (node.ints("axes") ?? shape.map((_, i) => i)).map((a) => normalizeAxis(a, shape.length));
  const list = (index: number) => {
    const values = scope.optionalHost(index)?.data;
    return values && values.length > 0 ? Array.from(values) : null;
  };
  /** A list for `axes` as one for all axes. */
  const whole = (values: readonly number[], rest: readonly number[]) =>
    rest.map((value, axis) => axes.includes(axis) ? values[axes.indexOf(axis)]! : value);
  const scales = list(scope.opset < 11 ? 1 : 2);
  if (scales) return resized(scope, whole(scales, shape.map(() => 1)), null);
  const sizes = scope.opset < 11 ? null : list(3);
  if (!sizes) throw new UserError(`${node.label}: neither scales nor sizes are given`);
  const policy = node.text("keep_aspect_ratio_policy", "stretch");
  return resized(scope, null, whole(keepAspect(sizes, axes.map((a) => shape[a]!), policy), shape));
};

const Upsample: Importer = (scope) => {
  const scales = scope.node.ints("scales") ?? Array.from(scope.host(1).data);
  return resized(scope, scales, null);
};

/** By operator name. */
export const imageImporters: Readonly<Record<string, Importer>> = {
  Conv: alsoSignals(Conv, 2),
  ConvTranspose: alsoSignals(ConvTranspose, 2),
  BatchNormalization,
  MaxPool: alsoSignals(MaxPool, 1),
  AveragePool: alsoSignals((scope) => [imageValue(averagePool(scope.g, scope.image(0), poolAttrs(scope)))], 1),
  GlobalAveragePool: (scope) => [imageValue(globalAveragePool(scope.g, scope.image(0)))],
  GlobalMaxPool: (scope) => [imageValue(reduce(scope.g, "Max", scope.image(0), [1, 2], true))],
  InstanceNormalization: (scope) => {
    const [scale, bias] = [scope.plain(1), scope.plain(2)];
    return [imageValue(instanceNorm(scope.g, scope.image(0), scale, bias, scope.node.float("epsilon", 1e-5)))];
  },
  Resize,
  Upsample,
};
