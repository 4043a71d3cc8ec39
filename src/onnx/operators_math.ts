/** Importers of element-wise operators, reductions and matrix products. */

import { UserError } from "../errors.ts";
import { normalizeAxis, sizeOf, type Tensor } from "../graph/tensor.ts";
import { add, binary, mul } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { concat } from "../ops/concat.ts";
import { gemm, matmul } from "../ops/matmul.ts";
import { reduce, type ReduceName } from "../ops/reduce.ts";
import { softmax } from "../ops/softmax.ts";
import { transpose } from "../ops/transpose.ts";
import { affine, unary, type UnaryAttrs } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import { flatten, reshape } from "../ops/reshape.ts";
import { castTarget, type ElementType } from "./element_type.ts";
import { axesOf, distinctAxes, fromOwnAxis } from "./shape_rules.ts";
import type { NodeScope } from "./import.ts";
import { weightParts } from "./large_weights.ts";
import type { Importer } from "./operators.ts";
import { asImage, asPlain, fitsImage, imageValue, plainValue, shapeOf, typeOfValue, type Value } from "./values.ts";
import { ofWhole, wholeMatmul } from "./whole_numbers.ts";

const NO_ATTRS: UnaryAttrs = { alpha: 0, beta: 0 };

/** Applies `f` to input 0 in whatever order it lies. */
function inPlaceOrder(scope: NodeScope, f: (x: Tensor) => Tensor): readonly Value[] {
  const v = scope.inputs[0]!;
  return ["tensor" in v && v.nhwc ? imageValue(f(v.tensor)) : plainValue(f(scope.plain(0)))];
}

/** A function of one tensor whose parameters follow from the node. Whole numbers stay exact. */
function elementwise(name: string, attrs: (scope: NodeScope) => UnaryAttrs = () => NO_ATTRS): Importer {
  return (scope) =>
    inPlaceOrder(scope, (x) => {
      const given = attrs(scope);
      return x.dtype === "f32" ? unary(scope.g, name, x, given) : ofWhole(scope, name, x, given);
    });
}

/** A function of several tensors with broadcasting; done on [n, h, w, c] when one of them lies so. */
function broadcast(f: (scope: NodeScope, tensors: readonly Tensor[]) => Tensor): Importer {
  return (scope) => {
    const values = scope.inputs.map((v) => v!);
    const images = values.some((v) => "tensor" in v && v.nhwc) && values.every(fitsImage);
    const { g } = scope;
    const tensors = values.map((v) => images ? asImage(g, v) : asPlain(g, v));
    const y = f(scope, tensors);
    return [images ? imageValue(y) : plainValue(y)];
  };
}

/** Arithmetic; before opset 7 operand 1 was broadcast only where asked to, at an axis of its own. */
function arithmetic(name: string): Importer {
  const modern = broadcast(({ g }, tensors) => tensors.slice(1).reduce((y, t) => binary(g, name, y, t), tensors[0]!));
  return (scope) => {
    if (scope.opset >= 7 || scope.inputs.length !== 2) return modern(scope);
    const b = reshape(scope.g, scope.plain(1), fromOwnAxis(scope.node, scope.shape(0).length, scope.shape(1)));
    return [plainValue(binary(scope.g, name, scope.plain(0), b))];
  };
}

const CLIP_LIMIT = 3.4028234663852886e38;

/** Bounds are attributes before opset 11, inputs since, which may depend on those of the model. */
const Clip: Importer = (scope) => {
  const { g, node, opset } = scope;
  const bounds = [1, 2].map((i) => scope.inputs[i] ?? null);
  if (bounds.some((v) => v && "tensor" in v)) {
    const scalar = (i: number) => {
      if (sizeOf(scope.shape(i)) === 1) return reshape(g, scope.plain(i), []);
      throw new UserError(`${node.label}: a bound of shape [${scope.shape(i)}] should be one number`);
    };
    return inPlaceOrder(scope, (x) => {
      const above = scope.has(1) ? binary(g, "Max", x, scalar(1)) : x;
      return scope.has(2) ? binary(g, "Min", above, scalar(2)) : above;
    });
  }
  const bound = (name: string, index: number, preset: number) =>
    opset < 11 ? node.float(name, preset) : scope.scalar(index, preset);
  const attrs = { alpha: bound("min", 1, -CLIP_LIMIT), beta: bound("max", 2, CLIP_LIMIT) };
  return inPlaceOrder(scope, (x) => x.dtype === "f32" ? unary(g, "Clip", x, attrs) : ofWhole(scope, "Clip", x, attrs));
};

