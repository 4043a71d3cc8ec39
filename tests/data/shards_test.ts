/** Shards of samples: what is written comes back one by one, and what is no shard is refused. */

import assert from "node:assert/strict";
import { openImageSet } from "../../src/data/image_set.ts";
import { isShards, openShards, type ShardSample, ShardWriter } from "../../src/data/shards.ts";
import { UserError } from "../../src/errors.ts";
import { inFolder } from "../support/training.ts";

const LAYOUT = { images: 2, shape: [2, 3, 1] as const, latentShape: [2], classes: 4 };

function sample(i: number): ShardSample {
  return {
    pixels: Uint8Array.from({ length: 12 }, (_, k) => 10 * i + k),
    latents: Float32Array.from({ length: 4 }, (_, k) => i + k / 8),
    label: i % 4,
  };
}

async function writeShards(folder: string, n: number, perShard: number): Promise<number> {
  const writer = await ShardWriter.create(folder, LAYOUT, { generator: "a test" }, perShard);
  for (let i = 0; i < n; i++) await writer.add(sample(i));
  return await writer.close();
}

Deno.test("samples come back from their place in their shard", () =>
  inFolder(async (folder) => {
    assert.equal(await writeShards(folder, 7, 3), 3);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
    assert.deepEqual(names, [0, 1, 2].map((i) => `shard-0000${i}.safetensors`));
    const set = await openShards(folder, null);
    try {
      assert.deepEqual([set.n, set.shape, set.images, set.classes, set.latentShape], [7, [2, 3, 1], 2, 4, [2]]);
      for (const i of [6, 0, 3, 2]) {
        for (const image of [0, 1]) {
          const { pixels, label, latent } = await set.read(i, image);
          assert.deepEqual(pixels, sample(i).pixels.slice(6 * image, 6 * image + 6));
          assert.equal(label, i % 4);
          assert.deepEqual(latent, sample(i).latents!.slice(2 * image, 2 * image + 2));
        }
      }
    } finally {
      await set.close();
    }
  }));

Deno.test("a folder of shards is not written over, and a sample that does not fit is not taken", () =>
  inFolder(async (folder) => {
    await writeShards(folder, 2, 8);
    await assert.rejects(() => ShardWriter.create(folder, LAYOUT), /holds shards already: give another folder/);
    const writer = await ShardWriter.create(`${folder}/other`, LAYOUT);
    await assert.rejects(() => writer.add({ ...sample(0), label: null }), RangeError);
    await assert.rejects(() => writer.add({ ...sample(0), pixels: new Uint8Array(11) }), RangeError);
  }));

Deno.test("what is no shard, or not of the same kind, is refused by name", () =>
  inFolder(async (folder) => {
    const refuse = (why: RegExp, options: Parameters<typeof openShards>[1] = null) =>
      assert.rejects(() => openShards(folder, options), (error) => {
        assert(error instanceof UserError);
        assert.match(error.message, why);
        return true;
      });
    assert.equal(isShards(`${folder}/nowhere`), false);
    await refuse(/holds no shards/);
    await writeShards(folder, 5, 3);
    await refuse(/holds images \[2,3,1\], wanted are \[4,4,3\]/, { size: [4, 4], warn: () => {} });
    const last = `${folder}/shard-00001.safetensors`;
    const bytes = await Deno.readFile(last);
    await Deno.writeFile(last, bytes.subarray(0, bytes.length - 1));
    await refuse(/shard-00001.safetensors is not a valid safetensors file: .* cut off/);
    const foreign = new TextDecoder().decode(bytes).replace("latent-views shard", "latent-views sharp");
    await Deno.writeTextFile(last, foreign);
    await refuse(/shard-00001.safetensors is/);
    await Deno.remove(last);
    const other = await ShardWriter.create(`${folder}/b`, { ...LAYOUT, classes: null }, {}, 3);
    await other.add({ ...sample(0), label: null });
    await other.close();
    await Deno.rename(`${folder}/b/shard-00000.safetensors`, last);
    await refuse(/shard-00001.safetensors holds .* no classes, .*shard-00000.safetensors .* 4 classes/);
  }));

Deno.test("shards are found by their names where a set is opened", () =>
  inFolder(async (folder) => {
    await writeShards(folder, 2, 2);
    const set = await openImageSet("shards", folder, null);
    assert.equal(set.n, 2);
    await set.close();
  }));
