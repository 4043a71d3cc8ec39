/** The losses that compare two views without negatives, against PyTorch in f64. */

import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { barlowTwinsLoss } from "../../src/losses/barlow_twins.ts";
import { byolLoss } from "../../src/losses/byol.ts";
import { vicregLoss } from "../../src/losses/vicreg.ts";
import { grad } from "../../src/ops/gradients.ts";
import { assertClose } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

type Loss = (g: Graph, a: Tensor, b: Tensor) => Tensor;

async function check(gpu: Gpu, test: GoldenCase, loss: Loss): Promise<void> {
  const tensors = await test.load();
  const g = new Graph();
  const [a, b] = test.inputs.slice(0, 2).map((name) => g.input(name, tensors.get(name)!.shape)) as [Tensor, Tensor];
  const value = loss(g, a, b);
  g.output("loss", value);
  const wanted = [a, b].filter(({ name }) => tensors.has(`grad.${name}`));
  grad(g, value, wanted).forEach((t, i) => g.output(`grad.${wanted[i]!.name}`, t));
  const data = Object.fromEntries([a, b].map(({ name }) => [name, tensors.get(name)!.data as Float32Array]));
  const got = await execute(gpu, g, data);
  assertClose(got.loss!, [test.scalars_f64.loss!], test.tol, "loss");
  for (const { name } of wanted) {
    assertClose(got[`grad.${name}`]!, tensors.get(`grad.${name}`)!.data as Float32Array, test.tol, `grad.${name}`);
  }
}

const LOSSES: Record<string, Loss> = { byol: byolLoss, vicreg: vicregLoss, barlow_twins: barlowTwinsLoss };

for (const [op, loss] of Object.entries(LOSSES)) {
  for (const test of goldenCases("objectives", (entry) => entry.op === op)) {
    gpuTest(`loss ${test.name}`, (gpu) => check(gpu, test, loss));
  }
}
