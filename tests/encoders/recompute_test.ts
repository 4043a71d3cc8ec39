/** Gradients of an encoder that keeps less for its backward pass are those of one that keeps everything. */

import assert from "node:assert/strict";
import { type Recompute, resnet, type ResnetSpec } from "../../src/encoders/resnet.ts";
import { initializeStates } from "../../src/encoders/init.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { memoryOf } from "../../src/graph/program.ts";
import { grad } from "../../src/ops/gradients.ts";
import { reduce } from "../../src/ops/reduce.ts";
import { binary } from "../../src/ops/binary.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

const KINDS: readonly Recompute[] = ["none", "norms", "blocks"];
const SPECS: Record<string, Omit<ResnetSpec, "recompute">> = {
  "bottlenecks behind a pooled stem": { blocks: [2, 2], bottleneck: true, stem: "imagenet", width: 8 },
  "two convolutions a block": { blocks: [1, 2], bottleneck: false, stem: "cifar", width: 8 },
};

/** Gradients of a sum over weighted features. */
function build(spec: ResnetSpec, operands: Graph["operands"] = "f32"): Graph {
  const g = new Graph();
  g.operands = operands;
  const { features, parameters } = resnet(g, g.input("x", [4, 32, 32, 3]), spec, true);
  const weights = g.constant(noise(4 * features.shape[1]!, 7), features.shape);
  const loss = reduce(g, "Sum", binary(g, "Mul", features, weights), [0, 1]);
  grad(g, loss, parameters).forEach((t, i) => g.output(parameters[i]!.name, t));
  return g;
}

const CASES = Object.entries(SPECS).flatMap(([name, spec]) =>
  (["f32", "f16"] as const).map((operands) => [`${name}, ${operands}`, spec, operands] as const)
);
for (const [name, spec, operands] of CASES) {
  gpuTest(`gradients do not depend on what is computed again: ${name}`, async (gpu) => {
    const results = [];
    for (const recompute of KINDS) {
      const g = build({ ...spec, recompute }, operands);
      const store = new StateStore(gpu);
      const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
      const used = [...session.program.states].map(([state, { shape }]) => [state, shape] as const);
      initializeStates(store, new Map(used), 3);
      session.write("x", noise(4 * 32 * 32 * 3, 1));
      await session.run();
      const values = new Map<string, Float32Array>();
      for (const output of g.outputs.keys()) values.set(output, await session.read(output) as Float32Array);
      results.push(values);
      session.close();
      store.close();
    }
    const [kept, ...others] = results as [Map<string, Float32Array>, ...Map<string, Float32Array>[]];
    others.forEach((values, i) => {
      for (const [output, want] of kept) {
        const size = Math.max(...want.map(Math.abs));
        assertClose(values.get(output)!, want, { rtol: 0, atol: 1e-5 * size }, `${KINDS[i + 1]}: ${output}`);
      }
    });
  });
}

/** The plan of a ResNet-50's gradients. */
function planned(recompute: Recompute, operands: Graph["operands"] = "f32") {
  const g = build({ blocks: [3, 4, 6, 3], bottleneck: true, stem: "imagenet", width: 64, recompute }, operands);
  const limits = { maxBindingBytes: 2 ** 31 - 4, maxTextureRows: 16_384, maxBuffers: 64, maxIterations: 2 ** 31 };
  return plan(g, { kind: "gpu", ...limits });
}

Deno.test("less is kept, and convolutions run again only for blocks", () => {
  const plans = KINDS.map((recompute) => planned(recompute));
  const forward = plans.map(({ steps }) => steps.filter((s) => s.kind === "dispatch" && s.op === "Conv").length);
  assert.equal(forward[0], forward[1]);
  assert.ok(forward[2]! > forward[0]!);
  const [none, norms, blocks] = plans.map((p) => memoryOf(p).work!) as [number, number, number];
  assert.ok(norms < none && blocks < norms, `${none}, ${norms}, ${blocks} bytes`);
});

Deno.test("what is kept as f16 takes half of the memory, whatever is computed again", () => {
  const holders = (recompute: Recompute, operands: Graph["operands"]) =>
    [...planned(recompute, operands).fullest!.holders.keys()].filter((op) => /^(Conv|BatchNorm)/.test(op));
  for (const recompute of ["none", "norms"] as const) {
    assert.ok(holders(recompute, "f32").includes("Conv"));
    assert.deepEqual(holders(recompute, "f16").filter((op) => op === "Conv"), [], `f32 is kept with ${recompute}`);
  }
});
