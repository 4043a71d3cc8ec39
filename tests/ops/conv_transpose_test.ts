/** Every kernel of transposed convolution and of its gradients, against PyTorch and finite differences. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { convTranspose } from "../../src/ops/conv_transpose.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, checkDirection, nhwc, opCases, permute, type Values } from "../support/op_cases.ts";

const cases = await opCases("conv_transpose2d");

/** [in, out / groups, kh, kw] to [kh, kw, out / groups, in]. */
const turned = (w: Values): Values => permute(w, [2, 3, 1, 0]);

for (const candidate of ["tile", "igemm", "plain"]) {
  const force = { Conv: candidate, ConvTranspose: candidate, ConvWeightGradient: candidate };
  gpuTest(`transposed conv by ${candidate} equals PyTorch`, async (gpu, t) => {
    for (const test of cases) {
      const { stride, padding, dilation, output_padding: extra, groups } = test.attrs;
      const options = {
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
        dilations: [dilation, dilation],
        group: groups,
        outputPadding: [extra, extra],
      } as const;
      await t.step(test.name, () =>
        checkCase(
          gpu,
          test,
          (g, [x, w, bias]) => convTranspose(g, x!, w!, bias ?? null, options),
          (name, v) => name === "weight" ? turned(v) : name === "bias" ? v : nhwc(v),
          force,
        ));
    }
  });

  gpuTest(`transposed conv by ${candidate} has the gradients of finite differences`, async (gpu) => {
    const options = { strides: [2, 3], pads: [1, 0, 0, 2], dilations: [2, 1], outputPadding: [1, 0] } as const;
    const shapes = [[2, 5, 4, 12], [3, 3, 20, 12]];
    await checkDirection(gpu, shapes, (g, [x, w]) => convTranspose(g, x!, w!, null, options), force);
  });
}

Deno.test("a transposed conv whose channels do not fit names both shapes", () => {
  const g = new Graph();
  assert.throws(
    () => convTranspose(g, g.input("x", [1, 4, 4, 6]), g.input("w", [3, 3, 8, 5]), null),
    /f32\[1,4,4,6\].*f32\[3,3,8,5\]/,
  );
});
