/** Learning rates against GenRep's util.py. */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { learningRate, type Schedule, scheduledRate } from "../../src/training/schedule.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";

for (const test of goldenCases("metrics", ({ op }) => op === "lr_schedule")) {
  Deno.test(`rates of ${test.name}`, async () => {
    const { attrs } = test;
    const lr = (await test.load()).get("lr")!;
    const [epochs, stepsPerEpoch] = lr.shape as [number, number];
    const schedule: Schedule = {
      schedule: attrs.cosine ? "cosine" : "step",
      lr: attrs.learning_rate,
      decay_rate: attrs.lr_decay_rate,
      decay_epochs: attrs.lr_decay_epochs,
      warmup_epochs: attrs.warm ? attrs.warm_epochs : 0,
      epochs: attrs.epochs,
      stepsPerEpoch,
    };
    const got = Array.from({ length: epochs * stepsPerEpoch }, (_, step) => scheduledRate(schedule, step));
    assertClose(got, lr.data as Float32Array, test.tol, test.name);
  });
}

const BASE: Schedule = {
  schedule: "constant",
  lr: 0.5,
  decay_rate: 0.1,
  decay_epochs: [2, 3],
  warmup_epochs: 2,
  epochs: 5,
  stepsPerEpoch: 4,
};

Deno.test("warm-up leads to where the rate stays or falls from", () => {
  const rates = (schedule: Schedule["schedule"]) =>
    Array.from({ length: 20 }, (_, step) => scheduledRate({ ...BASE, schedule }, step));
  const warm = Array.from({ length: 8 }, (_, step) => 0.01 + step / 8 * 0.49);
  const close = { rtol: 1e-12, atol: 0 };
  assertClose(rates("constant"), [...warm, ...new Array(12).fill(0.5)], close);
  assertClose(rates("step"), [...warm, ...new Array(4).fill(0.05), ...new Array(8).fill(0.005)], close);
});

Deno.test("the last epoch of a cosine runs at the floor", () => {
  const rate = scheduledRate({ ...BASE, schedule: "cosine", warmup_epochs: 0 }, 19);
  assertClose([rate], [0.5 * 0.1 ** 3], { rtol: 1e-12, atol: 0 });
});

Deno.test("a run of so many steps falls once a step", () => {
  const config = parseConfig("{steps: 4, optimizer: {lr: 1, decay_rate: 0.1}}", [], "a test");
  const rates = [0, 1, 2, 3].map((step) => learningRate(config, step));
  assertClose(rates.slice(-1), [1e-3], { rtol: 1e-9, atol: 0 });
  assert.ok(rates.every((rate, i) => i === 0 || rate < rates[i - 1]!), rates.join());
});
