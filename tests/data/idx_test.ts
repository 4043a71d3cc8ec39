import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { decodeIdx, findIdxImages, readIdx, readIdxImages } from "../../src/data/idx.ts";

const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40);
const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 3);

async function inFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("images and labels are found by the usual names, gzipped or not", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/t10k-images-idx3-ubyte.gz`, gzipSync(images));
    await Deno.writeFile(`${folder}/t10k-labels-idx1-ubyte`, labels);
    const path = findIdxImages(folder, "test");
    assert.deepEqual(await readIdxImages(path), {
      images: images.subarray(16),
      labels: Int32Array.of(7, 3),
      n: 2,
      h: 1,
      w: 2,
    });
    assert.throws(
      () => findIdxImages(folder, "train"),
      /no IDX images of the train split: put train-images-idx3/,
    );
    await Deno.writeFile(`${folder}/emnist-letters-test-images-idx3-ubyte`, images);
    assert.throws(() => findIdxImages(folder, "test"), /several IDX images/);
  }));

Deno.test("files that do not belong together are refused", () =>
  inFolder(async (folder) => {
    const path = `${folder}/train-images-idx3-ubyte`;
    await Deno.writeFile(path, images);
    await assert.rejects(readIdxImages(path), /has no labels: put train-labels-idx1-ubyte beside it/);
    await Deno.writeFile(`${folder}/train-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7));
    await assert.rejects(readIdxImages(path), /has shape \[1\] where 2 images need \[2\]/);
    await Deno.writeFile(`${folder}/a.gz`, gzipSync(images).subarray(0, 20));
    await assert.rejects(readIdx(`${folder}/a.gz`), /damaged or cut off gzip/);
    await assert.rejects(readIdx(`${folder}/b`), /b does not exist/);
    assert.throws(() => findIdxImages(`${folder}/c`, "test"), /data folder .*c cannot be read/);
  }));

Deno.test("damaged bytes are refused", () => {
  assert.throws(() => decodeIdx(Uint8Array.of(1, 2), "a"), /a is not an IDX file/);
  assert.throws(() => decodeIdx(Uint8Array.of(0, 0, 0x0d, 1), "a"), /IDX type 0x0d/);
  assert.throws(() => decodeIdx(images.subarray(0, 9), "a"), /cut off in its header/);
  assert.throws(() => decodeIdx(images.subarray(0, 18), "a"), /2 bytes of data where \[2,1,2\] needs 4/);
});
