/** Vega-lite plots as SVG, in one look. */

import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/** What is measured, and what it is compared with. */
export const INK = "#1f4e79";
export const MUTED = "#666";

/** Schema, background and fonts of every plot. */
export const LOOK = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  background: "white",
  padding: 12,
  config: {
    font: "sans-serif",
    axis: {
      labelFontSize: 12,
      titleFontSize: 13,
      titleFontWeight: "normal",
      gridColor: "#eee",
      labelFlush: false,
      titlePadding: 8,
    },
    view: { stroke: "#bbb" },
  },
} as const;

/** A vega-lite plot as the text of an SVG file. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
