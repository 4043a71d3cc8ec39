/** `evaluate` on labelled data of every kind, whole and broken, as its users meet it. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY } from "../support/training.ts";

const SETTINGS = [...TINY, "probe.epochs=2"].flatMap((set) => ["--set", set]);

const evaluate = (data: string, ...args: string[]) =>
  runCli("evaluate", [...SETTINGS, "--checkpoint", "random", "--data", data, "--protocol", "knn", ...args]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(features[^\n]*\n)*error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

/** Noise, which every format keeps as many bytes. */
const noise = () =>
  sharp({
    create: {
      width: 40,
      height: 30,
      channels: 3,
      background: "black",
      noise: { type: "gaussian", mean: 128, sigma: 40 },
    },
  });

/** Two classes of good pictures in both splits. */
async function pictures(root: string): Promise<void> {
  for (const folder of ["train/cat", "train/dog", "val/cat", "val/dog"]) {
    await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    for (const i of [0, 1, 2]) await Deno.writeFile(`${root}/${folder}/${i}.jpg`, await noise().jpeg().toBuffer());
  }
}

gpuTest("pictures of every sort are used, and what is none is named in one warning", () =>
  inFolder(async (root) => {
    await pictures(root);
    const cat = (name: string) => `${root}/train/cat/${name}`;
    const jpeg = await noise().jpeg().toBuffer();
    const gray16 = sharp(new Uint16Array(100).fill(30000), { raw: { width: 10, height: 10, channels: 1 } });
    await Deno.writeFile(cat("gray.jpg"), await noise().grayscale().jpeg().toBuffer());
    await Deno.writeFile(cat("gray16.png"), await gray16.toColourspace("grey16").png().toBuffer());
    await Deno.writeFile(cat("cmyk.jpg"), await noise().toColourspace("cmyk").jpeg().toBuffer());
    await Deno.writeFile(cat("turned.jpg"), await noise().withMetadata({ orientation: 6 }).jpeg().toBuffer());
    await Deno.writeFile(cat("alpha.webp"), await noise().ensureAlpha(0.5).webp().toBuffer());
    const whole = await evaluate(root, "--strict", "--json");
    assert.equal(whole.code, 0, whole.stderr);
    assert.equal(JSON.parse(whole.stdout).n_train, 11);
    assert.doesNotMatch(whole.stderr, /left out/);

    await Deno.writeFile(cat("cut.jpg"), jpeg.subarray(0, jpeg.length / 2));
    await Deno.writeFile(cat("cut.png"), (await noise().png().toBuffer()).subarray(0, 900));
    await Deno.writeTextFile(cat("page.jpg"), "<html>404</html>");
    await Deno.writeFile(cat("empty.jpg"), new Uint8Array());
    await Deno.writeTextFile(cat("readme.txt"), "about these pictures");
    const broken = await evaluate(root, "--json");
    assert.equal(broken.code, 0, broken.stderr);
    assert.equal(JSON.parse(broken.stdout).n_train, 11);
    const warnings = broken.stderr.split("\n").filter((line) => line.includes("left out"));
    assert.equal(warnings.length, 1, broken.stderr);
    assert.match(warnings[0]!, /^left out 5 of 16 files/);
    for (const name of ["cut.jpg", "cut.png", "page.jpg", "empty.jpg", "readme.txt"]) {
      assert.ok(warnings[0]!.includes(`cat/${name} (`), name);
    }
    refused(
      await evaluate(root, "--strict"),
      /readme.txt cannot be used \(no image by its name\): repair or remove it/,
    );
    await Deno.remove(cat("readme.txt"));
    refused(await evaluate(root, "--strict"), /(cut|page|empty).*cannot be used/);
  }));

gpuTest("splits and classes that are not there are refused with what was looked for", () =>
  inFolder(async (root) => {
    await pictures(root);
    await Deno.writeTextFile(`${root}/list.txt`, "dog\nfox\n");
    refused(
      await evaluate(root, "--classes", `${root}/list.txt`),
      /lacks 1 of the 2 classes of .*list.txt: looked for .*train\/fox/,
    );
    await Deno.writeTextFile(`${root}/list.txt`, "dog\ncat\n");
    const listed = await evaluate(root, "--classes", `${root}/list.txt`, "--json");
    assert.equal(JSON.parse(listed.stdout).classes, 2, listed.stderr);
    await Deno.rename(`${root}/val/dog`, `${root}/val/hound`);
    refused(await evaluate(root), /val lacks 1 of the 2 classes of .*train: looked for .*val\/dog/);
    await Deno.rename(`${root}/val`, `${root}/validation`);
    refused(await evaluate(root), /has no val\/ or test\/ folder: looked for .*val and .*test/);
    refused(await evaluate(`${root}/list.txt`), /list.txt is no folder that can be read: check --data/);
    for (const name of ["cat", "dog"]) {
      for (const i of [0, 1, 2]) await Deno.writeTextFile(`${root}/train/${name}/${i}.jpg`, "no picture");
    }
    await Deno.rename(`${root}/validation`, `${root}/test`);
    await Deno.rename(`${root}/test/hound`, `${root}/test/dog`);
    const none = await evaluate(root);
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /error: none of the 6 images can be read\n$/);
  }));

gpuTest(
  "a test split with a label file is read, and one that does not fit is refused with what was looked for",
  () =>
    inFolder(async (root) => {
      await pictures(root);
      for (const [i, name] of ["cat", "dog"].entries()) {
        for (const j of [0, 1, 2]) await Deno.rename(`${root}/val/${name}/${j}.jpg`, `${root}/val/${3 * i + j}.jpg`);
        await Deno.remove(`${root}/val/${name}`);
      }
      const list = (...lines: string[]) => Deno.writeTextFile(`${root}/val/labels.txt`, lines.join("\n"));
      const whole = Array.from({ length: 6 }, (_, i) => `${i}.jpg ${i < 3 ? "cat" : "dog"}`);
      await list(...whole);
      const done = await evaluate(root, "--json");
      const { n_test, classes } = JSON.parse(done.stdout);
      assert.deepEqual([n_test, classes], [6, 2], done.stderr);
      await list(...whole.slice(1));
      refused(await evaluate(root), /has 5 labels and .*val 6 images: looked for a label of 0.jpg/);
      await list(...whole, "6.jpg cat");
      refused(await evaluate(root), /has 7 labels and .*val 6 images: looked for .*val.6.jpg/);
      await list(...whole.slice(1), "0.jpg");
      refused(await evaluate(root), /labels.txt: "0.jpg" names no class/);
      await list(...whole.slice(1), "0.jpg fox");
      refused(await evaluate(root), /val has 3 classes, the training split .*train 2: looked for .*train.fox/);
    }),
);
