/** Whatever of a step is not a number reaches the loss, where the guard sees it, and nothing is learned from it. */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { initializeStates } from "../../src/encoders/init.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { plan } from "../../src/graph/plan.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { rngValues } from "../../src/generators/random.ts";
import { buildEncoderStep } from "../../src/training/step.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** Where one value is spoilt: before and behind each ReLU, the max pool and the head. */
const PLACES = ["encoder.conv1.weight", "encoder.bn1.weight", "encoder.layer1.0.conv1.weight", "head.0.bias", "views"];

gpuTest("one value that is not a number anywhere in a step stops the run", async (gpu) => {
  const config = parseConfig("{batch: 4, steps: 5, encoder: {arch: resnet18, input: 32, width: 8}}", [], "a test");
  const { graph, states } = buildEncoderStep(config);
  const program = plan(graph, targetOf(gpu.info));
  const watched = "encoder.layer4.1.conv2.weight";
  for (const place of [null, ...PLACES]) {
    const store = new StateStore(gpu);
    const session = await Session.create(gpu, program, store);
    initializeStates(store, states, 0);
    const views = noise(8 * 32 * 32 * 3, 1);
    if (place === "views") views[100] = NaN;
    else if (place) {
      const values = await store.read(place, sizeOf(states.get(place)!));
      values[3] = NaN;
      store.write(place, values);
    }
    session.write("views", views);
    session.write("lr", Float32Array.of(0.1));
    session.write("rng", rngValues(0, 6));
    const before = await session.read(watched);
    const { loss, health } = await session.run(["loss", "health"]);
    assert.equal(Number.isNaN(loss![0]!), place !== null, `loss ${loss![0]} with NaN in ${place}`);
    assert.equal(health![0], place ? 7 : 0);
    const kept = (await session.read(watched)).every((v, i) => v === before[i]);
    assert.equal(kept, place !== null, `whether ${watched} is kept with NaN in ${place}`);
    session.close();
    store.close();
  }
});
