/** What is measured while a run trains: that the numbers are what they say, and that resuming keeps them together. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { type LabelledSet, openSplit } from "../../src/data/labelled_set.ts";
import { readSafetensors } from "../../src/data/safetensors.ts";
import { UserError } from "../../src/errors.ts";
import { openEncoder } from "../../src/evaluation/encoder.ts";
import { chooseImages, NeighborWatch } from "../../src/training/watch.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { readEvents } from "../support/tfevents.ts";
import { inFolder, metricsOf, tinyConfig, trainTiny, writeIdxSet } from "../support/training.ts";

const EVENTS = "events.out.tfevents.latent-views";
const LOOK = ["knn_top1", "alignment", "uniformity", "effective_rank"];

/** The labelled set of two classes in a folder. */
async function twoClasses(folder: string): Promise<LabelledSet> {
  await writeIdxSet(`${folder}/data`);
  const source = { kind: "idx", path: `${folder}/data`, train: null, test: null } as const;
  return await openSplit(source, "train", { size: 32, warn: () => {} });
}

gpuTest(
  "looks are in the metrics at their steps and at the last one, and TensorBoard has the same numbers",
  (gpu) =>
    inFolder(async (folder) => {
      const labelled = await twoClasses(folder);
      const config = tinyConfig("log.every=2", "watch={every: 3, images: 12}", "steps=7");
      const notes: (number | null)[] = [];
      await trainTiny(gpu, config, `${folder}/run`, {
        labelled,
        onStep: ({ look }) => void notes.push(look?.knn_top1 ?? null),
      });
      const lines = await metricsOf(`${folder}/run`);
      assert.deepEqual(lines.map(({ step }) => step), [2, 3, 4, 6, 7]);
      for (const line of lines) {
        const looked = line.step % 3 === 0 || line.step === 7;
        assert.deepEqual(Object.keys(line).slice(5), looked ? LOOK : [], `step ${line.step}`);
        if (!looked) continue;
        assert(line.knn_top1! >= 0 && line.knn_top1! <= 100 && Number.isInteger(line.knn_top1! * 6 / 100));
        assert(line.alignment! > 0 && line.alignment! < 4 && line.uniformity! <= 0);
        assert(line.effective_rank! >= 1 && line.effective_rank! <= 8);
      }
      assert.deepEqual(notes.map((note) => note === null), [true, true, false, false, false, false, false]);

      const [version, views, ...events] = readEvents(await Deno.readFile(`${folder}/run/${EVENTS}`));
      assert.equal(version!.version, "brain.Event:2");
      const { tag, image } = views!.values[0]!;
      const { width, height, channels } = await sharp(image!.png).metadata();
      assert.deepEqual([tag, image!.width, image!.height, channels], ["views", width, height, 3]);
      assert.deepEqual(image!.png, await Deno.readFile(`${folder}/run/views.png`));
      assert.deepEqual(events.map(({ step }) => step), lines.map(({ step }) => step));
      for (const [i, { values }] of events.entries()) {
        const { step: _, ...numbers } = lines[i]!;
        const read = new Map(values.map(({ tag, scalar }) => [tag.split("/")[1]!, scalar]));
        assert(read.get("images_per_second")! > 0);
        for (const [key, value] of Object.entries(numbers)) {
          assert.equal(read.get(key), Math.fround(value as number), key);
        }
      }
    }),
);

gpuTest("the gradient norm is the length of the first step's momentum", (gpu) =>
  inFolder(async (folder) => {
    const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=1", "optimizer.weight_decay=0"), folder);
    const { tensors } = await readSafetensors(checkpoint);
    let squares = 0;
    for (const [name, { data }] of tensors) {
      if (name.startsWith("momentum.")) { for (const value of data) squares += Number(value) ** 2; }
    }
    assertClose([(await metricsOf(folder))[0]!.gradient_norm!], [Math.sqrt(squares)], { rtol: 1e-5, atol: 0 });
  }));

gpuTest("nearest neighbours are those of the states as the last step left them", (gpu) =>
  inFolder(async (folder) => {
    const labelled = await twoClasses(folder);
    const config = tinyConfig("watch={every: 2, images: 16}", "steps=4", "optimizer.lr=0.5");
    const { checkpoint } = await trainTiny(gpu, config, `${folder}/run`, { labelled });
    const { store } = await openEncoder(gpu, checkpoint, config);
    const watch = await NeighborWatch.open(gpu, store, labelled, config);
    assert.equal(await watch.top1(), (await metricsOf(`${folder}/run`)).at(-1)!.knn_top1);
    watch.close();
    store.close();
  }));

