import assert from "node:assert/strict";
import sharp from "sharp";
import { renderSvg, stdPlotSpec, type SweepRow, writeStdPlot } from "../src/plot.ts";

const rows: SweepRow[] = [0, 0.1, 0.2, 0.4, 1].flatMap((std) =>
  [0, 1, 2].map((seed) => ({ std, seed, top1: 60 + 40 * std - 70 * std * std + seed }))
);

Deno.test("the plot shows axes, a point for every run and the baselines that are known", async () => {
  const svg = await renderSvg(stdPlotSpec(rows, { untrained: 41 }));
  assert.match(svg, /std of the Gaussian latent view/);
  assert.match(svg, /top-1 accuracy \(%\)/);
  assert.match(svg, /untrained network/);
  assert.doesNotMatch(svg, /no latent view|NaN|undefined/);
  assert.equal(svg.match(/aria-roledescription="point"/g)!.length, rows.length + 5);
});

Deno.test("SVG and PNG are written beside each other, even for one run", async () => {
  const folder = await Deno.makeTempDir();
  await writeStdPlot(`${folder}/sweep`, rows.slice(0, 1));
  assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["sweep.png", "sweep.svg"]);
  const { width, height } = await sharp(`${folder}/sweep.png`).metadata();
  assert(width > 800 && height > 500, `${width}x${height}`);
  assert.throws(() => stdPlotSpec([]), /at least one run/);
  await Deno.remove(folder, { recursive: true });
});
