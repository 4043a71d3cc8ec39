import assert from "node:assert/strict";
import sharp from "sharp";
import { sweepPlotSpec, type SweepRow, writeSweepPlot } from "../../src/reports/sweep_plot.ts";
import { renderSvg } from "../../src/reports/vega.ts";
import { SAMPLES, STD } from "../../src/studies/sweep_variables.ts";

const rows: SweepRow[] = [0, 0.1, 0.2, 0.4, 1].flatMap((std) =>
  [0, 1, 2].map((seed) => ({ value: std, seed, top1: 60 + 40 * std - 70 * std * std + seed }))
);

Deno.test("the plot shows axes, a point for every run and the untrained network", async () => {
  const svg = await renderSvg(sweepPlotSpec(rows, STD.axis, 41, null));
  assert.match(svg, /std of the Gaussian latent view/);
  assert.match(svg, /top-1 accuracy \(%\)/);
  assert.match(svg, /untrained network/);
  assert.doesNotMatch(svg, /NaN|undefined/);
  assert.equal(svg.match(/aria-roledescription="point"/g)!.length, rows.length + 5);
});

Deno.test("the paper's curve stands beside the runs' own, with its own axes", async () => {
  const svg = await renderSvg(sweepPlotSpec(rows, STD.axis, 41, STD.paper));
  assert.match(svg, />the paper</);
  assert.equal(svg.match(/aria-roledescription="point"/g)!.length, rows.length + 5 + STD.paper!.points.length);
  assert.doesNotMatch(svg, /NaN|undefined/);
});

Deno.test("numbers of samples are drawn on a logarithmic axis, within it", async () => {
  const counts = [128, 512, 2048, 8192].map((value, i) => ({ value, seed: 0, top1: 60 + i }));
  const svg = await renderSvg(sweepPlotSpec(counts, SAMPLES.axis, 41, SAMPLES.paper));
  const xs = [...svg.matchAll(/aria-roledescription="point"[^>]*transform="translate\(([\d.]+),/g)].map(([, x]) =>
    Number(x)
  );
  assert.equal(xs.length, 8);
  const steps = [1, 2, 3].map((i) => xs[i]! - xs[i - 1]!);
  assert(steps.every((step) => Math.abs(step - steps[0]!) < 0.5), steps.join());
  assert(xs.every((x) => x > 0 && x < 460), xs.join());
});

Deno.test("SVG and PNG are written beside each other, even for one run", async () => {
  const folder = await Deno.makeTempDir();
  await writeSweepPlot(`${folder}/sweep`, rows.slice(0, 1), STD.axis, 41, STD.paper);
  assert.deepEqual(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["sweep.png", "sweep.svg"]);
  const { width, height } = await sharp(`${folder}/sweep.png`).metadata();
  assert(width > 800 && height > 500, `${width}x${height}`);
  assert.throws(() => sweepPlotSpec([], STD.axis, 41, null), /at least one run/);
  await Deno.remove(folder, { recursive: true });
});
