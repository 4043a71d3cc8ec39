/** Training with operands of half precision: near f32, with a loss scale that finds its place and is resumed. */

import assert from "node:assert/strict";
import { UserError, WorkError } from "../../src/errors.ts";
import { initializeStates } from "../../src/encoders/init.ts";
import { rngValues } from "../../src/generators/random.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { plan } from "../../src/graph/plan.ts";
import { memoryOf } from "../../src/graph/program.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { FIRST_SCALE } from "../../src/ops/loss_scale.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { requirePrecision, skippedStep } from "../../src/training/precision.ts";
import { buildEncoderStep } from "../../src/training/step.ts";
import { relativeError } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";
import { inFolder, metricsOf, tinyConfig, trainTiny } from "../support/training.ts";

const HALF = tinyConfig("precision=f16");

gpuTest("five steps in half precision follow those in f32", async (gpu) => {
  const losses = async (precision: string) => {
    const { graph, states } = buildEncoderStep(tinyConfig(`precision=${precision}`, "batch=8"));
    const store = new StateStore(gpu);
    const session = await Session.create(gpu, plan(graph, targetOf(gpu.info)), store);
    try {
      initializeStates(store, states, 0);
      session.write("views", noise(16 * 32 * 32 * 3, 1));
      session.write("lr", Float32Array.of(0.01));
      const steps = [];
      for (let i = 0; i < 5; i++) {
        session.write("rng", rngValues(0, i));
        steps.push((await session.run(["loss"])).loss![0]!);
      }
      return steps;
    } finally {
      session.close();
      store.close();
    }
  };
  const [wide, narrow] = [await losses("f32"), await losses("f16")];
  assert(wide[4]! < 0.9 * wide[0]!, "the steps learn");
  const error = relativeError(narrow, wide);
  assert(error > 0 && error < 0.02, `losses ${narrow} and ${wide}`);
});

/** One step of given views, its states from the seed but for those in `values`. */
async function step(gpu: Gpu, values: Readonly<Record<string, number>>) {
  const { graph, states } = buildEncoderStep(HALF);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(graph, targetOf(gpu.info)), store);
  const read = async () =>
    new Map(
      await Promise.all(
        [...states].map(async ([name, shape]) => [name, await store.read(name, sizeOf(shape))] as const),
      ),
    );
  try {
    initializeStates(store, states, 0);
    for (const [name, value] of Object.entries(values)) store.write(name, Float32Array.of(value));
    session.write("views", noise(8 * 32 * 32 * 3, 1));
    session.write("lr", Float32Array.of(0.1));
    session.write("rng", rngValues(0, 0));
    const before = await read();
    const { gradient_norm: norm, loss, health } = await session.run(["gradient_norm", "loss", "health"]);
    const after = await read();
    const changed = [...states.keys()].filter((name) => before.get(name)!.some((v, i) => v !== after.get(name)![i]));
    return { norm: norm![0]!, loss: loss![0]!, health: health![0]!, after, changed };
  } finally {
    session.close();
    store.close();
  }
}

gpuTest("a scale that is too large halves, and nothing else of the step counts", async (gpu) => {
  const { norm, loss, health, after, changed } = await step(gpu, { loss_scale: 2 ** 40, loss_scale_steps: 7 });
  assert(!Number.isFinite(norm) && Number.isFinite(loss) && health === 0);
  assert.deepEqual(changed, ["loss_scale", "loss_scale_steps"]);
  assert.equal(after.get("loss_scale")![0], 2 ** 39);
  assert.equal(after.get("loss_scale_steps")![0], 0);
});

