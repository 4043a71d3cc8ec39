import assert from "node:assert/strict";
import { loadDataset } from "../../src/data/dataset.ts";
import { resizeGray } from "../../src/data/image.ts";

Deno.test("IDX images become RGB squares of the size asked for", async () => {
  const folder = await Deno.makeTempDir();
  const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 200, 200, 9, 9, 9, 9);
  await Deno.writeFile(`${folder}/train-images-idx3-ubyte`, images);
  await Deno.writeFile(`${folder}/train-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 4, 1));
  const source = { kind: "idx", path: folder, train: null, test: null } as const;
  const rgb = await loadDataset(source, "train", { size: 4 });
  assert.deepEqual([rgb.n, rgb.h, rgb.w, rgb.c, rgb.images.length], [2, 4, 4, 3, 96]);
  assert.deepEqual(rgb.classes, ["0", "1", "2", "3", "4"]);
  assert.deepEqual([...rgb.labels], [4, 1]);
  const gray = await loadDataset(
    { ...source, path: null, train: `${folder}/train-images-idx3-ubyte` },
    "train",
    {
      size: 4,
      channels: 1,
    },
  );
  assert.deepEqual([0, 4, 8, 12].map((i) => gray.images[i]), [0, 50, 150, 200]);
  assert.deepEqual([...gray.images.subarray(16)], Array(16).fill(9));
  await assert.rejects(
    loadDataset({ ...source, path: null }, "train", { size: 4 }),
    /probe.data has neither path nor train: set probe.data.path/,
  );
  await Deno.remove(folder, { recursive: true });
});

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
