import assert from "node:assert/strict";
import sharp from "sharp";
import { fileReader, openSplit } from "../../src/data/labelled_set.ts";
import { findSplit, listClasses, readClassList, shorterSide } from "../../src/data/image_folder.ts";
import { inFolder } from "../support/training.ts";

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
    const reader = fileReader(files, { size: 8, warn: (line) => assert.fail(line) });
    const images = await Promise.all(files.map((_, i) => reader.center(i)));
    reader.tellRejects();
    const pixel = (i: number, y: number, x: number) => [...images[i]!.subarray(3 * (y * 8 + x)).subarray(0, 3)];
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
    await Deno.writeTextFile(`${root}/test/b/notes.txt`, "no image by its name");
    const warnings: string[] = [];
    const source = { kind: "folder", path: root, train: null, test: null } as const;
    const warn = (line: string) => warnings.push(line);
    const set = await openSplit(source, "test", { size: 8, warn });
    assert.deepEqual([...set.labels], [0, 0, 0, 0, 0, 0, 0, 0, 1]);
    const decoded = await Promise.all(Array.from({ length: set.n }, (_, i) => set.center(i)));
    assert.deepEqual(decoded.map((pixels) => pixels?.[0]), [...Array(7).fill(undefined), 77, 255]);
    assert.equal(await set.crop(0, () => assert.fail("a file that was left out is tried again")), null);
    set.tellRejects();
    set.tellRejects();
    assert.equal(warnings.length, 1);
    assert.match(
      warnings[0],
      /^left out 8 of 10 files that cannot be used as images: [^\n]*a\/0.jpg \([^\n]* and 3 more$/,
    );
    await assert.rejects(
      openSplit(source, "test", { size: 8, warn, strict: true }),
      /notes.txt cannot be used \(no image/,
    );
    await Deno.remove(`${root}/test/b/notes.txt`);
    const strict = await openSplit(source, "test", { size: 8, warn, strict: true });
    await assert.rejects(strict.center(0), /0.jpg cannot be used \(.*\): repair or remove it/);
  }));

Deno.test("classes that do not fit are named with what was looked for", () =>
  inFolder(async (root) => {
    for (const name of ["a", "b", "c"]) {
      Deno.mkdirSync(`${root}/train/${name}/deep`, { recursive: true });
      await picture(`${root}/train/${name}/deep/1.png`, 8, 8, 1);
    }
    const only = (...names: string[]) => ({ only: { names, source: "list.txt" } });
    const same = (...names: string[]) => ({ same: { names, source: "T" } });
    const train = `${root}/train`;
    assert.deepEqual(listClasses(train, only("c", "a")).classes, ["a", "c"]);
    assert.equal(listClasses(train, only("c", "a")).files.length, 2);
    assert.throws(
      () => listClasses(train, only("a", "z")),
      /lacks 1 of the 2 classes of list.txt: looked for .*train\/z$/,
    );
    assert.throws(
      () => listClasses(train, same("a", "b", "d")),
      /lacks 1 of the 3 classes of T: looked for .*train\/d$/,
    );
    assert.throws(
      () => listClasses(train, same("a", "b")),
      /has 3 classes, .* T 2: looked for T\/c, which is not there/,
    );
    Deno.mkdirSync(`${train}/d`);
    assert.throws(() => listClasses(train), /1 of the 4 class folders in .*train have no images, first d/);

    await Deno.writeTextFile(`${root}/list.txt`, "a\n\nb\r\n");
    assert.deepEqual(readClassList(`${root}/list.txt`), ["a", "b"]);
    assert.equal(readClassList("imagenet100").length, 100);
    await Deno.writeTextFile(`${root}/list.txt`, "a\nb\na\n");
    assert.throws(() => readClassList(`${root}/list.txt`), /names a twice/);
    assert.throws(
      () => readClassList(`${root}/none.txt`),
      /none.txt is neither imagenet100 nor a file that can be read/,
    );
  }));

Deno.test("a split may be one folder with a label file, which must fit", () =>
  inFolder(async (root) => {
    Deno.mkdirSync(`${root}/images`);
    for (const name of ["x.png", "y.png"]) await picture(`${root}/images/${name}`, 8, 8, 1);
    const labels = (text: string) => Deno.writeTextFileSync(`${root}/val_annotations.txt`, text);
    labels("y.png\tn01\t0\t0\nx.png\tn02\t1\t1\n");
    const list = listClasses(root);
    assert.deepEqual([list.classes, [...list.labels]], [["n01", "n02"], [1, 0]]);
    assert.throws(() => listClasses(root, { same: { names: ["n01"], source: "T" } }), /looked for T\/n02/);
    labels("y.png n01\n");
    assert.throws(() => listClasses(root), /has 1 labels and .* 2 images: looked for a label of x.png/);
    labels("y.png n01\nx.png n02\nz.png n01\n");
    assert.throws(() => listClasses(root), /has 3 labels and .* 2 images: looked for .*images\/z.png/);
    labels("y.png\nx.png n02\n");
    assert.throws(() => listClasses(root), /"y.png" names no class/);
  }));

Deno.test("the paper's protocol resizes to 128 before it crops 112", () => {
  assert.equal(shorterSide(112), 128);
  assert.equal(shorterSide(224), 256);
  assert.equal(shorterSide(32), 32);
});
