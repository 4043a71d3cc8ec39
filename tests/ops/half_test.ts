/** Operands of half precision: rounding, and every kernel that reads them, against the same kernel's f32. */

import assert from "node:assert/strict";
import type { Gpu } from "../../src/gpu/device.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { batchNormInference, batchNormTrain } from "../../src/ops/batch_norm.ts";
import { add, mul } from "../../src/ops/binary.ts";
import { conv, type ConvAttrs } from "../../src/ops/conv.ts";
import { Half } from "../../src/ops/half.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { affine } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { convAttrsOf, hwio, nhwc, noise, opCases } from "../support/op_cases.ts";

gpuTest("f32 is rounded to the nearest f16, ties to even, and what is too large becomes infinite", async (gpu) => {
  const given = [
    0,
    -0,
    1,
    -0.1,
    1e-8,
    6e-8,
    -3e-5,
    65504,
    65519,
    65520,
    -65520,
    3e38,
    -Infinity,
    NaN,
    2049,
    2051,
    0.333,
  ];
  const g = new Graph();
  g.output("y", g.apply(Half, [g.input("x", [given.length])], {}));
  const { y } = await execute(gpu, g, { x: Float32Array.from(given) });
  // A NaN is not finite afterwards either, which is all that is asked about it.
  const want = Float16Array.from(given, (v) => Number.isNaN(v) ? Infinity : v);
  assert.deepEqual(y, want);
});

/** A product of two operands, and its gradients for a given one. */
interface Case {
  readonly name: string;
  readonly shapes: readonly [readonly number[], readonly number[]];
  readonly build: (g: Graph, a: Tensor, b: Tensor) => Tensor;
  /** Operators and the candidates that take the case. */
  readonly by: readonly string[];
}

const OPERATORS = ["Conv", "ConvTranspose", "ConvWeightGradient", "MatMul"];

function convolution(name: string, x: number[], w: number[], attrs: Partial<ConvAttrs>, by: string[]): Case {
  return { name, shapes: [x, w], build: (g, a, b) => conv(g, a, b, null, attrs), by };
}

const CASES: readonly Case[] = [
  convolution("3x3 convolution", [2, 9, 8, 8], [3, 3, 8, 12], { pads: [1, 1, 1, 1] }, [
    "tile",
    "winograd",
    "igemm",
    "plain",
  ]),
  convolution("strided convolution of uneven channels", [2, 11, 9, 3], [3, 3, 3, 6], {
    strides: [2, 2],
    pads: [1, 0, 1, 1],
  }, ["tile", "igemm", "plain"]),
  convolution("1x1 convolution", [2, 6, 6, 16], [1, 1, 16, 20], {}, ["pointwise", "tile", "igemm"]),
  convolution("depthwise convolution", [2, 7, 6, 12], [3, 3, 1, 12], { group: 12, pads: [1, 1, 1, 1] }, [
    "depthwise",
    "plain",
  ]),
  {
    name: "product",
    shapes: [[20, 36], [36, 24]],
    build: (g, a, b) => matmul(g, a, b),
    by: ["tile", "texture", "plain"],
  },
  {
    name: "product of an odd number of rows with a transposed matrix",
    shapes: [[7, 10], [9, 10]],
    build: (g, a, b) => matmul(g, a, b, { transB: true }),
    by: ["tile", "texture", "plain"],
  },
];

/** PyTorch's cases of convolution, by their shapes and attributes. */
const GOLDEN: readonly Case[] = (await opCases("conv2d")).map((test) => {
  const [x, w] = [nhwc(test.tensors.get("x")!), hwio(test.tensors.get("weight")!)];
  const by = ["tile", "winograd", "pointwise", "igemm", "depthwise", "plain"];
  return convolution(test.name, [...x.shape], [...w.shape], convAttrsOf(test), by);
});

/** Result and gradients of a case, whose values are the same in f16 and f32; `operands`: what the kernels read. */
async function run(gpu: Gpu, { shapes, build }: Case, operands: "f32" | "f16", candidate: string) {
  const g = new Graph();
  const given = shapes.map((shape, i) => g.input(`x${i}`, shape));
  const [a, b] = given.map((x) => operands === "f16" ? g.apply(Half, [x], {}) : x) as [Tensor, Tensor];
  const y = build(g, a, b);
  const seed = g.input("seed", y.shape);
  g.output("y", y);
  gradient(g, [{ output: y, seed }], given, add).forEach((t, i) => g.output(`gradient ${i}`, t!));
  const values = (shape: readonly number[], i: number) => Float32Array.from(Float16Array.from(noise(sizeOf(shape), i)));
  const inputs = { x0: values(shapes[0], 1), x1: values(shapes[1], 2), seed: values(y.shape, 3) };
  const force = Object.fromEntries(OPERATORS.map((op) => [op, candidate]));
  const target = targetOf(gpu.info, force);
  const halves = plan(g, target).steps.filter((s) => s.kind === "dispatch" && s.op !== "Half")
    .flatMap((s) => s.kind === "dispatch" ? s.bindings : []).filter((b) => b.kind !== "nothing" && b.half);
  assert.equal(halves.length > 0, operands === "f16");
  return await execute(gpu, g, inputs, { target });
}

