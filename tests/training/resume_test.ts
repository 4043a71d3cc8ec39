/** A run that was cut off continues as if it had not been. */

import assert from "node:assert/strict";
import { UserError } from "../../src/errors.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, metricsOf, tinyConfig, trainTiny } from "../support/training.ts";

const FILES = ["config.yaml", "events.out.tfevents.latent-views", "last.safetensors", "metrics.jsonl", "views.png"];

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

gpuTest(
  "a run that fails between checkpoints leaves the last one, and resuming cuts the metrics back to it",
  (gpu) =>
    inFolder(async (folder) => {
      const config = tinyConfig("checkpoint.every=2");
      const killed = trainTiny(gpu, config, folder, {
        onStep: ({ step }) => {
          if (step === 5) throw new Error("killed");
        },
      });
      await assert.rejects(killed, /killed/);
      const last = `${folder}/last.safetensors`;
      assert.equal((await loadCheckpoint(last)).step, 4);
      assert.deepEqual((await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(), FILES);
      // As if more steps had been measured, and the kill had cut a line off.
      const line = JSON.stringify({ step: 5, epoch: 1, loss: 9, lr: 9, images_per_second: 1 });
      await Deno.writeTextFile(`${folder}/metrics.jsonl`, `${line}\n${line.slice(0, 20)}`, { append: true });
      await trainTiny(gpu, config, folder, { resume: last });
      const metrics = await metricsOf(folder);
      assert.deepEqual(metrics.map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
      assert(metrics.every(({ loss }) => loss !== 9));
      assert.equal((await loadCheckpoint(last)).step, 6);
    }),
);

gpuTest(
  "a checkpoint is of its own step, though later ones are under way when it is written",
  (gpu) =>
    inFolder(async (folder) => {
      for (const [out, every, last] of [["early", 2, 4], ["late", 100, 2]] as const) {
        const config = tinyConfig(`checkpoint.every=${every}`);
        await trainTiny(gpu, config, `${folder}/${out}`, {
          onStep: ({ step }) => {
            if (out === "early" && step === 5) throw new Error("killed");
            return step === last;
          },
        }).catch((error) => assert.match(error.message, /killed/));
      }
      const [early, late] = await Promise.all(
        ["early", "late"].map((out) => loadCheckpoint(`${folder}/${out}/last.safetensors`)),
      );
      assert.deepEqual([early!.step, late!.step], [4, 4]);
      assert.deepEqual(early!.tensors, late!.tensors);
    }),
);

gpuTest("a checkpoint that cannot be written ends the run with the reason", (gpu) =>
  inFolder(async (folder) => {
    let last = 0;
    const run = trainTiny(gpu, tinyConfig("checkpoint.every=1", "steps=40"), folder, {
      onStep: ({ step }) => {
        last = step;
        if (step !== 3) return;
        Deno.removeSync(`${folder}/last.safetensors`);
        Deno.mkdirSync(`${folder}/last.safetensors/in-the-way`, { recursive: true });
      },
    });
    await assert.rejects(run, /directory/i);
    assert(last < 40, `step ${last} was reported`);
  }));

gpuTest("resuming a finished run changes nothing", (gpu) =>
  inFolder(async (folder) => {
    const config = tinyConfig("steps=2");
    const { checkpoint, loss } = await trainTiny(gpu, config, folder);
    const before = [await Deno.readFile(checkpoint), await Deno.readFile(`${folder}/metrics.jsonl`)];
    const again = await trainTiny(gpu, config, folder, { resume: checkpoint, onStep: () => assert.fail("a step ran") });
    assert.deepEqual([again.step, again.steps, again.loss], [2, 2, loss]);
    assert.deepEqual([await Deno.readFile(checkpoint), await Deno.readFile(`${folder}/metrics.jsonl`)], before);
  }));

gpuTest(
  "a checkpoint that does not fit is refused and the run's files stay as they were",
  (gpu) =>
    inFolder(async (folder) => {
      const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=2"), folder);
      const before = await contents(folder);
      const refused = async (pattern: RegExp, resume: string, ...sets: string[]) =>
        await assert.rejects(trainTiny(gpu, tinyConfig(...sets), folder, { resume }), (error) => {
          assert(error instanceof UserError, String(error));
          assert.match(error.message, pattern);
          return true;
        });
      await refused(/does not fit the run's network.*same encoder settings/, checkpoint, "encoder.arch=resnet34");
      await refused(/has shape \[.*\], the run's is \[/, checkpoint, "encoder.width=8");
      await refused(/is at step 2, the run ends at 1: raise --steps/, checkpoint, "steps=1");
      await refused(/none\.safetensors/, `${folder}/none.safetensors`);
      await refused(/metrics\.jsonl/, `${folder}/metrics.jsonl`);
      assert.deepEqual(await contents(folder), before);
    }),
);

async function contents(folder: string): Promise<[string, Uint8Array][]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  return await Promise.all(names.map(async (name) => [name, await Deno.readFile(`${folder}/${name}`)] as const)) as [
    string,
    Uint8Array,
  ][];
}
