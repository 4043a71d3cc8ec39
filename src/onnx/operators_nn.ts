/** Importers of activations that are compositions of others. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, binary, div, mul, positive, sub } from "../ops/binary.ts";
import { cast } from "../ops/cast.ts";
import { gelu } from "../ops/gelu.ts";
import { affine, unary } from "../ops/unary.ts";
import { where } from "../ops/where.ts";
import type { NodeScope } from "./import.ts";
import type { Importer } from "./operators.ts";
import { imageValue, plainValue } from "./values.ts";

/** A function of input 0, in whatever order it lies. */
function map(f: (g: Graph, x: Tensor, scope: NodeScope) => Tensor): Importer {
  return (scope) => {
    const v = scope.inputs[0]!;
    return "tensor" in v && v.nhwc
      ? [imageValue(f(scope.g, v.tensor, scope))]
      : [plainValue(f(scope.g, scope.plain(0), scope))];
  };
}

/** alpha (e^x - 1) below 0; the exponent is cut there, so that no branch overflows. */
function elu(g: Graph, x: Tensor, alpha: number): Tensor {
  const below = affine(g, unary(g, "Exp", binary(g, "Min", x, g.scalar(0))), alpha, -alpha);
  return where(g, positive(g, x), x, below);
}

/** To the nearest whole number, halves to the even one. */
function round(g: Graph, x: Tensor): Tensor {
  const low = unary(g, "Floor", x);
  const rest = sub(g, x, low);
  const half = g.scalar(0.5);
  const odd = binary(g, "Mod", low, g.scalar(2));
  const up = where(g, binary(g, "Greater", rest, half), g.scalar(1), g.scalar(0));
  return add(g, low, where(g, binary(g, "Equal", rest, half), odd, up));
}

/** By operator name. */
export const nnImporters: Readonly<Record<string, Importer>> = {
  Elu: map((g, x, { node }) => elu(g, x, node.float("alpha", 1))),
  Selu: map((g, x, { node }) => {
    const alpha = node.float("alpha", 1.67326319217681884765625);
    return affine(g, elu(g, x, alpha), node.float("gamma", 1.05070102214813232421875), 0);
  }),
  // max(x, 0) + min(alpha (e^(x / alpha) - 1), 0)
  Celu: map((g, x, { node }) => {
    const alpha = node.float("alpha", 1);
    const curve = affine(g, unary(g, "Exp", affine(g, x, 1 / alpha, 0)), alpha, -alpha);
    return add(g, unary(g, "Relu", x), binary(g, "Min", curve, g.scalar(0)));
  }),
  Gelu: map((g, x, { node }) => gelu(g, x, node.text("approximate", "none"))),
  HardSwish: map((g, x) => mul(g, x, unary(g, "Clip", affine(g, x, 1 / 6, 0.5), { alpha: 0, beta: 1 }))),
  Swish: map((g, x, { node }) => mul(g, x, unary(g, "Sigmoid", affine(g, x, node.float("alpha", 1), 0)))),
  // Towards 0 by the bias, and 0 from -lambd to lambd.
  Shrink: map((g, given, { node }) => {
    const x = cast(g, given, "f32");
    const [edge, bias] = [node.float("lambd", 0.5), node.float("bias", 0)];
    const above = where(g, binary(g, "Greater", x, g.scalar(edge)), affine(g, x, 1, -bias), g.scalar(0));
    const y = where(g, binary(g, "Less", x, g.scalar(-edge)), affine(g, x, 1, bias), above);
    return cast(g, y, given.dtype);
  }),
  Mish: map((g, x) => mul(g, x, unary(g, "Tanh", unary(g, "Softplus", x)))),
  ThresholdedRelu: map((g, x, { node }) =>
    where(g, binary(g, "Greater", x, g.scalar(node.float("alpha", 1))), x, g.scalar(0))
  ),
  Softsign: map((g, x) => div(g, x, affine(g, unary(g, "Abs", x), 1, 1))),
  Round: map(round),
};
