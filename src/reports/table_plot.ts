/** A table of the paper as a plot: its own column and the runs' accuracy side by side, rows in the same order. */

import type { TopLevelSpec } from "vega-lite";
import { INK, LOOK, MUTED } from "./vega.ts";

/** A run of a row, or a row that has none. */
export interface TableBar {
  readonly row: string;
  /** Per cent. */
  readonly paper: number;
  readonly top1: number | null;
}

const WIDTH = 250;
const ROW_HEIGHT = 26;

/** Bars of the paper's `column` on the left; on the right the mean of the runs, a point for each, and the untrained network. */
export function tablePlotSpec(bars: readonly TableBar[], column: string, untrained: number): TopLevelSpec {
  const order = [...new Set(bars.map(({ row }) => row))];
  const y = {
    field: "row",
    type: "nominal" as const,
    scale: { domain: order }, // rows that have no run are kept, so that both halves stand in line
    axis: { title: null, labelLimit: 320, grid: false },
  };
  const height = ROW_HEIGHT * order.length;
  const measured = bars.filter(({ top1 }) => top1 !== null).map(({ row, top1 }) => ({ row, top1 }));
  const x = { field: "top1", type: "quantitative" as const, title: "here: linear probe, top-1 (%)" };
  const known = Number.isFinite(untrained) ? [{ top1: untrained, label: "untrained" }] : [];
  const values = [...measured, ...known].map(({ top1 }) => top1!);
  const scale = values.length ? { domain: [Math.min(...values) - 4, Math.max(...values) + 2], zero: false } : {};
  const hidden = { ...y, axis: null };
  return {
    ...LOOK,
    hconcat: [
      {
        width: WIDTH,
        height,
        data: { values: [...new Map(bars.map(({ row, paper }) => [row, { row, paper }])).values()] },
        mark: { type: "bar", color: MUTED, opacity: 0.55, height: { band: 0.6 } },
        encoding: { y, x: { field: "paper", type: "quantitative", title: `paper: ${column} (%)` } },
      },
      {
        width: WIDTH,
        height,
        layer: [
          {
            data: { values: known },
            mark: { type: "rule", color: MUTED, strokeDash: [6, 4] },
            encoding: { x: { ...x, scale } },
          },
          {
            data: { values: measured },
            mark: { type: "point", color: INK, size: 26, filled: true, opacity: 0.5 },
            encoding: { y: hidden, x: { ...x, scale } },
          },
          {
            data: { values: measured },
            mark: { type: "tick", color: INK, thickness: 3, size: 16 },
            encoding: { y: hidden, x: { ...x, aggregate: "mean", scale, title: x.title } },
          },
          {
            data: { values: known },
            mark: { type: "text", color: MUTED, fontSize: 11, align: "left", baseline: "bottom", dx: 4, dy: -2 },
            encoding: { x: { ...x, scale }, y: { value: 0 }, text: { field: "label" } },
          },
        ],
      },
    ],
  };
}