gpuTest("the scale doubles after 2000 good steps, and what is learned does not depend on it", async (gpu) => {
  const [small, large] = [
    await step(gpu, { loss_scale: 256, loss_scale_steps: 1998 }),
    await step(gpu, { loss_scale: 1024, loss_scale_steps: 1999 }),
  ];
  assert.deepEqual([...small.after.get("loss_scale")!, ...small.after.get("loss_scale_steps")!], [256, 1999]);
  assert.deepEqual([...large.after.get("loss_scale")!, ...large.after.get("loss_scale_steps")!], [2048, 0]);
  const learned = (name: string) => relativeError(large.after.get(name)!, small.after.get(name)!);
  assert(learned("momentum.encoder.conv1.weight") < 2e-3, String(learned("momentum.encoder.conv1.weight")));
  assert(Math.abs(large.norm / small.norm - 1) < 1e-3);
});

gpuTest("a loss that is not finite changes nothing, the scale included", async (gpu) => {
  const { health, changed } = await step(gpu, { "encoder.bn1.bias": NaN });
  assert.equal(health, 1);
  assert.deepEqual(changed, ["encoder.bn1.bias"]); // NaN is not itself
});

gpuTest("what is kept for the backward pass takes less memory", (gpu) => {
  const bytes = (...sets: string[]) => {
    const sets64 = ["encoder={arch: resnet18, stem: cifar, input: 32, width: 16}", "batch=32", ...sets];
    return memoryOf(plan(buildEncoderStep(tinyConfig(...sets64)).graph, targetOf(gpu.info))).work!;
  };
  const ratio = bytes("precision=f16") / bytes();
  assert(ratio < 0.65, String(ratio));
  return Promise.resolve();
});

gpuTest(
  "a run in half precision that is resumed ends with the same bytes, and may go on in f32",
  (gpu) =>
    inFolder(async (folder) => {
      const whole = await trainTiny(gpu, HALF, `${folder}/whole`);
      const out = `${folder}/parts`;
      const first = await trainTiny(gpu, HALF, out, { onStep: ({ step }) => step === 1 });
      const { tensors } = await loadCheckpoint(first.checkpoint);
      assert.deepEqual([...tensors.get("loss_scale")!.data], [FIRST_SCALE]);
      assert.deepEqual([...tensors.get("loss_scale_steps")!.data], [first.step]);
      await Deno.copyFile(first.checkpoint, `${folder}/first.safetensors`);
      const second = await trainTiny(gpu, HALF, out, { resume: first.checkpoint });
      assert.deepEqual(await Deno.readFile(second.checkpoint), await Deno.readFile(whole.checkpoint));
      assert.deepEqual(await metricsOf(out), await metricsOf(`${folder}/whole`));
      assert((await metricsOf(out)).every(({ loss_scale: scale }) => scale === FIRST_SCALE));
      const wide = await trainTiny(gpu, tinyConfig(), `${folder}/wide`, { resume: `${folder}/first.safetensors` });
      assert.equal((await loadCheckpoint(wide.checkpoint)).tensors.has("loss_scale"), false);
      const narrow = await trainTiny(gpu, tinyConfig("precision=f16", "steps=7"), `${folder}/wide`, {
        resume: wide.checkpoint,
      });
      assert.deepEqual([...(await loadCheckpoint(narrow.checkpoint)).tensors.get("loss_scale_steps")!.data], [1]);
    }),
);

Deno.test("an adapter without the feature is a UserError that names the setting", () => {
  const info = { name: "a GPU", vendor: "", kind: "gpu", features: ["timestamp-query"], limits: {} as never } as const;
  requirePrecision(info, { precision: "f32" });
  requirePrecision({ ...info, features: ["shader-f16"] }, { precision: "f16" });
  assert.throws(() => requirePrecision(info, { precision: "f16" }), (error) => {
    assert(error instanceof UserError);
    assert.equal(error.message, "precision is f16, which needs shader-f16, and a GPU has it not: set precision to f32");
    return true;
  });
});

Deno.test("skipped steps are told, until a smaller scale cannot help", () => {
  assert.equal(
    skippedStep(3, 32768),
    "step 3 is skipped: its gradient is not finite in half precision; loss scale 32768 from here",
  );
  assert.throws(() => skippedStep(9, 0.5), (error) => {
    assert(error instanceof WorkError);
    assert.match(error.message, /^the gradient is not finite at step 9, .* resume it with precision f32$/);
    return true;
  });
});
