/** The protocols of `evaluate` on images that they can tell apart, as their users run them. */

import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, writeIdxSet } from "../support/training.ts";

const SETTINGS = [
  ...TINY,
  "probe.batch=8",
  "probe.epochs=4",
  "probe.lr=0.1",
  "probe.rates=[0.02, 0.1]",
  "probe.crops=random",
]
  .flatMap((set) => ["--set", set]);

gpuTest("the linear protocols repeat themselves, and tell seeds apart", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const evaluate = async (protocol: string, ...more: string[]) => {
      const args = ["--checkpoint", "random", "--data", `${folder}/data`, "--protocol", protocol, "--json", ...more];
      const { code, stdout, stderr } = await runCli("evaluate", [...SETTINGS, ...args]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    const out = `${folder}/out`;
    const both = await evaluate("linear,linear-quick", "--seeds", "1,2", "--out", out);
    const { linear, "linear-quick": quick } = both;
    assert.equal(linear.crops, "random");
    assert.deepEqual(linear.runs.map(({ seed, lr }: { seed: number; lr: number }) => [seed, lr]), [[1, 0.1], [2, 0.1]]);
    assert.notEqual(linear.runs[0].loss, linear.runs[1].loss);
    assert.equal(linear.top1, (linear.runs[0].top1 + linear.runs[1].top1) / 2);
    assert.ok(linear.margin.top1 >= 0 && linear.best.top1 >= linear.top1);
    for (const run of quick.runs) {
      assert.deepEqual(run.tried.map(({ lr }: { lr: number }) => lr), [0.02, 0.1]);
      assert.ok([0.02, 0.1].includes(run.lr));
    }
    const table = (await Deno.readTextFile(`${out}/linear-classes.csv`)).trim().split("\n");
    assert.equal(table[0], "class,images,accuracy,most_mistaken_for,mistaken_images");
    assert.deepEqual(table.slice(1).map((line) => line.split(",").slice(0, 2)), [["0", "16"], ["1", "16"]]);
    for (const stem of ["linear", "linear-quick"]) {
      assert.ok((await Deno.stat(`${out}/${stem}-confusion.png`)).size > 1000);
    }

    const again = await evaluate("linear", "--seeds", "2");
    assert.deepEqual(again.linear.runs, [linear.runs[1]]);
    assert.equal(again.linear.margin, null);
    const centres = await evaluate("linear", "--set", "probe.crops=center");
    assert.equal(centres.linear.crops, "center");
    assert.notEqual(centres.linear.loss, linear.loss);

    const few = await evaluate("few-shot,knn", "--set", "probe.labels=[0.05, 0.5]", "--set", "probe.knn.k=3");
    const shares = few["few-shot"].shares.map((
      { share, images }: { share: number; images: number },
    ) => [share, images]);
    assert.deepEqual(shares, [[0.05, 2], [0.5, 8]]);
    assert.deepEqual([few.knn.k, few.knn.temperature], [3, 0.07]);
  }));