const not = ({ g }: NodeScope, x: Tensor) => binary(g, "Equal", x, g.scalar(0, "bool"));

const IsInf: Importer = (scope) => {
  const { g, node } = scope;
  const [low, high] = [node.flag("detect_negative", true), node.flag("detect_positive", true)];
  return inPlaceOrder(scope, (x) => {
    const is = (v: number) => binary(g, "Equal", x, g.scalar(v));
    if (low && high) return binary(g, "Or", is(Infinity), is(-Infinity));
    return low ? is(-Infinity) : high ? is(Infinity) : binary(g, "And", is(Infinity), is(-Infinity));
  });
};

/** What a reduction over no axes makes of each element (noop_with_empty_axes). */
function overNothing({ g }: NodeScope, name: ReduceName, x: Tensor): Tensor {
  switch (name) {
    case "L1":
    case "L2":
      return x.dtype === "i32" ? binary(g, "Max", x, binary(g, "Sub", g.scalar(0, "i32"), x)) : unary(g, "Abs", x);
    case "SumSquare":
      return mul(g, x, x);
    case "LogSum":
      return cast(g, unary(g, "Log", cast(g, x, "f32")), x.dtype);
    default:
      return x;
  }
}

/** Reductions that are done in whole numbers where these come in. */
const EXACT: ReadonlySet<ReduceName> = new Set(["Sum", "Mean", "Max", "Min", "Prod", "L1", "SumSquare"] as const);

function reduction(name: ReduceName): Importer {
  return (scope) => {
    const { g, node } = scope;
    const axes = axesOf(node, scope.optionalHost(1)) ?? [];
    const keep = node.flag("keepdims", true);
    const noop = node.flag("noop_with_empty_axes", false); // asked for in any case: it is a known attribute
    if (axes.length === 0 && noop) return inPlaceOrder(scope, (x) => overNothing(scope, name, x));
    const v = scope.inputs[0]!;
    if ("tensor" in v && v.nhwc && keep && axes.length > 0) {
      const place = [0, 3, 1, 2]; // where an ONNX axis lies
      return [imageValue(reduce(g, name, v.tensor, axes.map((a) => place[normalizeAxis(a, 4)]!), true))];
    }
    const x = scope.plain(0);
    distinctAxes(axes, x.shape.length);
    const work = x.dtype === "bool" || EXACT.has(name) && x.dtype === "i32" ? "i32" : "f32";
    return [plainValue(cast(g, reduce(g, name, cast(g, x, work), axes, keep), x.dtype))];
  };
}

/** Softmax before opset 13 took all dimensions from `axis` on together. */
function softmaxImporter(name: "Softmax" | "LogSoftmax"): Importer {
  return (scope) => {
    const { g, opset, node } = scope;
    const x = scope.plain(0);
    if (opset >= 13) return [plainValue(softmax(g, x, node.int("axis", -1), name))];
    const axis = normalizeAxis(node.int("axis", 1), x.shape.length);
    return [plainValue(reshape(g, softmax(g, flatten(g, x, axis), 1, name), x.shape))];
  };
}

/** A product with input 1, whose columns lie along `axis`; by parts of it where it is too large for one binding. */
function overColumns(scope: NodeScope, axis: number, product: (b: Tensor) => Tensor): Tensor {
  const { g } = scope;
  const b = scope.inputs[1]!;
  if (!("host" in b) || b.host.shape.length < 2) return product(scope.plain(1));
  const parts = weightParts(b.host, axis).map((host) => product(asPlain(g, { host })));
  return parts.length === 1 ? parts[0]! : concat(g, parts, parts[0]!.shape.length - 1);
}

