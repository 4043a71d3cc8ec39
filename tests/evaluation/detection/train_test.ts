/** The whole protocol on a few small photographs: it learns, repeats itself, and goes on bit for bit. */

import assert from "node:assert/strict";
import { readSafetensors } from "../../../src/data/safetensors.ts";
import { detectorRate } from "../../../src/evaluation/detection/train.ts";
import { parseConfig } from "../../../src/config.ts";
import { detect, detectorConfig, writeSquares } from "../../support/detection.ts";
import { gpuTest } from "../../support/gpu.ts";
import { inFolder, metricsOf } from "../../support/training.ts";

const at = (folder: string, ...sets: string[]) => detectorConfig(`detection.data.path=${folder}/voc`, ...sets);

/** A signal that comes after so many steps: the loop looks at it before each of them. */
function stopAfter(steps: number): AbortSignal {
  let looks = 0;
  return Object.defineProperty(new AbortController().signal, "aborted", { get: () => looks++ >= steps });
}

gpuTest("a run that was stopped goes on bit for bit, and every file is there", (gpu) =>
  inFolder(async (folder) => {
    await writeSquares(`${folder}/voc`);
    const whole = await detect(gpu, at(folder), { out: `${folder}/whole` });
    const parts = `${folder}/parts`;
    const half = at(folder, "checkpoint.every=3");
    await assert.rejects(
      detect(gpu, half, { out: parts, signal: stopAfter(5) }),
      /stopped after 5 of 8 steps: go on with --resume/,
    );
    await assert.rejects(detect(gpu, half, { out: parts }), /last\.safetensors holds a detector: go on with --resume/);
    const resumed = await detect(gpu, half, { out: parts, resume: true });
    assert.deepEqual(resumed, whole);
    const states = async (run: string) =>
      (await readSafetensors(`${folder}/${run}/detection/last.safetensors`)).tensors;
    assert.deepEqual(await states("parts"), await states("whole"));
    const plain = (run: string) => metricsOf(`${folder}/${run}/detection`);
    assert.deepEqual(await plain("parts"), await plain("whole"));
    assert.equal((await plain("whole")).length, 8);

    const names = [...Deno.readDirSync(`${parts}/detection`)].map(({ name }) => name).sort();
    const files = ["classes.csv", "events.out.tfevents.latent-views", "last.safetensors", "metrics.jsonl"];
    assert.deepEqual(names, [...files, "pictures", "pictures.png", "results"]);
    const table = (await Deno.readTextFile(`${parts}/detection/classes.csv`)).trimEnd().split("\n");
    assert.equal(table.length, 21);
    assert.match(table[1]!, /^aeroplane,0,,,,,,$/);
    assert.match(table[8]!, /^cat,2,(\d+\.\d\d,?){6}$/);
    assert.equal([...Deno.readDirSync(`${parts}/detection/results`)].length, 20);
    assert.equal([...Deno.readDirSync(`${parts}/detection/pictures`)].length, 5);

    // What does not fit is refused, and the checkpoint stays.
    for (
      const [sets, pattern] of [
        [["detection.lr=0.5"], /was begun with detection\.lr 0\.02, not 0\.5/],
        [["seed=1"], /was begun from another encoder/],
        [["detection.steps=4"], /is at step 8, the run ends at 4: raise detection\.steps/],
      ] as const
    ) await assert.rejects(detect(gpu, at(folder, ...sets), { out: parts, resume: true }), pattern);
    assert.deepEqual(await states("parts"), await states("whole"));
  }));

gpuTest("the losses of a few photographs fall", (gpu) =>
  inFolder(async (folder) => {
    await writeSquares(`${folder}/voc`);
    const config = at(folder, "detection.steps=60", "detection.lr=0.05", "detection.flip=false");
    await detect(gpu, config, { out: folder });
    const losses = (await metricsOf(`${folder}/detection`)).map(({ loss }) => loss);
    const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
    assert.ok(mean(losses.slice(-10)) < 0.6 * mean(losses.slice(0, 5)), losses.map((v) => v.toFixed(2)).join(" "));
  }));

gpuTest("what does not fit the adapter, and other encoders, are refused", (gpu) =>
  inFolder(async (folder) => {
    await writeSquares(`${folder}/voc`);
    if (gpu.info.kind === "cpu") {
      const huge = at(folder, "detection.batch=64", "detection.sizes=[2048]");
      await assert.rejects(
        detect(gpu, huge),
        /a step on 2880x2048 does not fit this adapter: .*lower detection\.batch/,
      );
    }
    await assert.rejects(detect(gpu, at(folder), { resnet: null }), /random cannot be trained further/);
  }));

Deno.test("the rate warms up from a thousandth and falls by ten at its steps", () => {
  const { detection } = parseConfig("");
  assert.ok(Math.abs(detectorRate(detection, 0) - 2e-5) < 1e-9);
  assert.ok(Math.abs(detectorRate(detection, 50) - 0.02 * 0.5005) < 1e-9);
  const rates = [100, 17_999, 18_000, 21_999, 22_000, 23_999].map((step) => detectorRate(detection, step).toFixed(7));
  assert.deepEqual(rates, ["0.0200000", "0.0200000", "0.0020000", "0.0020000", "0.0002000", "0.0002000"]);
});
