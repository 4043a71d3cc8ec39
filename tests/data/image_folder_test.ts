import assert from "node:assert/strict";
import sharp from "sharp";
import { loadDataset } from "../../src/data/dataset.ts";
import { decodeImages, findSplit, listClasses, shorterSide } from "../../src/data/image_folder.ts";

async function inFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A picture whose left half is red and whose right half is blue, or gray all over. */
async function picture(path: string, width: number, height: number, channels: 1 | 3 | 4 = 3) {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    if (channels === 1) data[i] = 77;
    else {data.set(
        (i % width < width / 2 ? [255, 0, 0, 128] : [0, 0, 255, 128]).slice(0, channels),
        i * channels,
      );}
  }
  const raw = sharp(data, { raw: { width, height, channels } });
  await Deno.writeFile(path, await (channels === 1 ? raw.toColourspace("b-w") : raw).png().toBuffer());
}

Deno.test("classes are sorted folders, val stands for test, hidden and other files do not count", () =>
  inFolder(async (root) => {
    for (const name of ["val/zebra", "val/Ant", "val/.git", "train/ant"]) {
      Deno.mkdirSync(`${root}/${name}`, { recursive: true });
    }
    await picture(`${root}/val/zebra/b.png`, 4, 4);
    await picture(`${root}/val/zebra/a.PNG`, 4, 4);
    await picture(`${root}/val/Ant/c.png`, 4, 4);
    await Deno.writeTextFile(`${root}/val/Ant/readme.txt`, "no image");
    const list = listClasses(findSplit(root, "test"));
    assert.deepEqual(list.classes, ["Ant", "zebra"]);
    assert.deepEqual([...list.labels], [0, 1, 1]);
    assert.deepEqual(list.files.map((file) => file.split("/").at(-1)), ["c.png", "a.PNG", "b.png"]);
    assert.throws(() => listClasses(`${root}/train`), /no images in class folders: put them at .*CLASS/);
    assert.throws(() => findSplit(`${root}/val`, "test"), /has no val\/ or test\/ folder/);
    assert.throws(() => listClasses(`${root}/none`), /data folder .*none does not exist: check the path/);
  }));

Deno.test("files of every sort become RGB squares around their centre", () =>
  inFolder(async (root) => {
    await picture(`${root}/wide.png`, 40, 20);
    await picture(`${root}/gray.png`, 8, 9, 1);
    await picture(`${root}/alpha.png`, 8, 16, 4);
    const files = ["wide", "gray", "alpha"].map((name) => `${root}/${name}.png`);
    const { images, kept } = await decodeImages(files, { size: 8 });
    assert.deepEqual([...kept], [0, 1, 2]);
    const pixel = (
      i: number,
      y: number,
      x: number,
    ) => [...images.subarray(3 * (i * 64 + y * 8 + x)).subarray(0, 3)];
    assert.deepEqual([pixel(0, 0, 0), pixel(0, 7, 7)], [[255, 0, 0], [0, 0, 255]]);
    assert.deepEqual([pixel(1, 0, 0), pixel(1, 7, 7)], [[77, 77, 77], [77, 77, 77]]);
    assert.deepEqual([pixel(2, 3, 0), pixel(2, 3, 7)], [[255, 0, 0], [0, 0, 255]]);
  }));

Deno.test("unreadable files are left out with one warning, and labels stay with their images", () =>
  inFolder(async (root) => {
    for (const name of ["a", "b"]) Deno.mkdirSync(`${root}/test/${name}`, { recursive: true });
    for (let i = 0; i < 7; i++) await Deno.writeTextFile(`${root}/test/a/${i}.jpg`, "not a picture");
    await picture(`${root}/test/a/9.png`, 8, 8, 1);
    await picture(`${root}/test/b/1.png`, 8, 8);
    const warnings: string[] = [];
    let done = 0;
    const loaded = await loadDataset({ kind: "folder", path: root, train: null, test: null }, "test", {
      size: 8,
      warn: (line) => warnings.push(line),
      onProgress: (count) => done = count,
    });
    assert.equal(done, 9);
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0],
      /^left out 7 of 9 images that cannot be read: [^\n]*a\/0.jpg \([^\n]* and 2 more$/,
    );
    assert.deepEqual([loaded.n, loaded.h, loaded.w, loaded.c], [2, 8, 8, 3]);
    assert.deepEqual([...loaded.labels], [0, 1]);
    assert.equal(loaded.images[0], 77);
    assert.equal(loaded.images.length, 2 * 8 * 8 * 3);
  }));

Deno.test("the paper's protocol resizes to 128 before it crops 112", () => {
  assert.equal(shorterSide(112), 128);
  assert.equal(shorterSide(224), 256);
  assert.equal(shorterSide(32), 32);
});
