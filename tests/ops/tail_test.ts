/** Tails of convolutions and products by every candidate, against the same nodes one by one. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { candidateFor } from "../../src/graph/choose.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Node, Target } from "../../src/graph/op.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { batchNormInference } from "../../src/ops/batch_norm.ts";
import { add, div, mul, sub } from "../../src/ops/binary.ts";
import { conv } from "../../src/ops/conv.ts";
import { convTranspose } from "../../src/ops/conv_transpose.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { affine, relu, unary } from "../../src/ops/unary.ts";
import { assertClose } from "../support/close.ts";
import { bothWays, joinedNodes, joinedOps } from "../support/fused.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** What a tail is put on: builds the node from inputs of these shapes, by these candidates. */
interface Base {
  readonly name: string;
  readonly op: string;
  readonly by: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly build: (g: Graph, inputs: Tensor[]) => Tensor;
}

const BASES: readonly Base[] = [
  {
    name: "3 x 3 convolution",
    op: "Conv",
    by: ["tile", "winograd", "igemm", "plain"],
    shapes: [[2, 8, 8, 8], [3, 3, 8, 12]],
    build: (g, [x, w]) => conv(g, x!, w!, null, { pads: [1, 1, 1, 1] }),
  },
  {
    name: "strided convolution of odd images", // 35 pixels: rows of an invocation are of two samples
    op: "Conv",
    by: ["tile", "igemm", "plain"],
    shapes: [[3, 10, 14, 4], [3, 3, 4, 8]],
    build: (g, [x, w]) => conv(g, x!, w!, null, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    name: "convolution to three channels",
    op: "Conv",
    by: ["tile", "igemm", "plain"],
    shapes: [[2, 4, 4, 8], [3, 3, 8, 3]],
    build: (g, [x, w]) => conv(g, x!, w!, null, { pads: [1, 1, 1, 1] }),
  },
  {
    name: "1 x 1 convolution",
    op: "Conv",
    by: ["pointwise", "igemm"],
    shapes: [[2, 4, 8, 16], [1, 1, 16, 8]],
    build: (g, [x, w]) => conv(g, x!, w!, null),
  },
  {
    name: "depthwise convolution",
    op: "Conv",
    by: ["depthwise", "plain"],
    shapes: [[2, 5, 6, 8], [3, 3, 1, 8]],
    build: (g, [x, w]) => conv(g, x!, w!, null, { group: 8, pads: [1, 1, 1, 1] }),
  },
  {
    name: "transposed convolution",
    op: "ConvTranspose",
    by: ["igemm", "plain"],
    shapes: [[2, 4, 4, 8], [4, 4, 8, 8]],
    build: (g, [x, w]) => convTranspose(g, x!, w!, null, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    name: "transposed convolution to odd images",
    op: "ConvTranspose",
    by: ["igemm", "plain"],
    shapes: [[2, 4, 3, 8], [3, 3, 4, 8]],
    build: (g, [x, w]) => convTranspose(g, x!, w!, null, { strides: [2, 2] }),
  },
  {
    name: "product",
    op: "MatMul",
    by: ["tile", "texture", "plain"],
    shapes: [[3, 20, 8], [3, 8, 12]],
    build: (g, [a, b]) => matmul(g, a!, b!),
  },
  {
    name: "product with one matrix, under the shape of a batch",
    op: "MatMul",
    by: ["tile", "texture", "plain"],
    shapes: [[2, 16, 6], [6, 8]],
    build: (g, [a, b]) => matmul(g, a!, b!),
  },
  {
    name: "product whose sum is cut into slices",
    op: "MatMul",
    by: ["texture"],
    shapes: [[2, 8, 1024], [2, 1024, 8]],
    build: (g, [a, b]) => matmul(g, a!, b!),
  },
];

/** Nodes after a result y; `operand` makes a tensor of the dimensions of y that are given. */
type Steps = (g: Graph, y: Tensor, operand: (...full: ("sample" | "row" | "column")[]) => Tensor) => Tensor;

const TAILS: Readonly<Record<string, Steps>> = {
  "bias": (g, y, operand) => add(g, y, operand("column")),
  "bias and ReLU": (g, y, operand) => relu(g, add(g, operand("column"), y)),
  "scales and shifts of columns and samples": (g, y, operand) => {
    const scaled = sub(g, mul(g, add(g, y, operand("column")), operand("column")), operand("sample", "column"));
    return unary(g, "LeakyRelu", div(g, scaled, operand("sample", "column")), { alpha: 0.2, beta: 0 });
  },
  "one value for all, and for a sample": (g, y, operand) =>
    affine(g, unary(g, "Neg", mul(g, add(g, y, operand()), operand("sample"))), 0.5, 2),
  "batch norm": (g, y, operand) => {
    const [scale, bias, mean] = [operand("column"), operand("column"), operand("column")].map((t) =>
      reshape(g, t, [y.shape.at(-1)!])
    );
    const variance = reshape(g, affine(g, mul(g, operand("column"), operand("column")), 1, 1), [y.shape.at(-1)!]);
    return batchNormInference(g, y, scale!, bias!, mean!, variance, { relu: true });
  },
};

/** Those with a rest, which need a result of some size. */
const RESTS: Readonly<Record<string, Steps>> = {
  "residual": (g, y, operand) => relu(g, add(g, add(g, y, operand("column")), operand("sample", "row", "column"))),
  "noise for rows, the same in all samples": (g, y, operand) =>
    unary(g, "LeakyRelu", add(g, add(g, mul(g, y, operand("sample", "column")), operand("row")), operand("column")), {
      alpha: 0.2,
      beta: 0,
    }),
  "a map, the same in all samples": (g, y, operand) => add(g, y, operand("row", "column")),
};

function withTail({ shapes, build }: Base, steps: Steps): { g: Graph; inputs: Record<string, Float32Array> } {
  const g = new Graph();
  const inputs: Record<string, Float32Array> = {};
  const given = (shape: readonly number[]) => {
    const name = `input ${Object.keys(inputs).length}`;
    inputs[name] = noise(sizeOf(shape), Object.keys(inputs).length + 1);
    return g.input(name, shape);
  };
  const y = build(g, shapes.map(given));
  const operand: Parameters<Steps>[2] = (...full) =>
    given(y.shape.map((d, axis) => {
      const part = axis === y.shape.length - 1 ? "column" : axis === 0 ? "sample" : "row";
      return full.includes(part) ? d : 1;
    }));
  g.output("y", steps(g, y, operand));
  return { g, inputs };
}

/** Runs one tail on a base by some candidates, planned for an adapter of a kind. */
async function check(
  gpu: Gpu,
  base: Base,
  name: string,
  steps: Steps,
  by = base.by,
  kind: Target["kind"] = "cpu",
): Promise<void> {
  const { g, inputs } = withTail(base, steps);
  const nodes = joinedNodes(g, kind);
  assert.equal(nodes.at(-1)!.op.name, base.op, `${name} is joined: ${nodes.map(({ op }) => op.name)}`);
  for (const candidate of by) {
    const force = { [base.op]: candidate };
    assert.equal(candidateFor(nodes.at(-1)!, targetOf(gpu.info, force)).name, candidate);
    const { joined, plain } = await bothWays(gpu, g, inputs, force, kind);
    assertClose(joined, plain, { rtol: 2e-5, atol: 2e-5 }, `${name} by ${candidate}`);
  }
}

const EVERYTHING = "scales and shifts of columns and samples";

// Each pair of a candidate and a form of tail is a kernel of its own, and some take llvmpipe a second to compile.
for (const base of BASES) {
  // Samples of a result that has another shape where its tail is are told apart by a chain.
  const name = base.shapes[0]!.length > base.shapes[1]!.length ? "bias and ReLU" : EVERYTHING;
  gpuTest(`a ${base.name} has a tail by every candidate`, (gpu) => check(gpu, base, name, TAILS[name]!));
}

for (const [name, steps] of Object.entries(TAILS)) {
  gpuTest(`results have as their tail: ${name}`, async (gpu) => {
    await check(gpu, BASES[0]!, name, steps, ["winograd", "plain"]);
    await check(gpu, BASES[2]!, name, name === EVERYTHING ? TAILS.bias! : steps, ["igemm"]);
  });
}

/** Results of 2 ** 18 elements; as for a GPU, where every candidate takes a rest. */
const LARGE: readonly Base[] = [
  { ...BASES[0]!, by: ["winograd", "igemm", "tile", "plain"], shapes: [[4, 64, 64, 8], [3, 3, 8, 16]] },
  {
    ...BASES[4]!,
    shapes: [[4, 64, 64, 16], [3, 3, 1, 16]],
    build: (g, [x, w]) => conv(g, x!, w!, null, { group: 16, pads: [1, 1, 1, 1] }),
  },
  { ...BASES[7]!, shapes: [[4, 1024, 4], [4, 4, 64]] },
];
for (const base of LARGE) {
  gpuTest(`a ${base.name} has a tail with a rest`, async (gpu) => {
    for (const [i, [name, steps]] of Object.entries(RESTS).entries()) {
      await check(gpu, base, name, steps, i === 1 ? base.by : base.by.slice(0, 1), "gpu");
    }
  });
}

gpuTest("NaN and infinities pass a tail as they pass the nodes", async (gpu) => {
  const g = new Graph();
  const [x, w] = [g.input("x", [1, 4, 4, 4]), g.input("w", [1, 1, 4, 4])];
  const scale = g.input("scale", [4]);
  g.output("y", relu(g, add(g, mul(g, conv(g, x, w, null), scale), g.input("shift", [4]))));
  const values = noise(64, 1);
  [NaN, Infinity, -Infinity].forEach((v, i) => values[20 * i] = v);
  const eye = new Float32Array(16).map((_, i) => i % 5 === 0 ? 1 : 0);
  const inputs = { x: values, w: eye, scale: Float32Array.of(1, NaN, -2, 0), shift: Float32Array.of(1, 0, -1, NaN) };
  assert.deepEqual(joinedOps(g), ["Conv"]);
  for (const by of ["tile", "pointwise", "igemm", "plain"]) {
    const { joined, plain } = await bothWays(gpu, g, inputs, { Conv: by });
    assertClose(joined, plain, { rtol: 1e-6, atol: 1e-6 }, by);
  }
});

gpuTest("a convolution with a tail over the binding limit runs in parts along the batch", async (gpu) => {
  const { g, inputs } = withTail(
    { ...BASES[0]!, shapes: [[16, 8, 8, 8], [3, 3, 8, 8]] },
    TAILS[EVERYTHING]!,
  );
  const run = async (maxBindingBytes: number, fused: boolean) => {
    const target = { ...targetOf(gpu.info, { Conv: "igemm" }), maxBindingBytes, fuse: fused };
    return (await execute(gpu, g, inputs, { target })).y as Float32Array;
  };
  assertClose(await run(16384, true), await run(2 ** 20, false), { rtol: 2e-5, atol: 2e-5 });
});

Deno.test("of two results that are added, the one that takes more work has the other as its rest", () => {
  const g = new Graph();
  const x = g.input("x", [4, 64, 64, 16]);
  const skip = conv(g, x, g.input("skip", [1, 1, 16, 16]), g.input("bias", [16]));
  const main = conv(g, x, g.input("main", [3, 3, 16, 16]), null, { pads: [1, 1, 1, 1] });
  g.output("y", add(g, skip, main));
  const [first, second] = joinedNodes(g, "gpu") as [Node, Node];
  assert.deepEqual([first.name, second.name], ["Conv + Add", "Conv + Add"]);
  assert.equal(second.attrs.tail.rest, 1);
  assert.equal(second.inputs.at(-1), first.outputs[0]);
});

Deno.test("activations end a tail, and small results have no rest", () => {
  const ops = (build: (g: Graph, y: Tensor) => Tensor) => {
    const g = new Graph();
    g.output("y", build(g, conv(g, g.input("x", [1, 4, 4, 4]), g.input("w", [1, 1, 4, 4]), null)));
    return joinedOps(g);
  };
  assert.deepEqual(ops((g, y) => affine(g, relu(g, y), 2, 0)), ["Conv", "Affine"]);
  assert.deepEqual(ops((g, y) => unary(g, "Tanh", relu(g, y))), ["Conv", "Tanh"]);
  assert.deepEqual(ops((g, y) => add(g, y, g.input("rest", [1, 4, 4, 4]))), ["Conv", "Add"]);
});

Deno.test("on a software adapter a large register tile has no rest, Winograd's output has", () => {
  const g = new Graph();
  const x = g.input("x", [8, 32, 32, 64]);
  for (const [size, pad] of [[1, 0], [3, 1]] as const) {
    const attrs = { pads: [pad, pad, pad, pad] as const };
    const y = conv(g, x, g.input(`w${size}`, [size, size, 64, 64]), g.input(`bias${size}`, [64]), attrs);
    g.output(`y${size}`, relu(g, add(g, y, g.input(`rest${size}`, [8, 32, 32, 64]))));
  }
  assert.deepEqual(joinedOps(g), ["Conv", "Chain", "Conv"]);
  assert.deepEqual(joinedOps(g, "gpu"), ["Conv", "Conv"]);
});

gpuTest("any steps after a convolution give the same", async (gpu) => {
  const kinds = fc.constantFrom(
    "column",
    "sample",
    "scalar",
    "relu",
    "mul column",
    "mul sample",
    "tanh",
    "div",
    "from",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 7 }), async (list) => {
      const steps: Steps = (g, y, operand) =>
        list.reduce((v, kind) => {
          if (kind === "relu") return relu(g, v);
          if (kind === "tanh") return unary(g, "Tanh", v);
          if (kind === "scalar") return affine(g, v, 0.5, 0.25);
          if (kind === "from") return sub(g, operand("column"), v);
          if (kind === "div") return div(g, v, affine(g, relu(g, operand("column")), 1, 1));
          const values = operand(...(kind.endsWith("sample") ? ["sample", "column"] as const : ["column"] as const));
          return kind.startsWith("mul") ? mul(g, v, values) : add(g, v, values);
        }, y);
      const { g, inputs } = withTail({ ...BASES[0]!, shapes: [[2, 4, 4, 4], [3, 3, 4, 4]] }, steps);
      const { joined, plain } = await bothWays(gpu, g, inputs);
      assertClose(joined, plain, { rtol: 1e-4, atol: 1e-4 }, list.join());
    }),
    { numRuns: 30, seed: 3 },
  );
});
