/** `sample` as its users meet it: sheets, files, neighbours of rising std, and shards that a run trains from. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { openShards } from "../../src/data/shards.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY } from "../support/training.ts";

const CONDITIONAL = ["--generator", "models/fashion-mnist/card-conditional.yaml"];
const size = async (path: string) => {
  const { width, height } = await sharp(path).metadata();
  return [width, height];
};

gpuTest("sheets have a tile for every image, and files are the tiles", () =>
  inFolder(async (folder) => {
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCli("sample", ["--count", "3", "--out", folder, "--json", ...args]);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    };
    assert.deepEqual(await run("--files"), { sheet: `${folder}/sheet.png`, count: 3, shards: 0 });
    assert.deepEqual(await size(`${folder}/00002.png`), [32, 32]);
    // Tiles of 64 pixels with gaps of 2 between margins of 8, below a caption of 24: three side by side, and room for all
    // letters of the caption.
    const caption = "models/fashion-mnist/card.yaml, seed 0";
    const wide = (tiles: number) => Math.max(tiles, 16 + Math.ceil(7.4 * caption.length));
    assert.deepEqual(await size(`${folder}/sheet.png`), [wide(16 + 3 * 66 - 2), 24 + 16 + 64]);
    await run("--stds", "0,0.5", "--files");
    assert.deepEqual(await size(`${folder}/sheet.png`), [wide(16 + 3 * 66 - 2 + 10), 24 + 24 + 16 + 3 * 66 - 2]);
    const pixels = (name: string) => sharp(`${folder}/00001${name}.png`).raw().toBuffer();
    const [anchor, still, moved] = await Promise.all(["", "_view1", "_view2"].map(pixels));
    assert.deepEqual(still, anchor); // std 0
    assert.notDeepEqual(moved, anchor);
  }));

gpuTest(
  "shards hold images, latents and labels of the classes asked for, and a run trains from them",
  () =>
    inFolder(async (folder) => {
      const shards = `${folder}/shards`;
      const args = [...CONDITIONAL, "--labels", "7,9", "--truncation", "0.5", "--views", "--shards", "--count", "16"];
      const { code, stderr } = await runCli("sample", [...args, "--out", shards]);
      assert.equal(code, 0, stderr);
      const set = await openShards(shards, null);
      try {
        assert.deepEqual([set.n, set.images, set.shape, set.classes], [16, 2, [32, 32, 1], 10]);
        const labels = new Set<number>();
        for (let i = 0; i < set.n; i++) {
          const [anchor, view] = await Promise.all([set.read(i, 0), set.read(i, 1)]);
          labels.add(anchor.label);
          assert.ok(anchor.latent!.every((v) => Math.abs(v) <= 0.5));
          assert.notDeepEqual(view.latent, anchor.latent);
        }
        assert.deepEqual([...labels].sort(), [7, 9]);
      } finally {
        await set.close();
      }
      const again = await runCli("sample", [...args, "--out", shards]);
      assert.deepEqual([again.code, /holds shards already/.test(again.stderr)], [2, true]);
      const sets = [...TINY, "data.kind=shards", `data.path=${shards}`].flatMap((set) => ["--set", set]);
      const trained = await runCli("train", [...sets, "--steps", "1", "--no-probe", "--out", `${folder}/run`]);
      assert.equal(trained.code, 0, trained.stderr);
    }),
);

Deno.test("what does not go together, and classes that there are not, are refused in one line", async () => {
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await runCli("sample", args);
    assert.match(stderr, /^error: [^\n]+\n$/);
    assert.match(stderr, pattern);
    assert.equal(code, 2);
  };
  await refused(/--shards and --files do not go together/, "--shards", "--files");
  await refused(/--shards and --stds do not go together/, "--shards", "--stds", "1");
  await refused(/--stds and --views do not go together/, "--stds", "1", "--views");
  await refused(/--labels a is not valid/, "--labels", "a");
  await refused(/--count 0 is not valid/, "--count", "0");
  await refused(/has class 12, .* has the classes 0 to 9/, ...CONDITIONAL, "--labels", "3,12");
});
