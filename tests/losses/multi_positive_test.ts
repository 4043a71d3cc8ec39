/** SimCLR's loss of several views of a sample against StableRep's formula in PyTorch. */

import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { simclrLoss } from "../../src/losses/simclr.ts";
import { grad } from "../../src/ops/gradients.ts";
import { l2Normalize } from "../../src/ops/l2_normalize.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

for (const test of goldenCases("objectives", ({ op }) => op === "multi_positive")) {
  gpuTest(`multi-positive loss ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const { temperature, samples } = test.attrs;
    const { shape, data } = tensors.get("x")!;
    const g = new Graph();
    const x = g.input("x", shape);
    const loss = simclrLoss(g, l2Normalize(g, x), samples, { temperature, baseTemperature: temperature });
    g.output("loss", loss);
    g.output("dx", grad(g, loss, [x])[0]!);
    const got = await execute(gpu, g, { x: data as Float32Array });
    assertClose(got.loss!, [test.scalars_f64.loss!], test.tol, "loss");
    assertClose(got.dx!, tensors.get("grad.x")!.data as Float32Array, test.tol, "gradient");
  });
}
