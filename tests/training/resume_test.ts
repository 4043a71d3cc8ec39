/** A run that was cut off continues as if it had not been. */

import assert from "node:assert/strict";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, metricsOf, tinyConfig, trainTiny } from "../support/training.ts";

gpuTest(
  "a run that is stopped and resumed ends with the bytes of one that was not",
  (gpu) =>
    inFolder(async (folder) => {
      const config = tinyConfig();
      const whole = await trainTiny(gpu, config, `${folder}/whole`);
      assert.deepEqual([whole.step, whole.steps], [6, 6]);
      const out = `${folder}/parts`;
      const first = await trainTiny(gpu, config, out, { onStep: ({ step }) => step === 1 });
      assert.equal(first.step, 3); // the one reported and those under way
      const second = await trainTiny(gpu, config, out, { resume: first.checkpoint });
      assert.equal(second.step, 6);
      assert.equal(second.loss, whole.loss);
      assert.deepEqual(await Deno.readFile(second.checkpoint), await Deno.readFile(whole.checkpoint));
      const metrics = await metricsOf(out);
      assert.deepEqual(metrics.map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(metrics, await metricsOf(`${folder}/whole`));
    }),
);
