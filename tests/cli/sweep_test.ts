/** `deno task sweep-std`: what it writes, and that it goes on where it stopped. */

import assert from "node:assert/strict";
import { loadConfig } from "../../src/config.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, writeIdxSet } from "../support/training.ts";

gpuTest("a sweep writes its table and plots, and runs again only what is missing", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const out = `${folder}/sweep`;
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe].flatMap((set) => ["--set", set]);
    const options = ["--stds", "0.5,0", "--seeds", "3", "--steps", "2", "--out", out];
    const sweep = (...more: string[]) => runCli("sweep-std", [...sets, ...options, ...more]);
    const trained = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("a step is")).length;

    const first = await sweep();
    assert.equal(first.code, 0, first.stderr);
    assert.equal(trained(first.stderr), 2);
    const runs = JSON.parse(await Deno.readTextFile(`${out}/sweep.json`));
    assert.deepEqual(runs.map(({ std, seed }: { std: number; seed: number }) => [std, seed]), [[0, 3], [0.5, 3]]);
    const table = (await Deno.readTextFile(`${out}/sweep.csv`)).trimEnd().split("\n").map((line) => line.split(","));
    assert.deepEqual(table[0]!.slice(0, 3), ["std", "seed", "linear_top1"]);
    assert.deepEqual(table.slice(1).map((row) => row.slice(0, 2)), [["0", "3"], ["0.5", "3"]]);
    for (const row of table) assert.equal(row.length, table[0]!.length);
    for (const row of table.slice(1)) assert(row.every((cell) => Number.isFinite(Number(cell))), row.join());
    assert.match(await Deno.readTextFile(`${out}/sweep.svg`), /^<svg/);
    assert.deepEqual(
      [...(await Deno.readFile(`${out}/sweep.png`)).slice(1, 4)],
      [..."PNG"].map((c) => c.charCodeAt(0)),
    );
    assert.match(await Deno.readTextFile(`${out}/std-0-seed-3/config.yaml`), /kind: none/);
    assert.match(await Deno.readTextFile(`${out}/std-0.5-seed-3/config.yaml`), /kind: gaussian\n +std: 0\.5/);

    const csv = await Deno.readTextFile(`${out}/sweep.csv`);
    assert.equal(trained((await sweep()).stderr), 0);
    assert.equal(await Deno.readTextFile(`${out}/sweep.csv`), csv);

    // Without its result, a run is made again from its checkpoint; without its folder, from the start.
    const numbers = (list: Record<string, unknown>[]) => list.map(({ std, seed, loss }) => [std, seed, loss]);
    for (const lost of ["std-0-seed-3/result.json", "std-0.5-seed-3"]) {
      await Deno.remove(`${out}/${lost}`, { recursive: true });
      assert.equal(trained((await sweep()).stderr), 1);
      assert.deepEqual(numbers(JSON.parse(await Deno.readTextFile(`${out}/sweep.json`))), numbers(runs));
    }

    const other = await sweep("--set", "encoder.width=8");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /error: \S+std-0-seed-3 was begun with other settings: give another --out/);
  }));

gpuTest("the number of samples is swept at a fixed number of steps", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe].flatMap((set) => ["--set", set]);
    const options = ["--samples", "16,8", "--seeds", "0", "--out", `${folder}/sweep`];
    const done = await runCli("sweep-samples", [...sets, ...options, "--steps", "2"]);
    assert.equal(done.code, 0, done.stderr);
    const table = (await Deno.readTextFile(`${folder}/sweep/sweep.csv`)).trimEnd().split("\n");
    assert.deepEqual(table.map((line) => line.split(",")[0]), ["samples", "8", "16"]);
    assert.match(await Deno.readTextFile(`${folder}/sweep/samples-8-seed-0/config.yaml`), /samples: 8/);

    // A length in epochs is that of the settings' own number of samples, whatever number a run has.
    const epochs = ["steps=null", "epochs=1", "data.samples=12"].flatMap((set) => ["--set", set]);
    const byEpochs = ["--samples", "8,40", "--seeds", "0", "--out", `${folder}/epochs`];
    const second = await runCli("sweep-samples", [...sets, ...byEpochs, ...epochs]);
    assert.equal(second.code, 0, second.stderr);
    for (const samples of [8, 40]) {
      const { steps } = loadConfig(`${folder}/epochs/samples-${samples}-seed-0/config.yaml`);
      assert.equal(steps, 3, `${samples} samples`);
    }
  }));

gpuTest("real and generated images are mixed by shares, from sets of one size", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe].flatMap((set) => ["--set", set]);
    const options = ["--shares", "0,0.5,1", "--seeds", "0", "--steps", "2", "--out", `${folder}/sweep`];
    const done = await runCli("sweep-mix", [...sets, ...options]);
    assert.equal(done.code, 0, done.stderr);
    const table = (await Deno.readTextFile(`${folder}/sweep/sweep.csv`)).trimEnd().split("\n").map((l) => l.split(","));
    assert.deepEqual(table.map((row) => [row[0], row.at(-1)]), [
      ["generated", "paper_top1"],
      ["0", "67.36"],
      ["0.5", "64.68"],
      ["1", "58.6"],
    ]);
    for (const [share, ratio] of [["0", 1], ["0.5", 0.5], ["1", null]] as const) {
      const { data, views } = loadConfig(`${folder}/sweep/generated-${share}-seed-0/config.yaml`);
      assert.deepEqual([data.samples, data.mix?.ratio ?? null, views.latent.kind], [16, ratio, "none"]);
    }
    const again = await runCli("sweep-mix", [...sets, ...options]);
    assert.doesNotMatch(again.stderr, /a step is/);
    const over = await runCli("sweep-mix", ["--shares", "2"]);
    assert.deepEqual([over.code, /error: --shares 2 is not valid/.test(over.stderr)], [2, true], over.stderr);
    const none = await runCli("sweep-mix", [...sets, "--real", `${folder}/none`]);
    assert.deepEqual([none.code, /error: data folder .*none does not exist/.test(none.stderr)], [2, true], none.stderr);
  }));
