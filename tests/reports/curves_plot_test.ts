import assert from "node:assert/strict";
import { curvesPlotSpec } from "../../src/reports/curves_plot.ts";
import { renderSvg } from "../../src/reports/vega.ts";

Deno.test("curves show a panel a measure, a point a look, and every method in the legend", async () => {
  const methods = ["T_x only", "Gaussian T_z + T_x", "inverter"];
  const points = methods.flatMap((method, m) =>
    [20, 40, 60].map((step) => ({ method, step, value: 50 + step / 10 + m }))
  );
  const panels = [{ title: "kNN (%)", points }, { title: "effective rank", points: points.slice(0, 6) }];
  const svg = await renderSvg(curvesPlotSpec(panels, methods));
  assert.equal(svg.match(/aria-roledescription="point"/g)!.length, 9 + 6);
  for (const text of [...methods, "kNN (%)", "effective rank"]) assert(svg.includes(`>${text}<`), text);
  assert.doesNotMatch(svg, /NaN|undefined/);
});