const MatMul: Importer = (scope) => {
  const a = scope.plain(0);
  if (a.dtype === "i32") return [plainValue(wholeMatmul(scope.g, a, scope.plain(1), scope.node.label))];
  const columns = overColumns(scope, scope.shape(1).length - 1, (b) => matmul(scope.g, a, b));
  return [plainValue(columns)];
};

const Gemm: Importer = (scope) => {
  const { g, node } = scope;
  node.ignore("broadcast"); // before opset 7; what fits is broadcast
  const options = {
    alpha: node.float("alpha", 1),
    beta: node.float("beta", 1),
    transA: node.flag("transA", false),
    transB: node.flag("transB", false),
  };
  const a = scope.plain(0);
  const { beta, ...product } = options;
  if (a.dtype === "i32") return [plainValue(wholeGemm(scope, a, options))];
  const y = overColumns(scope, options.transB ? 0 : 1, (b) => gemm(g, a, b, null, product));
  if (!scope.has(2)) return [plainValue(y)];
  const c = scope.plain(2);
  return [plainValue(add(g, y, beta === 1 ? c : affine(g, c, beta, 0)))];
};

/** A Gemm of whole numbers, whose factors must be 1. */
function wholeGemm(
  { g, node, plain, has }: NodeScope,
  a: Tensor,
  { alpha, beta, transA, transB }: { alpha: number; beta: number; transA: boolean; transB: boolean },
): Tensor {
  if (alpha !== 1 || (beta !== 1 && has(2))) {
    throw new UserError(`${node.label}: alpha ${alpha} and beta ${beta} of whole numbers should be 1`);
  }
  const turned = (t: Tensor, turn: boolean) => turn ? transpose(g, t, [1, 0]) : t;
  const y = wholeMatmul(g, turned(a, transA), turned(plain(1), transB), node.label);
  return has(2) ? add(g, y, plain(2)) : y;
}

/** x^p for a whole p known at import is a product, which is exact and cheap. */
const Pow: Importer = (scope) => {
  const exponent = scope.inputs[1];
  if (exponent && "host" in exponent && exponent.host.data.length === 1 && [1, 2, 3].includes(exponent.host.data[0]!)) {
    const p = exponent.host.data[0]!;
    return inPlaceOrder(scope, (x) => p === 1 ? x : p === 2 ? mul(scope.g, x, x) : mul(scope.g, x, mul(scope.g, x, x)));
  }
  const [base, power] = [scope.plain(0), scope.plain(1)];
  if (base.dtype === power.dtype) return arithmetic("Pow")(scope);
  const { g } = scope;
  return [plainValue(cast(g, binary(g, "Pow", cast(g, base, "f32"), cast(g, power, "f32")), base.dtype))];
};

/** Before opset 7 the slopes are one for each channel. */
const PRelu: Importer = (scope) => {
  const [rank, slope] = [scope.shape(0).length, scope.shape(1)];
  if (scope.opset >= 7 || slope.length !== 1 || slope[0] === 1) return arithmetic("PRelu")(scope);
  const slopes = reshape(scope.g, scope.plain(1), [slope[0]!, ...new Array<number>(Math.max(0, rank - 2)).fill(1)]);
  return [plainValue(binary(scope.g, "PRelu", scope.plain(0), slopes))];
};

/** Values cast to our type of an element type, as that type holds them: rounded, or wrapped around. */
function fitted({ g }: NodeScope, x: Tensor, { narrow, rounding }: ElementType): Tensor {
  if (rounding) return unary(g, rounding.name, x);
  if (!narrow) return x;
  const least = g.scalar(narrow.least, "i32");
  return add(g, binary(g, "Mod", binary(g, "Sub", x, least), g.scalar(2 ** narrow.bits, "i32")), least);
}

const Cast: Importer = (scope) => {
  const to = castTarget(scope.node);
  return inPlaceOrder(scope, (x) => {
    const y = cast(scope.g, x, to.dtype);
    return x.dtype === "bool" ? y : fitted(scope, y, to);
  });
};

