/** VOC images for a detector: which are opened, and where boxes lie on another size and back. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { openDetectionSet, scaledBox, vocBox } from "../../../src/evaluation/detection/dataset.ts";
import { batchInputs, imageInput, mostObjects } from "../../../src/evaluation/detection/feed.ts";
import { writeSquares } from "../../support/detection.ts";
import { inFolder } from "../../support/training.ts";
import { writeVoc } from "../../support/voc.ts";

const open = (path: string, splits: string[], withObjects = false, strict = false) => {
  const warnings: string[] = [];
  return openDetectionSet(path, splits, { withObjects, strict, warn: (line) => warnings.push(line) })
    .then((set) => ({ set, warnings }));
};

Deno.test("splits are joined; a folder without lists is taken once", () =>
  inFolder(async (folder) => {
    const lists = { trainval: ["a", "c"], test: ["b"] };
    await writeVoc(`${folder}/VOC2007`, { a: ["dog"], b: ["cat"], c: [] }, lists);
    await writeVoc(`${folder}/VOC2012`, { d: ["cow", "cow"] }, { trainval: ["d"] });
    const both = await open(folder, ["2007/trainval", "2012/trainval"]);
    assert.deepEqual(both.set.images.map(({ id }) => id), ["a", "c", "d"]);
    assert.deepEqual(both.set.images.map(({ width, height }) => [width, height]), Array(3).fill([40, 30]));
    assert.equal(mostObjects(both.set.images), 2);
    const learned = await open(folder, ["2007/trainval"], true);
    assert.deepEqual(learned.set.images.map(({ id }) => id), ["a"]);
    await writeSquares(`${folder}/plain`);
    const plain = await open(`${folder}/plain`, ["2007/trainval", "2012/trainval"]);
    assert.deepEqual(plain.set.images.map(({ id }) => id), ["a", "b", "c", "d", "e"]);
  }));

Deno.test("an image of another size than its annotation, as one that is turned, is left out", () =>
  inFolder(async (folder) => {
    await writeVoc(folder, { a: ["dog"], b: ["cat"] });
    const path = `${folder}/Annotations/a.xml`;
    const sized = (await Deno.readTextFile(path)).replace(
      "<object>",
      "<size><width>40</width><height>30</height></size><object>",
    );
    await Deno.writeTextFile(path, sized);
    assert.equal((await open(folder, ["2007/test"])).set.images.length, 2);
    const jpeg = `${folder}/JPEGImages/a.jpg`;
    await Deno.writeFile(jpeg, await sharp(await Deno.readFile(jpeg)).withMetadata({ orientation: 6 }).toBuffer());
    const { set, warnings } = await open(folder, ["2007/test"]);
    set.tellRejects();
    assert.deepEqual(set.images.map(({ id }) => id), ["b"]);
    assert.match(warnings.join("\n"), /left out 1 of 2.*a\.jpg \(it is 30 x 40, its annotation is of 40 x 30\)/);
    await assert.rejects(open(folder, ["2007/test"], false, true), /a\.jpg cannot be used/);
  }));

Deno.test("boxes go to another size and back, mirrored or not", () => {
  const image = { width: 500, height: 375 };
  const to = { width: 1067, height: 800 };
  const box = [11, 21, 110, 375] as const;
  const near = (got: readonly number[], want: readonly number[]) =>
    want.forEach((v, i) => assert.ok(Math.abs(got[i]! - v) < 1e-9, `${got}`));
  const scaled = scaledBox(box, image, to, false);
  near(scaled, [10 * 2.134, 20 * 800 / 375, 110 * 2.134, 800]);
  near(vocBox(scaled, image, to), box);
  near(scaledBox(box, image, to, true), [1067 - 110 * 2.134, 20 * 800 / 375, 1067 - 10 * 2.134, 800]);
  near(scaledBox([-50, 1, 900, 10], image, image, false), [0, 0, 500, 10]);
});

Deno.test("a batch lies on its canvas with its objects, and the next image stands in for a broken one", () =>
  inFolder(async (folder) => {
    await writeSquares(folder);
    await Deno.writeTextFile(`${folder}/JPEGImages/b.jpg`, "");
    const jpeg = await Deno.readFile(`${folder}/JPEGImages/c.jpg`);
    await Deno.writeFile(`${folder}/JPEGImages/c.jpg`, jpeg.subarray(0, jpeg.length - 30));
    const { set } = await open(folder, ["2007/trainval"], true);
    assert.deepEqual(set.images.map(({ id }) => id), ["a", "c", "e"]);
    const canvas = { height: 48, width: 80 };
    const plan = { canvas, images: [{ index: 0, flip: true }, { index: 1, flip: false }] };
    const { values } = await batchInputs(set, plan, 2);
    assert.deepEqual([...values.counts!], [1, 2]); // e, which has two objects, stands in for c
    assert.deepEqual([...values.limits!], [64, 48, 64, 48, 64, 48, 64, 48]);
    assert.equal(set.usable(), 2);
    const bytes = new Uint8Array(values.images!.buffer);
    const pixel = (image: number, x: number, y: number) => {
      const at = 3 * ((image * canvas.height + y) * canvas.width + x);
      return [...bytes.subarray(at, at + 3)];
    };
    assert.deepEqual(pixel(0, 70, 20), [0, 0, 0]);
    // The dog's red square is where its box says.
    const [x1, y1, x2, y2] = values.boxes!;
    const [red, green] = pixel(0, Math.round((x1! + x2!) / 2), Math.round((y1! + y2!) / 2)) as [number, number];
    assert.ok(red > 180 && green < 90);
    assert.deepEqual([...values.boxes!.subarray(4, 8)], [0, 0, 1, 1]);
    assert.equal(await imageInput(set, 1, canvas), null);
    assert.deepEqual((await imageInput(set, 0, canvas))!.size, { height: 48, width: 64 });
  }));
