/** Instance, group and layer norm against PyTorch, with their gradients. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { groupNorm } from "../../src/ops/group_norm.ts";
import { instanceNorm } from "../../src/ops/instance_norm.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, nhwc, type OpCase, opCases, type Values } from "../support/op_cases.ts";

const channelsLast = (_name: string, values: Values) => values.shape.length === 4 ? nhwc(values) : values;

const NORMS: Record<string, (g: Graph, test: OpCase, inputs: [Tensor, Tensor, Tensor]) => Tensor> = {
  instance_norm: (g, { attrs }, inputs) => instanceNorm(g, ...inputs, attrs.eps),
  group_norm: (g, { attrs }, inputs) => groupNorm(g, ...inputs, { groups: attrs.groups, epsilon: attrs.eps }),
  layer_norm: (g, { attrs }, inputs) => {
    return layerNorm(g, ...inputs, { axis: -attrs.normalized_shape.length, epsilon: attrs.eps });
  },
};

for (const test of await opCases(...Object.keys(NORMS))) {
  gpuTest(
    `${test.name} equals PyTorch`,
    (gpu) =>
      checkCase(gpu, test, (g, inputs) => NORMS[test.op]!(g, test, inputs as [Tensor, Tensor, Tensor]), channelsLast),
  );
}

Deno.test("groups that do not divide the channels are named", () => {
  const g = new Graph();
  const [x, scale] = [g.input("x", [1, 2, 2, 6]), g.input("scale", [6])];
  assert.throws(() => groupNorm(g, x, scale, scale, { groups: 4, epsilon: 1e-5 }), /4 groups.*f32\[1,2,2,6\]/);
});