/** To the type of input 1, which is one of those that the device computes in. */
const CastLike: Importer = (scope) => {
  scope.node.ignore("saturate", "round_mode");
  const dtype = typeOfValue(scope.inputs[1]!);
  return inPlaceOrder(scope, (x) => cast(scope.g, x, dtype));
};

const simple = [
  "Relu",
  "Sigmoid",
  "Tanh",
  "Exp",
  "Log",
  "Sqrt",
  "Reciprocal",
  "Abs",
  "Neg",
  "Erf",
  "Softplus",
  "Sign",
  "Floor",
  "Ceil",
  "Sin",
  "Cos",
  "Tan",
  "Asin",
  "Acos",
  "Atan",
  "Sinh",
  "Cosh",
  "Asinh",
  "Acosh",
  "Atanh",
];
const pairs = [
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Max",
  "Min",
  "Equal",
  "Greater",
  "Less",
  "GreaterOrEqual",
  "LessOrEqual",
  "And",
  "Or",
  "Xor",
];
const reductions: Record<string, ReduceName> = {
  ReduceSum: "Sum",
  ReduceMean: "Mean",
  ReduceMax: "Max",
  ReduceMin: "Min",
  ReduceProd: "Prod",
  ReduceL1: "L1",
  ReduceL2: "L2",
  ReduceSumSquare: "SumSquare",
  ReduceLogSum: "LogSum",
  ReduceLogSumExp: "LogSumExp",
};

/** By operator name. */
export const mathImporters: Readonly<Record<string, Importer>> = {
  ...Object.fromEntries(simple.map((name) => [name, elementwise(name)])),
  ...Object.fromEntries(pairs.map((name) => [name, arithmetic(name)])),
  ...Object.fromEntries(Object.entries(reductions).map(([op, name]) => [op, reduction(name)])),
  LeakyRelu: elementwise("LeakyRelu", ({ node }) => ({ alpha: node.float("alpha", 0.01), beta: 0 })),
  Clip,
  IsNaN: (scope) => inPlaceOrder(scope, (x) => not(scope, binary(scope.g, "Equal", x, x))),
  IsInf,
  HardSigmoid: (scope) => {
    const [alpha, beta] = [scope.node.float("alpha", 0.2), scope.node.float("beta", 0.5)];
    return inPlaceOrder(scope, (x) => unary(scope.g, "Clip", affine(scope.g, x, alpha, beta), { alpha: 0, beta: 1 }));
  },
  Sum: arithmetic("Add"),
  Mean: (scope) => {
    const [sum] = arithmetic("Add")(scope);
    const value = sum as Extract<Value, { tensor: Tensor }>;
    return [{ ...value, tensor: affine(scope.g, value.tensor, 1 / scope.inputs.length, 0) }];
  },
  Mod: (scope) => arithmetic(scope.node.flag("fmod", false) ? "Fmod" : "Mod")(scope),
  Pow,
  PRelu,
  Not: (scope) => inPlaceOrder(scope, (x) => not(scope, x)),
  Where: broadcast(({ g }, [condition, a, b]) => where(g, condition!, a!, b!)),
  Cast,
  CastLike,
  Identity: (scope) => [scope.inputs[0]!],
  Softmax: softmaxImporter("Softmax"),
  LogSoftmax: softmaxImporter("LogSoftmax"),
  MatMul,
  Gemm,
  Shape: (scope) => {
    const shape = shapeOf(scope.inputs[0]!);
    const end = scope.node.int("end", shape.length);
    const start = scope.node.int("start", 0);
    const part = shape.slice(start, end);
    return [{ host: { dtype: "i32", shape: [part.length], data: Float64Array.from(part) } }];
  },
  Size: (scope) => {
    const size = shapeOf(scope.inputs[0]!).reduce((a, b) => a * b, 1);
    return [{ host: { dtype: "i32", shape: [], data: Float64Array.of(size) } }];
  },
};
