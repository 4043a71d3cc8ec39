/** Encoders beside the paper's rows: a dot for each figure, a panel for each column, rows in the same order. */

import type { TopLevelSpec } from "vega-lite";
import { INK, LOOK, MUTED } from "./vega.ts";

/** A row of the comparison with its figures by column; null where it has none. */
export interface ComparisonRow {
  readonly label: string;
  /** Whether it was measured here; else it is the paper's. */
  readonly here: boolean;
  readonly figures: Readonly<Record<string, number | null>>;
}

const WIDTH = 170;
const ROW_HEIGHT = 19;

/** A panel a column, the first one with the rows' names. */
export function comparisonPlotSpec(rows: readonly ComparisonRow[], columns: readonly string[]): TopLevelSpec {
  const order = rows.map(({ label }) => label);
  const panels = columns.map((column, i) => {
    const values = rows.flatMap(({ label, here, figures }) => {
      const value = figures[column] ?? null;
      return value === null ? [] : [{ row: label, value, from: here ? "here" : "the paper" }];
    });
    const y = {
      field: "row",
      type: "nominal" as const,
      scale: { domain: order },
      axis: i === 0
        ? { title: null, labelLimit: 640, grid: true, tickSize: 0 }
        : { title: null, labels: false, grid: true },
    };
    return {
      width: WIDTH,
      height: ROW_HEIGHT * order.length,
      data: { values },
      mark: { type: "point" as const, filled: true, opacity: 1, size: 55 },
      encoding: {
        y,
        x: {
          field: "value",
          type: "quantitative" as const,
          title: `${column} (%)`,
          scale: { zero: false, padding: 12 },
        },
        color: {
          field: "from",
          type: "nominal" as const,
          scale: { domain: ["here", "the paper"], range: [INK, MUTED] },
          legend: i === 0 ? { title: null, orient: "top" as const, labelFontSize: 12 } : null,
        },
        shape: {
          field: "from",
          type: "nominal" as const,
          scale: { domain: ["here", "the paper"], range: ["circle", "diamond"] },
          legend: i === 0 ? { title: null, orient: "top" as const, labelFontSize: 12 } : null,
        },
      },
    };
  });
  return { ...LOOK, hconcat: panels, resolve: { scale: { color: "independent", shape: "independent" } } };
}
