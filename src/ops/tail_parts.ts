/** What a tail is made of, and how an element-wise step becomes part of it. */

import type { Graph } from "../graph/graph.ts";
import { sameShape, sizeOf, type Tensor } from "../graph/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { broadcastStrides, collapse } from "./broadcast.ts";
import { expand } from "./expand.ts";
import { reshape } from "./reshape.ts";
import type { Step } from "./steps.ts";
import { affine, unary } from "./unary.ts";

/** Activations in the order of ACTIVATION in shared/tail.wgsl. */
export const ACTIVATIONS = ["none", "Relu", "LeakyRelu"] as const;

/** activation(x * scale + shift + rest) for x [rows, c]; null: no such part. */
export interface TailParts {
  /** [c], or [samples, c]. */
  readonly scale: Tensor | null;
  readonly shift: Tensor | null;
  /** As large as x, or with `repeats` as large as a sample. */
  readonly rest: Tensor | null;
  readonly repeats: boolean;
  /** Rows of a sample; 1 where no part asks for samples. */
  readonly sample: number;
  readonly activation: typeof ACTIVATIONS[number];
  readonly slope: number;
}

/** A tail that changes nothing. */
export const NO_TAIL: TailParts = {
  scale: null,
  shift: null,
  rest: null,
  repeats: false,
  sample: 1,
  activation: "none",
  slope: 0,
};

/** The tail and one more step on x of `shape`, its last dimension being c; null where a step of its own is needed. */
export function appended(g: Graph, tail: TailParts, shape: readonly number[], step: Step): TailParts | null {
  if (tail.activation !== "none") return null;
  const { f, operand, alpha, beta } = step;
  if (f === "Relu" || f === "LeakyRelu") return { ...tail, activation: f, slope: alpha };
  if (f === "Neg") return scaled(g, tail, shape, -1, null);
  if (f === "Affine") {
    const whole = alpha === 1 ? tail : scaled(g, tail, shape, alpha, null);
    return whole && beta !== 0 ? shifted(g, whole, filled(g, shape, beta), false) : whole;
  }
  const place = operand && placeOf(operand, shape);
  if (!place || (place.sample && tail.sample !== 1 && tail.sample !== place.sample)) return null;
  const known = { ...tail, sample: place.sample ?? tail.sample };
  if (place.rest) {
    if (f !== "Add" || tail.rest) return null;
    return { ...known, rest: restOf(g, operand, shape, place), repeats: place.rest === "sample" };
  }
  const values = valuesOf(g, operand, shape, place.sample);
  switch (f) {
    case "Add":
      return shifted(g, known, values, false);
    case "Sub":
      return shifted(g, known, values, true);
    case "Mul":
      return scaled(g, known, shape, 1, values);
    case "Div":
      return scaled(g, known, shape, 1, unary(g, "Reciprocal", values));
    default:
      return null;
  }
}

/** The tail times `factor` and, where they are given, `values`. */
function scaled(
  g: Graph,
  tail: TailParts,
  shape: readonly number[],
  factor: number,
  values: Tensor | null,
): TailParts | null {
  if (tail.rest) return null;
  const times = (part: Tensor) => values ? mul(g, part, values) : affine(g, part, factor, 0);
  const scale = tail.scale ? times(tail.scale) : values ?? filled(g, shape, factor);
  return { ...tail, scale, shift: tail.shift && times(tail.shift) };
}

function shifted(g: Graph, tail: TailParts, values: Tensor, subtract: boolean): TailParts {
  if (!tail.shift) return { ...tail, shift: subtract ? affine(g, values, -1, 0) : values };
  return { ...tail, shift: (subtract ? sub : add)(g, tail.shift, values) };
}

/** A constant of one value for each column. */
function filled(g: Graph, shape: readonly number[], value: number): Tensor {
  const columns = shape.at(-1)!;
  return g.constant(new Float32Array(columns).fill(value), [columns]);
}

/** Where the values of an operand belong: rows of a sample, if its samples differ, and whether it is rest. */
interface Place {
  readonly sample: number | null;
  readonly rest: "all" | "sample" | null;
}

function placeOf(operand: Tensor, shape: readonly number[]): Place | null {
  if (operand.dtype !== "f32" || sizeOf(operand.shape) > sizeOf(shape)) return null;
  const strides = broadcastStrides(operand.shape, shape);
  const columns = shape.at(-1)!;
  const rows = collapse({ dims: shape.slice(0, -1), strides: [strides.slice(0, -1)] });
  const [outer, inner] = rows.strides[0]!;
  const whole = strides.at(-1) === 1 || columns === 1;
  if (rows.dims.length > 2) return null;
  if (!outer && !inner) return { sample: null, rest: null };
  if (rows.dims.length === 1) return whole ? { sample: null, rest: "all" } : null;
  if (!inner) return { sample: rows.dims[1]!, rest: null };
  return outer ? null : { sample: rows.dims[1]!, rest: "sample" };
}

/** A rest that repeats is as large as a sample: one value for a row, such as a noise map's, is spread over its columns. */
function restOf(g: Graph, operand: Tensor, shape: readonly number[], { sample, rest }: Place): Tensor {
  if (rest === "all") return operand;
  const columns = shape.at(-1)!;
  return sizeOf(operand.shape) === sample! * columns ? operand : spread(g, operand, [sample!, columns]);
}

/** Constants that were spread, by graph: parts of a batch read the same ones. */
const spreads = new WeakMap<Graph, Map<Tensor, Tensor>>();

function spread(g: Graph, operand: Tensor, shape: readonly [rows: number, columns: number]): Tensor {
  let own = spreads.get(g);
  if (!own) spreads.set(g, own = new Map());
  const before = own.get(operand);
  if (before && sameShape(before.shape, shape)) return before;
  const made = expand(g, reshape(g, operand, [shape[0], 1]), shape);
  if (operand.role === "constant") own.set(operand, made);
  return made;
}

/** The values of an operand that is no rest, as [c] or [samples, c]. */
function valuesOf(g: Graph, operand: Tensor, shape: readonly number[], sample: number | null): Tensor {
  const columns = shape.at(-1)!;
  const own = sample === null ? [] : [sizeOf(shape) / columns / sample];
  if (sizeOf(operand.shape) === sizeOf([...own, columns])) return reshape(g, operand, [...own, columns]);
  if (operand.role === "constant" && operand.data!.length === 1) return filled(g, shape, operand.data![0]!);
  return expand(g, reshape(g, operand, [...own, 1]), [...own, columns]);
}
