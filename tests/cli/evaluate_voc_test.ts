/** `evaluate --protocol voc07` on small VOC folders, whole and broken, as its users meet it. */

import assert from "node:assert/strict";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY } from "../support/training.ts";
import { writeVoc } from "../support/voc.ts";

const SETTINGS = [...TINY, "probe.voc07.size=32", "probe.voc07.costs=[0.01, 1, 100]"].flatMap((set) => ["--set", set]);

const evaluate = (data: string, ...args: string[]) =>
  runCli("evaluate", [...SETTINGS, "--checkpoint", "random", "--data", data, "--protocol", "voc07", ...args]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(VOC features[^\n]*\n)*error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

/** 36 images with each pair of dog, cat and nothing; the first of each dozen has a difficult dog. */
const IMAGES = Object.fromEntries(Array.from({ length: 36 }, (_, i) => {
  const names = [["dog"], ["cat"], ["dog", "cat"], []][i % 4]!;
  return [String(i).padStart(3, "0"), i % 12 === 0 ? ["dog!"] : names];
}));
const ids = Object.keys(IMAGES);

gpuTest("the lists, the authors' lists and a folder without lists are evaluated", () =>
  inFolder(async (root) => {
    await writeVoc(`${root}/VOC2007`, IMAGES, {
      trainval: ids.slice(0, 24),
      test: ids.slice(24),
      train: ids.slice(0, 12),
      val: ids.slice(12, 24),
    });
    const whole = await evaluate(root, "--json", "--out", `${root}/out`);
    assert.equal(whole.code, 0, whole.stderr);
    const result = JSON.parse(whole.stdout).voc07;
    assert.deepEqual([result.n_train, result.n_test], [24, 12]);
    assert.deepEqual(
      result.classes.map((c: Record<string, unknown>) => [c.name, c.train_positives, c.test_positives]),
      [["cat", 12, 6], ["dog", 10, 5]],
    );
    assert.equal(result.left_out.length, 18);
    assert.match(whole.stderr, /left out: aeroplane, bicycle/);
    assert.ok(result.map_area > 60 && result.map_area <= 100, JSON.stringify(result));
    const table = (await Deno.readTextFile(`${root}/out/voc07-classes.csv`)).trim().split("\n");
    assert.equal(table[0], "class,train_positives,test_positives,cost,cross_validated_ap,ap_11_points,ap_area");
    assert.match(table[1]!, /^cat,12,6,/);
    assert.equal(table.length, 3);

    const code = ["train=train", "test=val", "difficult=positive"].flatMap((set) => ["--set", `probe.voc07.${set}`]);
    const authors = JSON.parse((await evaluate(root, "--json", ...code)).stdout).voc07;
    assert.deepEqual([authors.n_train, authors.n_test, authors.difficult], [12, 12, "positive"]);
    assert.equal(authors.classes[1].train_positives, 6);

    await Deno.remove(`${root}/VOC2007/ImageSets`, { recursive: true });
    const bare = await evaluate(`${root}/VOC2007`, "--json");
    assert.match(bare.stderr, /has no ImageSets\/Main: every second image by name is a test image/);
    assert.deepEqual([JSON.parse(bare.stdout).voc07.n_train, JSON.parse(bare.stdout).voc07.n_test], [18, 18]);
  }));

gpuTest("broken folders are refused, or what is broken is left out and named", () =>
  inFolder(async (root) => {
    refused(await evaluate(`${root}/none`), /none is no VOC folder: looked for .*Annotations/);
    const year = `${root}/VOC2007`;
    await writeVoc(year, IMAGES, { trainval: ids.slice(0, 24) });
    refused(await evaluate(root), /test.txt cannot be read: looked for .*ImageSets.Main.test.txt/);
    await Deno.writeTextFile(`${year}/ImageSets/Main/test.txt`, ids.slice(24).concat("zebra").join("\n"));
    refused(await evaluate(root), /1 of the 13 images .* incomplete: looked for .*JPEGImages.zebra.jpg/);
    await Deno.writeTextFile(`${year}/ImageSets/Main/test.txt`, ids.slice(24).join("\n"));
    const annotation = await Deno.readTextFile(`${year}/Annotations/001.xml`);
    await Deno.writeTextFile(`${year}/Annotations/001.xml`, annotation.replace("cat", "lion"));
    refused(await evaluate(root), /001.xml has an object of class "lion"/);

    await Deno.writeTextFile(`${year}/Annotations/001.xml`, annotation.slice(0, 60));
    const image = await Deno.readFile(`${year}/JPEGImages/002.jpg`);
    await Deno.writeFile(`${year}/JPEGImages/002.jpg`, image.subarray(0, image.length / 2));
    await Deno.writeTextFile(`${year}/JPEGImages/003.jpg`, "no picture");
    const broken = await evaluate(root, "--json");
    assert.equal(broken.code, 0, broken.stderr);
    assert.equal(JSON.parse(broken.stdout).voc07.n_train, 21);
    const warnings = broken.stderr.split("\n").filter((line) => line.includes("files that cannot be used"));
    assert.equal(warnings.length, 1, broken.stderr);
    assert.match(warnings[0]!, /left out 3 of 24 files .*001.xml \(not valid XML.*002.jpg \(.*003.jpg \(/);
    refused(await evaluate(root, "--strict"), /001.xml cannot be used \(not valid XML/);
    await Deno.writeTextFile(`${year}/Annotations/001.xml`, annotation);
    refused(await evaluate(root, "--strict"), /00[23].jpg cannot be used/);
  }));

gpuTest("without a folder the setting is named", async () => {
  const args = ["--checkpoint", "random", "--protocol", "voc07"];
  refused(await runCli("evaluate", [...SETTINGS, ...args]), /probe.voc07.path is not set: set it .*or give --data/);
});
