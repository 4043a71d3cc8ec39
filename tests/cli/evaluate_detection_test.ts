/** `evaluate --protocol detection` as its users run it: a small run, broken files, and what is refused. */

import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";
import { TINY_DETECTOR, writeSquares } from "../support/detection.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder } from "../support/training.ts";
import { writeVoc } from "../support/voc.ts";

const detect = (...args: string[]) => {
  const sets = [...TINY_DETECTOR, "detection.steps=2", "detection.precise_bn=1"].flatMap((set) => ["--set", set]);
  return runCli("evaluate", [...sets, "--checkpoint", "random", "--protocol", "detection", ...args]);
};

gpuTest("broken files are left out and named in one line; strict runs end at them", () =>
  inFolder(async (folder) => {
    const data = `${folder}/voc`;
    await writeSquares(data);
    const jpeg = await Deno.readFile(`${data}/JPEGImages/c.jpg`);
    await Deno.writeFile(`${data}/JPEGImages/c.jpg`, jpeg.subarray(0, jpeg.length - 30));
    await Deno.writeTextFile(`${data}/JPEGImages/d.jpg`, "no image");
    await Deno.writeTextFile(`${data}/Annotations/e.xml`, "<annotation><object>");
    const out = `${folder}/out`;
    const { code, stdout, stderr } = await detect("--data", data, "--out", out, "--json");
    assert.equal(code, 0, stderr);
    const { detection } = JSON.parse(stdout);
    assert.deepEqual([detection.n_train, detection.n_test, detection.steps], [2, 2, 2]);
    assert.equal(detection.metric, "eleven_point");
    assert.deepEqual(detection.classes.map((row: { class: string }) => row.class), ["cat", "cow", "dog"]);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${out}/evaluation.json`)).detection, detection);
    assert.match(stderr, /left out 3 of 5 files.*Annotations\/e\.xml.*JPEGImages\/c\.jpg.*JPEGImages\/d\.jpg/);

    const strict = await detect("--data", data, "--strict");
    assert.equal(strict.code, 2);
    assert.match(strict.stderr, /error: .*e\.xml cannot be used/);
    assert.equal(strict.stdout, "");

    const again = await detect("--data", data, "--out", out);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /error: .*last\.safetensors holds a detector: go on with --resume/);
    const resumed = await detect("--data", data, "--out", out, "--resume", "--json");
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(JSON.parse(resumed.stdout).detection.AP, detection.AP);
  }));

gpuTest("what cannot be detected on is refused in one line", () =>
  inFolder(async (folder) => {
    const refused = async (pattern: RegExp, ...args: string[]) => {
      const { code, stdout, stderr } = await detect(...args);
      assert.match(stderr, /^error: [^\n]+\n$/);
      assert.match(stderr, pattern);
      assert.deepEqual([code, stdout], [2, ""]);
    };
    await refused(/detection\.data\.path is not set: give a VOC devkit by --data/);
    await refused(/data folder .*none does not exist: check --data/, "--data", `${folder}/none`);
    await refused(/split 2007\/trainval: .*is no VOC folder: looked for.*VOC2007/, "--data", folder);

    const root = `${folder}/VOCdevkit/VOC2007`;
    await writeVoc(root, { a: ["dog"], b: ["cat"] }, { trainval: ["a"], test: ["b"] });
    const devkit = ["--data", folder];
    await refused(/split 2012\/trainval: .*name the splits that are there in detection\.data\.train/, ...devkit);
    const set = (value: string) => [...devkit, "--set", value];
    await refused(/VOC split list .*val\.txt cannot be read/, ...set("detection.data.train=[2007/val]"));
    await refused(
      /detection\.data\.train.*must be YEAR\/LIST, as 2007\/trainval/,
      ...set("detection.data.train=[trainval]"),
    );
    await refused(/detection\.sizes.*multiple of 16/, ...set("detection.sizes=[50]"));
    await refused(/unknown key detection\.stepps.*did you mean "detection\.steps"/, ...set("detection.stepps=3"));

    const empty = `${folder}/empty`;
    await writeVoc(empty, { a: [] });
    await refused(/none of the 1 images of .*empty.*has an object/, "--data", empty);
    await Deno.writeTextFile(
      `${empty}/Annotations/a.xml`,
      "<annotation><object><name>yak</name></object></annotation>",
    );
    await refused(/class "yak", which is none of VOC's 20/, "--data", empty);
  }));
