/** InfoNCE with given negatives against PyTorch's cross-entropy in f64. */

import assert from "node:assert/strict";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { infonceLoss } from "../../src/losses/infonce.ts";
import { grad } from "../../src/ops/gradients.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

const NAMES = ["anchor", "positive", "negatives"] as const;

for (const test of goldenCases("losses", ({ op }) => op === "infonce_eq1")) {
  gpuTest(`infonce ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const g = new Graph();
    const inputs = NAMES.map((name) => g.input(name, tensors.get(name)!.shape));
    const [anchor, positive, negatives] = inputs;
    const loss = infonceLoss(g, anchor!, positive!, negatives!, test.attrs.tau);
    g.output("loss", loss);
    grad(g, loss, inputs).forEach((t, i) => g.output(`grad.${NAMES[i]}`, t));
    const data = (name: string) => tensors.get(name)!.data as Float32Array;
    const result = await execute(gpu, g, Object.fromEntries(NAMES.map((name) => [name, data(name)])));
    assertClose(result.loss!, [test.scalars_f64.loss!], test.tol, "loss");
    for (const name of NAMES) assertClose(result[`grad.${name}`]!, data(`grad.${name}`), test.tol, `grad.${name}`);
  });
}

Deno.test("infonce of shapes that do not fit names all three", () => {
  const g = new Graph();
  const [a, p] = [g.input("a", [4, 8]), g.input("p", [4, 8])];
  assert.throws(() => infonceLoss(g, a, p, g.input("n", [3, 9, 8]), 10), /f32\[4,8\], f32\[4,8\], f32\[3,9,8\]/);
  assert.throws(() => infonceLoss(g, a, p, g.input("m", [9, 7]), 10), /f32\[9,7\]/);
});
