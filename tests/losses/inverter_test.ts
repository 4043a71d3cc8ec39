/** The inverter's loss against the authors' code in f64. */

import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { HostArray, Tensor } from "../../src/graph/tensor.ts";
import { inverterLoss } from "../../src/losses/inverter.ts";
import { grad } from "../../src/ops/gradients.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

for (const test of goldenCases("losses", ({ op }) => op === "inverter")) {
  gpuTest(`inverter ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const g = new Graph();
    const input = (name: string): Tensor =>
      g.input(name, tensors.get(name)!.shape, tensors.get(name)!.dtype === "I32" ? "i32" : "f32");
    const [predicted, z] = [input("z_pred"), input("z")];
    const classes = test.attrs.supervised ? { logits: input("y_pred"), labels: input("labels") } : null;
    const loss = inverterLoss(g, predicted, z, classes);
    g.output("loss", loss);
    const wrt = [predicted, ...(classes ? [classes.logits] : [])];
    grad(g, loss, wrt).forEach((t, i) => g.output(`grad.${wrt[i]!.name}`, t));
    const inputs = test.inputs.map((name) => [name, tensors.get(name)!.data as HostArray]);
    const result = await execute(gpu, g, Object.fromEntries(inputs));
    assertClose(result.loss!, [test.scalars_f64.loss!], test.tol, "loss");
    for (const [name, stored] of Object.entries(test.grads)) {
      assertClose(result[`grad.${name}`]!, tensors.get(stored)!.data as Float32Array, test.tol, `grad.${name}`);
    }
  });
}
