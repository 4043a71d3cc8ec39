/** Reading VOC's folders; ../shared/data/voc-sample has real annotations. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { Rejects } from "../../src/data/rejects.ts";
import { findVocYear, hasVocLists, parseAnnotation, readVocSplit, VOC_CLASSES } from "../../src/data/voc.ts";
import { inFolder } from "../support/training.ts";
import { object, writeVoc } from "../support/voc.ts";

const SAMPLE = new URL("../../../shared/data/voc-sample", import.meta.url).pathname;

Deno.test("objects have class, box, difficult and truncated", () => {
  const parts =
    "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>";
  const person = object("person", [8.5, 2, 49, 30]).replace("</object>", `${parts}</object>`);
  const text = `<annotation><!-- by hand --><filename>a&amp;b.jpg</filename>
    ${object("dog", [1, 2, 3, 4], { difficult: 1 })}${person}
    ${object("dog", [5, 5, 5, 5], { truncated: 1 }).replace(/<difficult>.*?<\/difficult>/, "")}</annotation>`;
  const [dog, human] = [VOC_CLASSES.indexOf("dog"), VOC_CLASSES.indexOf("person")];
  const { objects, size } = parseAnnotation(text, "a.xml");
  assert.deepEqual(objects, [
    { label: dog, box: [1, 2, 3, 4], difficult: true, truncated: false },
    { label: human, box: [8.5, 2, 49, 30], difficult: false, truncated: false },
    { label: dog, box: [5, 5, 5, 5], difficult: false, truncated: true },
  ]);
  assert.equal(size, null);
  const sized = text.replace("<object>", "<size><width>40</width><height>30</height></size><object>");
  assert.deepEqual(parseAnnotation(sized, "a.xml").size, { width: 40, height: 30 });
});

Deno.test("damaged annotations say what is wrong", () => {
  const whole = `<annotation>${object("dog", [1, 2, 3, 4])}</annotation>`;
  const fails = (text: string, pattern: RegExp) => assert.throws(() => parseAnnotation(text, "a.xml"), pattern);
  fails(whole.slice(0, 40), /not valid XML/);
  fails("", /not valid XML/);
  fails("no XML at all", /not valid XML/);
  fails("<html></html>", /<html> where <annotation> is expected/);
  fails(whole.replace("<xmax>3", "<xmax>x"), /a box of \[1,2,NaN,4\]/);
  fails(whole.replace("<xmax>3", "<xmax>0"), /xmin <= xmax/);
  fails(whole.replace("<xmax>3</xmax>", ""), /a box of \[1,2,NaN,4\]/);
  fails(whole.replace(/<bndbox>.*<\/bndbox>/s, ""), /without <bndbox>/);
  fails(whole.replace("dog", "hound"), /a.xml has an object of class "hound", which is none of VOC's 20/);
});

Deno.test("splits follow their lists, and what they lack is named", () =>
  inFolder(async (root) => {
    await writeVoc(`${root}/VOCdevkit/VOC2007`, { a: ["dog"], b: ["cat", "dog"], c: [], d: ["cow"] }, {
      train: ["c", "a"],
      val: ["b"],
      "dog_train": ["a  1", "c -1"],
    });
    const year = findVocYear(root, 2007);
    assert.equal(year, `${root}/VOCdevkit/VOC2007`);
    assert.equal(findVocYear(year, 2012), year);
    assert.throws(() => findVocYear(root, 2012), /no VOC folder: looked for .*VOC2012.Annotations/);
    assert.ok(hasVocLists(year));
    const rejects = new Rejects(false);
    const train = await readVocSplit(year, "train", rejects);
    assert.deepEqual(train.images.map(({ id, objects }) => [id, objects.length]), [["c", 0], ["a", 1]]);
    assert.equal(train.images[1]!.file, `${year}/JPEGImages/a.jpg`);
    assert.equal((await readVocSplit(year, null, rejects)).images.length, 4);
    assert.deepEqual((await readVocSplit(year, "dog_train", rejects)).images.map(({ id }) => id), ["a", "c"]);

    const refused = (split: string | null, pattern: RegExp) =>
      assert.rejects(readVocSplit(year, split, rejects), pattern);
    await refused("test", /test.txt cannot be read: looked for .*ImageSets.Main.test.txt/);
    await Deno.writeTextFile(`${year}/ImageSets/Main/test.txt`, "\n");
    await refused("test", /test.txt is empty/);
    await Deno.writeTextFile(`${year}/ImageSets/Main/test.txt`, "a\nd\na\n");
    await refused("test", /names a twice/);
    await Deno.writeTextFile(`${year}/ImageSets/Main/test.txt`, "a\ne\nf\n");
    await refused("test", /2 of the 3 images .*test.txt are incomplete: looked for .*JPEGImages.e.jpg/);
    await Deno.remove(`${year}/Annotations/d.xml`);
    await refused(null, /1 of the 4 images .* are incomplete: looked for .*Annotations.d.xml/);
    await Deno.writeTextFile(`${year}/Annotations/d.xml`, "<annotation><object>");
    const kept = await readVocSplit(year, null, rejects);
    assert.deepEqual(kept.images.map(({ id }) => id), ["a", "b", "c"]);
    const lines: string[] = [];
    rejects.tell(4, (line) => lines.push(line));
    assert.match(lines.join(), /left out 1 of 4 files .*d.xml \(not valid XML: /);
    await assert.rejects(readVocSplit(year, null, new Rejects(true)), /d.xml cannot be used/);
  }));

Deno.test("the real sample of ../shared is read in full", { ignore: !(await exists(SAMPLE)) }, async () => {
  const { images } = await readVocSplit(findVocYear(SAMPLE, 2012), null, new Rejects(true));
  assert.equal(images.length, 60);
  for (const { file, objects } of images) {
    const { width, height } = await sharp(file).metadata();
    for (const { box: [xmin, ymin, xmax, ymax] } of objects) {
      assert.ok(xmin >= 1 && ymin >= 1 && xmax <= width! && ymax <= height!, file);
    }
  }
  const objects = images.flatMap((image) => image.objects);
  assert.deepEqual(images[0]!.objects[0], { label: 0, box: [9, 107, 499, 263], difficult: false, truncated: false });
  assert.deepEqual([objects.length, objects.filter((o) => o.difficult).length], [163, 23]);
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
