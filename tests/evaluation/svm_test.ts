/** Support vector machines against scikit-learn's LinearSVC, all problems of a case in one batch. */

import assert from "node:assert/strict";
import { decisionValues, solveSvms, type SvmSolution } from "../../src/evaluation/svm.ts";
import type { Features } from "../../src/evaluation/features.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** Costs of +1 and -1 as in the paper's code. */
const targetsOf = (labels: ArrayLike<number>, cost: number) =>
  Float32Array.from(labels, (label) => label > 0 ? 2 * cost : -cost);

async function solve(gpu: Gpu, features: Features, problems: Float32Array[]): Promise<SvmSolution[]> {
  const found: SvmSolution[] = [];
  await solveSvms(gpu, features, problems, (problem, solution) => found[problem] = solution);
  return found;
}

for (const test of goldenCases("svm", ({ op }) => op === "linear_svc")) {
  gpuTest(`decision values and weights of ${test.name} are LinearSVC's`, async (gpu) => {
    const tensors = await test.load();
    const { data: x, shape: [n, size] } = tensors.get("x")!;
    const features = { data: x as Float32Array, n: n!, size: size! };
    const labels = tensors.get("y")!.data as Int32Array;
    const costs: number[] = test.attrs.costs;
    const found = await solve(gpu, features, costs.map((cost) => targetsOf(labels, cost)));
    const again = await decisionValues(gpu, features, found.map(({ weights }) => weights));
    for (const [i, { scores, weights, error }] of found.entries()) {
      assert.ok(error <= 1e-4, `${error}`);
      for (const [name, got] of [["scores", scores], ["weights", weights], ["scores", again[i]!]] as const) {
        const want = (tensors.get(name)!.data as Float32Array).subarray(i * got.length, (i + 1) * got.length);
        const largest = want.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        assertClose(got, want, { rtol: 0, atol: test.tol.largest * largest }, `${name} at cost ${costs[i]}`);
      }
    }
  });
}

gpuTest("samples that a problem leaves out do not matter, and are scored all the same", async (gpu) => {
  const [n, size] = [50, 7];
  const data = noise(n * size, 1);
  const labels = Array.from({ length: n }, (_, i) => data[i * size]! > 0 ? 1 : -1);
  const features = { data, n, size };
  const some = { data: data.slice(0, 30 * size), n: 30, size };
  const [whole] = await solve(gpu, features, [targetsOf(labels, 1).map((t, i) => i < 30 ? t : 0)]);
  const [part] = await solve(gpu, some, [targetsOf(labels.slice(0, 30), 1)]);
  assertClose(whole!.weights, part!.weights, { rtol: 1e-4, atol: 1e-5 });
  const scores = (await decisionValues(gpu, features, [part!.weights]))[0]!;
  assertClose(whole!.scores, scores, { rtol: 1e-4, atol: 1e-4 });
  const [none] = await solve(gpu, features, [new Float32Array(n)]);
  assert.deepEqual([none!.error, ...none!.weights], [0, ...new Array(size + 1).fill(0)]);
});

gpuTest("more problems than fit a batch wait for their turn", async (gpu) => {
  const [n, size] = [40, 5];
  const features = { data: noise(n * size, 2), n, size };
  const labels = (p: number) => noise(n, 10 + p).map((v) => v > 0 ? 1 : -1);
  const problems = Array.from({ length: 12 }, (_, p) => targetsOf(labels(p), 10 ** (p % 4 - 2)));
  const small: Gpu = {
    ...gpu,
    info: { ...gpu.info, limits: { ...gpu.info.limits, maxStorageBufferBindingSize: 4 * n * 8 } },
  };
  const [together, inTurns] = [await solve(gpu, features, problems), await solve(small, features, problems)];
  for (const [p, { weights }] of together.entries()) {
    assertClose(inTurns[p]!.weights, weights, { rtol: 1e-3, atol: 1e-5 }, `problem ${p}`);
  }
});
