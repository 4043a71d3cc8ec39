/** `evaluate` of several encoders, and `--all` with its report, as their users run them. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { type Finished, runCli } from "../support/cli.ts";
import { TINY_DETECTOR } from "../support/detection.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, tinyConfig, trainTiny, writeIdxSet } from "../support/training.ts";
import { writeVoc } from "../support/voc.ts";

const FIXTURES = new URL("../fixtures/encoders/", import.meta.url).pathname;
const PROBE = ["probe.epochs=2", "probe.lr=0.05", "probe.crops=center", "probe.knn.k=3", "probe.cars.epochs=1"];
const VOC = [
  ...TINY_DETECTOR.filter((set) => set.startsWith("detection.")),
  "detection.steps=2",
  "detection.precise_bn=1",
  "probe.voc07.size=32",
  "probe.voc07.costs=[1]",
];

const evaluate = (checkpoint: string, sets: readonly string[], ...args: string[]) =>
  runCli("evaluate", ["--checkpoint", checkpoint, ...sets.flatMap((set) => ["--set", set]), ...args]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

gpuTest(
  "all columns of the paper are reported for encoders of every kind, and read back",
  (gpu) =>
    inFolder(async (folder) => {
      await writeIdxSet(`${folder}/data`);
      const names = [["dog"], ["cat"], ["cow"]];
      await writeVoc(
        `${folder}/voc`,
        Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`i${i + 10}`, names[i % 3]!])),
      );
      for (const [i, place] of ["train/a", "train/b", "test/a", "test/b"].entries()) {
        await Deno.mkdir(`${folder}/cars/${place}`, { recursive: true });
        const image = sharp({ create: { width: 40, height: 32, channels: 3, background: { r: 60 * i, g: 90, b: 9 } } });
        await Deno.writeFile(`${folder}/cars/${place}/1.png`, await image.png().toBuffer());
      }
      const { checkpoint } = await trainTiny(gpu, tinyConfig("steps=1", ...PROBE), `${folder}/run`);
      const encoders = [checkpoint, `${FIXTURES}channels_last.yaml`];
      const out = `${folder}/report`;
      const data = ["--imagenet", `${folder}/data`, "--voc", `${folder}/voc`, "--cars", `${folder}/cars`];
      const args = ["--all", ...data, "--out", out, "--json"];
      const done = await evaluate(encoders.join(","), VOC, ...args);
      assert.equal(done.code, 0, done.stderr);
      const result = JSON.parse(done.stdout);
      assert.deepEqual(result.columns, ["ImageNet top-1", "VOC07 AP", "detection AP", "AP50", "AP75", "Cars"]);
      assert.deepEqual(result.left_out, []);
      const [own, onnx] = result.rows;
      assert.deepEqual([own.label, Object.keys(own.figures).length], [checkpoint, 6]);
      assert.deepEqual([onnx.label, Object.keys(onnx.figures).sort()], [
        encoders[1],
        ["Cars", "ImageNet top-1", "VOC07 AP"],
      ]);
      assert.deepEqual(result.encoders[1].failures.map(({ kind }: { kind: string }) => kind), ["unsuitable"]);
      const markdown = await Deno.readTextFile(`${out}/report.md`);
      assert.match(
        markdown,
        /\| encoder \| from \| ImageNet top-1 \| VOC07 AP \| detection AP \| AP50 \| AP75 \| Cars \|/,
      );
      assert.match(markdown, /\| table 4: Gaussian T_z \+ T_x \| the paper \| 61\.52 \| 55\.07 \| 46\.84 \|/);
      assert.match(markdown, /\| table 2: Gaussian T_z \+ T_x \| the paper \| 30\.06 \|[ |]+\| 49\.79 \|/);
      assert.match(markdown, /\| detection \| not possible: .*channels_last.yaml cannot be trained further/);
      assert.match(markdown, /-detection-pictures\.png/);
      assert.match(markdown, /2 classes, 16 training and 16 test images/);
      assert.match(await Deno.readTextFile(`${out}/report.html`), /data:image\/svg/);
      assert.deepEqual(JSON.parse(await Deno.readTextFile(`${out}/results.json`)), result);

      const again = await evaluate(encoders.join(","), VOC, ...args);
      assert.equal(again.stderr.match(/read back from/g)?.length, 7, again.stderr);
      assert.deepEqual(JSON.parse(again.stdout), result);
    }),
);

gpuTest("columns without data are left out and said", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const args = ["--all", "--imagenet", `${folder}/data`, "--out", `${folder}/out`];
    const sets = [...PROBE, "encoder.input=32"];
    const done = await evaluate(`${FIXTURES}genrep.pth`, sets, ...args);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /left out, because no data were given: VOC07 AP, detection AP, AP50, AP75, Cars\n/);
    const markdown = await Deno.readTextFile(`${folder}/out/report.md`);
    assert.match(markdown, /\| encoder \| from \| ImageNet top-1 \|\n/);
    assert.match(markdown, /Left out, because no data were given: VOC07 AP, .* Give --voc, --cars\./);
    const other = await evaluate(`${FIXTURES}genrep.pth`, [...sets, "probe.epochs=1"], ...args);
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
