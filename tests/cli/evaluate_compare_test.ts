/** `evaluate` of several encoders, and `--all` with its report, as their users run them. */

import assert from "node:assert/strict";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, tinyConfig, trainTiny, writeIdxSet } from "../support/training.ts";
import { writeVoc } from "../support/voc.ts";

const FIXTURES = new URL("../fixtures/encoders/", import.meta.url).pathname;
const PROBE = ["probe.epochs=2", "probe.lr=0.05", "probe.crops=center", "probe.knn.k=3", "probe.voc07.costs=[1]"];

const evaluate = (checkpoint: string, sets: readonly string[], ...args: string[]) =>
  runCli("evaluate", ["--checkpoint", checkpoint, ...sets.flatMap((set) => ["--set", set]), ...args]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

gpuTest("encoders of every kind stand in one table beside the paper's rows", (gpu) =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const images = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`i${i + 10}`, [["dog"], ["cat"], []][i % 3]!]),
    );
    await writeVoc(`${folder}/voc`, images);
    const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=1", ...PROBE), `${folder}/run`);
    const encoders = [checkpoint, "random", `${FIXTURES}genrep.pth`, `${FIXTURES}channels_last.yaml`];
    const out = `${folder}/report`;
    const voc = [`probe.voc07.path=${folder}/voc`, "probe.voc07.size=32"];
    const args = ["--all", "--imagenet", `${folder}/data`, "--out", out, "--json"];
    const done = await evaluate(encoders.join(","), voc, ...args);
    assert.equal(done.code, 0, done.stderr);
    const result = JSON.parse(done.stdout);
    assert.deepEqual(result.columns, ["ImageNet top-1", "VOC07 AP"]);
    assert.deepEqual(result.left_out, ["detection AP", "AP50", "AP75", "Cars"]);
    assert.deepEqual(result.rows.map((row: { label: string }) => row.label), [
      checkpoint,
      "untrained network",
      ...encoders.slice(2),
    ]);
    for (const { figures } of result.rows) {
      assert.ok(figures["ImageNet top-1"] >= 0 && figures["VOC07 AP"] > 0, JSON.stringify(figures));
    }
    // The untrained network is the checkpoint's before its first step.
    assert.equal(result.encoders[1].linear.runs.length, 1);
    const markdown = await Deno.readTextFile(`${out}/report.md`);
    assert.match(markdown, /\| encoder \| from \| ImageNet top-1 \| VOC07 AP \|/);
    assert.match(markdown, /\| table 4: Gaussian T_z \+ T_x \| the paper \| 61\.52 \| 55\.07 \|/);
    assert.match(markdown, /\| table 1: Gaussian T_z \+ T_x \| the paper \| 42\.58 \| 64\.00 \|/);
    assert.match(markdown, /Left out, because no data were given: .*AP50.* Give .*--voc/);
    assert.match(markdown, /2 classes, 16 training and 16 test images/);
    assert.match(await Deno.readTextFile(`${out}/report.html`), /<svg|data:image\/svg/);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${out}/results.json`)), result);

    const again = await evaluate(encoders.join(","), voc, ...args);
    assert.equal(again.stderr.match(/read back from/g)?.length, 8, again.stderr);
    assert.deepEqual(JSON.parse(again.stdout), result);
    const other = await evaluate(encoders.join(","), [...voc, "probe.epochs=1"], ...args);
    assert.doesNotMatch(other.stderr, /read back from/);
  }));

gpuTest(
  "several encoders by named protocols; what fails is told and the rest goes on",
  () =>
    inFolder(async (folder) => {
      await writeIdxSet(`${folder}/data`);
      await Deno.writeTextFile(`${folder}/broken.pth`, "<html>");
      const sets = [...TINY, ...PROBE];
      const args = ["--protocol", "knn", "--data", `${folder}/data`];
      const both = await evaluate(`random,${FIXTURES}open.onnx`, sets, ...args);
      assert.equal(both.code, 0, both.stderr);
      assert.match(both.stdout, /\n +kNN top-1\nuntrained network +[\d.]+\n.*open\.onnx +[\d.]+\n$/);
      const broken = await evaluate(`${folder}/broken.pth,random`, sets, ...args);
      assert.equal(broken.code, 2);
      assert.match(broken.stdout, /untrained network +[\d.]+\n/);
      assert.match(
        broken.stderr,
        /error: 1 of 2 evaluations failed, first knn of .*broken.pth is no file of torch.save/,
      );
    }),
);

gpuTest("what --all lacks is said before any work", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const out = ["--out", `${folder}/out`];
    const sets = [...TINY, "probe.data.path=null"];
    refused(await evaluate("random", sets, "--all"), /--all writes a report: give --out/);
    refused(await evaluate("random", sets, "--all", ...out), /no data for any column.*--imagenet, --voc, --cars/);
    refused(await evaluate("random", sets, "--all", ...out, "--data", folder), /with --all give --imagenet/);
    refused(await evaluate("random", sets, "--all", ...out, "--cars", `${folder}/x`), /data folder .*x does not exist/);
    refused(await evaluate(`random,${folder}/none.pth`, sets), /checkpoint .*none.pth does not exist/);
  }));
