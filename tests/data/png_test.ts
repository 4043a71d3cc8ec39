import assert from "node:assert/strict";
import sharp from "sharp";
import type { Image } from "../../src/data/image.ts";
import { contactSheet, rowSheet, viewSheet, writePng } from "../../src/data/png.ts";

const plain = (value: number, channels: 1 | 3 = 3): Image => ({
  data: new Uint8Array(32 * 32 * channels).fill(value),
  width: 32,
  height: 32,
  channels,
});

Deno.test("a PNG holds the bytes it was given", async () => {
  const folder = await Deno.makeTempDir();
  const data = Uint8Array.of(255, 0, 0, 0, 255, 0);
  await writePng(`${folder}/a.png`, { data, width: 2, height: 1, channels: 3 });
  assert.deepEqual(new Uint8Array(await sharp(`${folder}/a.png`).raw().toBuffer()), data);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a sheet of views has every anchor over its view, tiny images enlarged", async () => {
  const folder = await Deno.makeTempDir();
  const pairs = Array.from(
    { length: 10 },
    (_, i) => ({ anchor: plain(10 * i), view: plain(10 * i + 100, 1) }),
  );
  await viewSheet(`${folder}/views.png`, pairs, { columns: 4 });
  const { data, info } = await sharp(`${folder}/views.png`).removeAlpha().raw().toBuffer({
    resolveWithObject: true,
  });
  const at = (x: number, y: number) => data[3 * (y * info.width + x)];
  // Second column of the third row of pairs: pair 9.
  const [x, y] = [8 + 58 + 66 + 32, 8 + 2 * 140 + 32];
  assert.deepEqual([at(x, y), at(x, y + 66)], [90, 190]);
  assert.deepEqual([info.width, info.height], [2 * 8 + 58 + 4 * 66 - 2, 8 + 3 * 140 - 10 + 8]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a contact sheet is near square and takes a caption", async () => {
  const folder = await Deno.makeTempDir();
  await contactSheet(`${folder}/s.png`, Array.from({ length: 6 }, () => plain(9)), { caption: "a < b & c" });
  const { width, height } = await sharp(`${folder}/s.png`).metadata();
  assert.deepEqual([width, height], [2 * 8 + 3 * 66 - 2, 8 + 24 + 2 * 66 - 2 + 8]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("rows of images that are wider than high lie close, and a long caption is not cut", async () => {
  const folder = await Deno.makeTempDir();
  const wide = { data: new Uint8Array(80 * 60 * 3).fill(9), width: 80, height: 60, channels: 3 } as const;
  const rows = Array.from({ length: 3 }, () => [wide, wide]);
  await rowSheet(`${folder}/r.png`, rows, { columns: ["anchor", "std 1"], caption: "x".repeat(40) });
  const { width, height } = await sharp(`${folder}/r.png`).metadata();
  assert.deepEqual([width, height], [2 * 8 + 296, 8 + 24 + 24 + 3 * 62 - 2 + 8]);
  await Deno.remove(folder, { recursive: true });
});
