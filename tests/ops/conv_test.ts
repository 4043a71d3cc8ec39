/** Every kernel of convolution and of its gradients, against PyTorch and finite differences. */

import assert from "node:assert/strict";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { conv, type ConvAttrs, convOp } from "../../src/ops/conv.ts";
import { convTranspose } from "../../src/ops/conv_transpose.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { checkCase, checkDirection, convAttrsOf, hwio, nhwc, noise, opCases } from "../support/op_cases.ts";

const cases = await opCases("conv2d");

for (const candidate of ["tile", "winograd", "pointwise", "igemm", "depthwise", "plain"]) {
  const force = { Conv: candidate, ConvTranspose: candidate, ConvWeightGradient: candidate };
  gpuTest(`conv by ${candidate} equals PyTorch`, async (gpu, t) => {
    for (const test of cases) {
      await t.step(test.name, () =>
        checkCase(
          gpu,
          test,
          (g, [x, w, bias]) => conv(g, x!, w!, bias ?? null, convAttrsOf(test)),
          (name, v) => name === "weight" ? hwio(v) : name === "bias" ? v : nhwc(v),
          force,
        ));
    }
  });

  gpuTest(`conv by ${candidate} has the gradients of finite differences`, async (gpu) => {
    // Uneven pads, a stride that leaves input rows unread, and channels on both sides of a tile's edge.
    const attrs: ConvAttrs = { strides: [3, 2], pads: [0, 1, 2, 0], dilations: [1, 2], group: 1 };
    const shapes = [[3, 13, 12, 8], [2, 3, 8, 36]];
    await checkDirection(gpu, shapes, (g, [x, w]) => conv(g, x!, w!, null, attrs), force);
  });
}

gpuTest("a 3x3 conv by winograd has the gradients of finite differences", async (gpu) => {
  // Uneven pads, images that are no whole tiles, and tiles that are no multiple of 4.
  const force = { Conv: "winograd", ConvTranspose: "winograd", ConvWeightGradient: "winograd" };
  for (const pads of [[1, 1, 1, 1], [0, 2, 1, 0]] as const) {
    const attrs: ConvAttrs = { strides: [1, 1], pads, dilations: [1, 1], group: 1 };
    const build = (g: Graph, [x, w]: Tensor[]) => conv(g, x!, w!, null, attrs);
    await checkDirection(gpu, [[3, 5, 9, 8], [3, 3, 8, 36]], build, force);
  }
});

gpuTest("a 1x1 conv as a product, its sum over pixels cut, has the gradients of finite differences", async (gpu) => {
  const force = { Conv: "pointwise", ConvTranspose: "pointwise", ConvWeightGradient: "pointwise" };
  await checkDirection(gpu, [[2, 20, 26, 12], [1, 1, 12, 40]], (g, [x, w]) => conv(g, x!, w!, null), force);
});

for (const candidate of ["depthwise", "plain"]) {
  gpuTest(`a conv of single channels by ${candidate} has the gradients of finite differences`, async (gpu) => {
    for (const strides of [[1, 1], [2, 3]] as const) {
      const attrs: ConvAttrs = { strides, pads: [0, 1, 2, 0], dilations: [1, 2], group: 12 };
      const build = (g: Graph, [x, w]: Tensor[]) => conv(g, x!, w!, null, attrs);
      await checkDirection(gpu, [[3, 7, 9, 12], [2, 3, 1, 12]], build, { Conv: candidate, ConvTranspose: candidate });
    }
  });
}

gpuTest("convs in wide groups, and transposed ones, have the gradients of finite differences", async (gpu) => {
  const attrs: ConvAttrs = { strides: [2, 1], pads: [1, 0, 0, 1], dilations: [1, 1], group: 3 };
  await checkDirection(gpu, [[2, 7, 6, 24], [3, 2, 8, 36]], (g, [x, w]) => conv(g, x!, w!, null, attrs));
  await checkDirection(gpu, [[2, 4, 6, 24], [3, 2, 12, 24]], (g, [x, w]) => convTranspose(g, x!, w!, null, attrs));
});

gpuTest("a conv in wide groups is the grouped conv", async (gpu) => {
  const [x, w] = [noise(2 * 5 * 6 * 24, 1), noise(3 * 3 * 8 * 48, 2)];
  const attrs: ConvAttrs = { strides: [1, 2], pads: [1, 1, 1, 1], dilations: [1, 1], group: 3 };
  const g = new Graph();
  const [images, weights] = [g.input("x", [2, 5, 6, 24]), g.input("w", [3, 3, 8, 48])];
  g.output("parts", conv(g, images, weights, null, attrs));
  g.output("whole", g.apply(convOp, [images, weights], attrs));
  const { parts, whole } = await execute(gpu, g, { x, w });
  assertClose(parts as Float32Array, whole as Float32Array, { rtol: 1e-5, atol: 1e-5 }, "groups");
});

gpuTest("a conv of many pixels sums its weights' gradient in slices", async (gpu) => {
  const build = (g: Graph) =>
    conv(g, g.input("x", [3, 24, 24, 4]), g.input("w", [3, 3, 4, 4]), null, { pads: [1, 1, 1, 1] });
  assert.equal(build(new Graph()).shape.join(), "3,24,24,4");
  await checkDirection(
    gpu,
    [[3, 24, 24, 4], [3, 3, 4, 4]],
    (g, [x, w]) => conv(g, x!, w!, null, { pads: [1, 1, 1, 1] }),
  );
});

Deno.test("a conv that does not fit names both shapes", () => {
  const g = new Graph();
  const x = g.input("x", [1, 8, 8, 6]);
  assert.throws(() => conv(g, x, g.input("w", [3, 3, 5, 8]), null), /f32\[1,8,8,6\].*f32\[3,3,5,8\]/);
  assert.throws(() => conv(g, x, g.input("v", [9, 9, 6, 8]), null), /reach past/);
});

Deno.test("a conv over the binding limit is cut along the batch", () => {
  const g = new Graph();
  g.output("y", conv(g, g.input("x", [8, 16, 16, 64]), g.input("w", [1, 1, 64, 64]), null));
  const program = plan(g, {
    kind: "cpu",
    maxBindingBytes: 2 ** 18,
    maxTextureRows: 16384,
    maxBuffers: 8,
    maxIterations: 65535,
  });
  assert.equal(program.steps.filter((s) => s.kind === "dispatch").length, 2);
});

gpuTest("a conv by winograd whose scratch memory passes the binding limit is cut along the batch", async (gpu) => {
  const [x, w] = [noise(12 * 8 * 8 * 16, 1), noise(9 * 16 * 16, 2)];
  const g = new Graph();
  g.output("y", conv(g, g.input("x", [12, 8, 8, 16]), g.input("w", [3, 3, 16, 16]), null, { pads: [1, 1, 1, 1] }));
  const run = async (by: string, maxBindingBytes: number) =>
    (await execute(gpu, g, { x, w }, { target: { ...targetOf(gpu.info, { Conv: by }), maxBindingBytes } })).y;
  const parts = await run("winograd", 2 ** 16);
  assertClose(parts as Float32Array, await run("plain", 2 ** 27) as Float32Array, { rtol: 1e-5, atol: 1e-4 }, "y");
});