gpuTest(
  "a run that was cut off and resumed ends with the lines and the events of one that was not",
  (gpu) =>
    inFolder(async (folder) => {
      const labelled = await twoClasses(folder);
      const config = tinyConfig("watch={every: 2, images: 8}", "checkpoint.every=2");
      await trainTiny(gpu, config, `${folder}/whole`, { labelled });
      const out = `${folder}/parts`;
      const killed = trainTiny(gpu, config, out, {
        labelled,
        onStep: ({ step }) => {
          if (step === 5) throw new Error("killed");
        },
      });
      await assert.rejects(killed, /killed/);
      // As if the kill had cut an event off, after one more line.
      await Deno.writeTextFile(`${out}/metrics.jsonl`, '{"step":5,"epoch":1,"loss":9}\n{"st', { append: true });
      await Deno.writeFile(`${out}/${EVENTS}`, Uint8Array.of(9, 0, 0), { append: true });
      await trainTiny(gpu, config, out, { labelled, resume: `${out}/last.safetensors` });
      assert.deepEqual(await metricsOf(out), await metricsOf(`${folder}/whole`));
      const [a, b] = await Promise.all([out, `${folder}/whole`].map(async (run) =>
        readEvents(await Deno.readFile(`${run}/${EVENTS}`)).map(({ step, values }) => ({
          step,
          values: values.filter(({ tag }) => tag !== "train/images_per_second"),
        }))
      ));
      assert.deepEqual(a, b);
    }),
);

gpuTest(
  "a run without labelled images, or that asks for none, has no neighbours and all the rest",
  (gpu) =>
    inFolder(async (folder) => {
      const labelled = await twoClasses(folder);
      await trainTiny(gpu, tinyConfig("watch.every=2", "steps=2"), `${folder}/a`);
      await trainTiny(gpu, tinyConfig("watch={every: 2, images: 0}", "steps=2"), `${folder}/b`, { labelled });
      for (const run of ["a", "b"]) {
        const line = (await metricsOf(`${folder}/${run}`)).at(-1)!;
        assert.equal(line.knn_top1, null);
        assert(line.effective_rank! >= 1);
      }
      const one = trainTiny(gpu, tinyConfig("watch={every: 2, images: 1}"), `${folder}/c`, { labelled });
      await assert.rejects(one, (error) => error instanceof UserError && /watch\.images is 1 and/.test(error.message));
    }),
);

for (const kind of ["classifier", "inverter", "moco", "byol", "vicreg"]) {
  gpuTest(`the embeddings of ${kind} are measured`, (gpu) =>
    inFolder(async (folder) => {
      const model = "generator.model=models/fashion-mnist/card-conditional.yaml";
      const objective = `objective={kind: ${kind}, queue: 8, hidden: 16, projection: 8}`;
      await trainTiny(gpu, tinyConfig("watch.every=1", "steps=1", model, objective), folder);
      const [line] = await metricsOf(folder);
      const single = kind === "classifier" || kind === "inverter";
      assert.equal(line!.alignment === null, single);
      assert(Number.isFinite(line!.uniformity) && line!.effective_rank! >= 1);
    }));
}

Deno.test("images are chosen by turns of the classes, half to vote and half to be asked about", () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => i < 40 ? 0 : i < 55 ? 1 : 2);
  const { bank, queries } = chooseImages(labels, 20);
  assert.equal(bank.length + queries.length, 20);
  assert.equal(new Set([...bank, ...queries]).size, 20);
  const count = (rows: number[], label: number) => rows.filter((row) => labels[row] === label).length;
  assert.deepEqual([0, 1, 2].map((label) => count(bank, label)), [4, 4, 3]);
  assert.deepEqual([0, 1, 2].map((label) => count(queries, label)), [4, 3, 2]);
  assert.deepEqual(chooseImages(labels, 20), { bank, queries });
  const all = chooseImages(labels, 1000);
  assert.equal(all.bank.length + all.queries.length, 60);
});
