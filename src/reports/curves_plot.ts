/** What runs measured while they trained, a panel a measure, a line a method. */

import type { TopLevelSpec } from "vega-lite";
import { LOOK } from "./vega.ts";

/** A measure of a method at a step: the mean over its seeds. */
export interface CurvePoint {
  readonly method: string;
  readonly step: number;
  readonly value: number;
}

/** One measure. */
export interface CurvePanel {
  readonly title: string;
  readonly points: readonly CurvePoint[];
}

const WIDTH = 250;
const HEIGHT = 190;

/** Panels side by side over one legend; methods have the same colour in all plots that name them in the same order. */
export function curvesPlotSpec(panels: readonly CurvePanel[], methods: readonly string[]): TopLevelSpec {
  return {
    ...LOOK,
    hconcat: panels.map(({ title, points }) => ({
      width: WIDTH,
      height: HEIGHT,
      data: { values: points.map((point) => ({ ...point })) },
      mark: { type: "line" as const, strokeWidth: 2, point: { size: 24 } },
      encoding: {
        x: { field: "step", type: "quantitative" as const, title: "step", axis: { tickMinStep: 1 } },
        y: { field: "value", type: "quantitative" as const, title, scale: { zero: false } },
        color: {
          field: "method",
          type: "nominal" as const,
          sort: [...methods],
          scale: { domain: [...methods], scheme: "tableau10" as const },
          legend: { title: null, orient: "bottom" as const, columns: 3, labelLimit: 400, labelFontSize: 12 },
        },
      },
    })),
  };
}
