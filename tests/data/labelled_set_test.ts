import assert from "node:assert/strict";
import sharp from "sharp";
import { openSplit } from "../../src/data/labelled_set.ts";
import { resizeGray } from "../../src/data/image.ts";
import { inFolder } from "../support/training.ts";

const warn = (line: string) => assert.fail(line);

Deno.test("IDX images become RGB squares of the size asked for", () =>
  inFolder(async (folder) => {
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 200, 200, 9, 9, 9, 9);
    await Deno.writeFile(`${folder}/train-images-idx3-ubyte`, images);
    await Deno.writeFile(`${folder}/train-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 4, 1));
    const source = { kind: "idx", path: folder, train: null, test: null } as const;
    const set = await openSplit(source, "train", { size: 4, warn });
    assert.equal(set.n, 2);
    assert.deepEqual(set.classes, ["0", "1", "2", "3", "4"]);
    assert.deepEqual([...set.labels], [4, 1]);
    const [first, second] = [(await set.center(0))!, (await set.center(1))!];
    assert.deepEqual([0, 4, 8, 12].map((i) => [...first.subarray(3 * i, 3 * i + 3)]), [[0, 0, 0], [50, 50, 50], [
      150,
      150,
      150,
    ], [200, 200, 200]]);
    assert.deepEqual([...second], Array(48).fill(9));
    const lower = await set.crop(0, () => ({ left: 0, top: 1, width: 2, height: 1, flip: true }));
    assert.deepEqual([...lower!], Array(48).fill(200));

    const names = ["0", "1", "2", "3"];
    await assert.rejects(
      openSplit(source, "train", { size: 4, warn }, { same: { names, source: "T" } }),
      /has labels up to 4, the training split T 4 classes/,
    );
    await assert.rejects(
      openSplit(source, "train", { size: 4, warn }, { only: { names, source: "list.txt" } }),
      /list.txt lists class folders, and .* is IDX: unset probe.data.classes/,
    );
    await assert.rejects(
      openSplit({ ...source, path: null }, "train", { size: 4, warn }),
      /probe.data has neither path nor train: set probe.data.path/,
    );
  }));

/** A picture of 8 x 16 pixels, red above and blue below. */
function tall(): sharp.Sharp {
  const data = Uint8Array.from({ length: 3 * 128 }, (_, i) => i < 192 ? [255, 0, 0][i % 3]! : [0, 0, 255][i % 3]!);
  return sharp(data, { raw: { width: 8, height: 16, channels: 3 } });
}

Deno.test("photographs stand upright whole and in part", () =>
  inFolder(async (root) => {
    await Deno.mkdir(`${root}/a`);
    const turned = await tall().rotate(90).toBuffer({ resolveWithObject: true }); // red on the right
    const { width, height, channels } = turned.info;
    const lying = sharp(turned.data, { raw: { width, height, channels: channels as 3 } });
    await Deno.writeFile(`${root}/a/lying.png`, await lying.withMetadata({ orientation: 8 }).png().toBuffer());
    const source = { kind: "folder", path: null, train: root, test: null } as const;
    const set = await openSplit(source, "train", { size: 8, warn });
    const seen: number[][] = [];
    const pixels = await set.crop(0, (w, h) => {
      seen.push([w, h]);
      return { left: 0, top: 0, width: 8, height: 4, flip: false };
    });
    assert.deepEqual(seen, [[8, 16]]);
    assert.deepEqual([...pixels!.subarray(0, 3), ...pixels!.subarray(-3)], [255, 0, 0, 255, 0, 0]);
    const centre = (await set.center(0))!;
    assert.deepEqual([...centre.subarray(0, 3), ...centre.subarray(-3)], [255, 0, 0, 0, 0, 255]);
  }));

Deno.test("an image of the right size is left as it is", () => {
  const image = Uint8Array.of(1, 2, 3, 4);
  assert.equal(resizeGray(image, 1, 2, 2, 2, 2), image);
});

// 8 and 16 lie in the middle of four pixels each: PIL's bilinear gives these.
Deno.test("enlarging keeps half-pixel centres", () => {
  assert.deepEqual(
    [...resizeGray(Uint8Array.of(0, 100), 1, 1, 2, 4, 4)],
    Array(4).fill([0, 25, 75, 100]).flat(),
  );
});