for (const candidate of ["slabs", "plain"]) {
  gpuTest(`a batch norm by ${candidate} of f16 and its gradient are those of the same values in f32`, async (gpu) => {
    const shape = [4, 5, 6, 8];
    const values = (i: number, size: number) => Float32Array.from(Float16Array.from(noise(size, i)));
    const inputs = {
      x: values(1, 960),
      residual: values(2, 960),
      seed: noise(960, 3),
      scale: noise(8, 4),
      bias: noise(8, 5),
    };
    const run = async (operands: "f32" | "f16") => {
      const g = new Graph();
      const given = [
        g.input("x", shape),
        g.input("scale", [8]),
        g.input("bias", [8]),
        g.input("residual", shape),
      ] as const;
      const [x, scale, bias, residual] = given;
      const stored = (t: Tensor) => operands === "f16" ? g.apply(Half, [t], {}) : t;
      const both = [
        batchNormTrain(g, stored(x), scale, bias, { relu: true }).y,
        batchNormTrain(g, stored(x), scale, bias, { relu: true, residual: stored(residual) }).y,
        batchNormInference(g, stored(x), scale, bias, affine(g, bias, 0.1, 0), affine(g, mul(g, bias, bias), 1, 1)),
      ];
      both.forEach((y, i) => g.output(`y ${i}`, y));
      const seed = g.input("seed", shape);
      gradient(g, both.map((output) => ({ output, seed })).slice(0, 2), given, add)
        .forEach((t, i) => g.output(`gradient ${i}`, t!));
      const force = { BatchNormTrain: candidate, BatchNormalization: candidate, BatchNormGradient: candidate };
      return await execute(gpu, g, inputs, { target: targetOf(gpu.info, force) });
    };
    const [narrow, wide] = [await run("f16"), await run("f32")];
    for (const [name, want] of Object.entries(wide)) {
      assertClose(narrow[name] as Float32Array, want as Float32Array, { rtol: 1e-5, atol: 1e-5 }, name);
    }
  });
}

for (const test of CASES) {
  for (const candidate of test.by) {
    gpuTest(`a ${test.name} by ${candidate} of f16 operands is that of the same values in f32`, async (gpu) => {
      const [narrow, wide] = [await run(gpu, test, "f16", candidate), await run(gpu, test, "f32", "plain")];
      for (const [name, want] of Object.entries(wide)) {
        assertClose(narrow[name] as Float32Array, want as Float32Array, { rtol: 1e-5, atol: 1e-4 }, name);
      }
    });
  }
}

gpuTest("convolutions of PyTorch's cases read f16 by every candidate as they read f32", async (gpu, t) => {
  for (const test of GOLDEN) {
    await t.step(test.name, async () => {
      const wide = await run(gpu, test, "f32", "plain");
      for (const candidate of test.by) {
        const narrow = await run(gpu, test, "f16", candidate);
        for (const [name, want] of Object.entries(wide)) {
          assertClose(narrow[name] as Float32Array, want as Float32Array, { rtol: 1e-5, atol: 1e-4 }, name);
        }
      }
    });
  }
});

gpuTest("operands of f16 are bound as they are, at half the bytes", async (gpu) => {
  await Promise.resolve();
  const g = new Graph();
  const [x, w] = [g.input("x", [2, 64, 64, 16]), g.input("w", [3, 3, 16, 16])];
  const [a, b] = [x, w].map((t) => g.apply(Half, [t], {})) as [Tensor, Tensor];
  g.output("y", conv(g, a, b, null, { pads: [1, 1, 1, 1] }));
  const { steps, textures } = plan(g, targetOf(gpu.info, { Conv: "igemm" }));
  const copied = steps.flatMap((s) => s.kind === "texture" ? [[s.from.bytes, textures[s.texture]!.half]] : []);
  assert.deepEqual(copied, [[2 * sizeOf(x.shape), true], [2 * sizeOf(w.shape), true]]);
});

Deno.test("operands of two types are refused, and so are operators that take none of f16", () => {
  const g = new Graph();
  const x = g.apply(Half, [g.input("x", [1, 8, 8, 4])], {});
  assert.throws(() => conv(g, x, g.input("w", [3, 3, 4, 4]), null), /takes f32 \(or f16 alone\) of rank 4, got f32/);
  assert.throws(() => g.apply(Half, [x], {}), /Half: takes f32, got f16\[1,8,8,4\]/);
});

gpuTest("a kernel that knows nothing of f16 does not read it as something else", async (gpu) => {
  const g = new Graph();
  const x = g.apply(Half, [g.input("x", [8])], {});
  g.output("y", add(g, x, x));
  await assert.rejects(execute(gpu, g, { x: noise(8, 1) }), /binary\w*\.wgsl takes no f16 at binding 0/);
});
