// The plot of a sweep: accuracy against the setting that it varies, as the paper's figures 5, 6, 8 and 9, and beside it
// the paper's own curve where its numbers are known.
import { Buffer } from "node:buffer";
import sharp from "sharp";
import type { TopLevelSpec } from "vega-lite";
import { writeAtomic } from "../data/atomic.ts";
import { INK, LOOK, MUTED, renderSvg } from "./vega.ts";

/** One training and probe of a sweep. */
export interface SweepRow {
  readonly value: number;
  readonly seed: number;
  /** Percent. */
  readonly top1: number;
}

/** The axis of the setting that a sweep varies. */
export interface SweepAxis {
  readonly title: string;
  readonly type: "linear" | "log";
}

/** A curve of the paper. */
export interface PaperCurve {
  /** What was measured, on what: lines that are shorter than the axis is long. */
  readonly title: readonly string[];
  /** Value of the setting and per cent. */
  readonly points: readonly (readonly [value: number, top1: number])[];
}

const WIDTH = 460;
const PAPER_WIDTH = 240;
const HEIGHT = 300;
const PNG_SCALE = 2;

/** Writes STEM.svg and STEM.png. */
export async function writeSweepPlot(
  stem: string,
  rows: readonly SweepRow[],
  axis: SweepAxis,
  untrained: number,
  paper: PaperCurve | null,
): Promise<void> {
  const svg = await renderSvg(sweepPlotSpec(rows, axis, untrained, paper));
  await writeAtomic(`${stem}.svg`, svg);
  await writeAtomic(`${stem}.png`, await sharp(Buffer.from(svg), { density: 72 * PNG_SCALE }).png().toBuffer());
}

/**
 * Mean over seeds as a line, lowest to highest as a band, a point for each seed, the untrained network as a rule; at the
 * right the paper's curve.
 */
export function sweepPlotSpec(
  rows: readonly SweepRow[],
  axis: SweepAxis,
  untrained: number,
  paper: PaperCurve | null,
): TopLevelSpec {
  if (rows.length === 0) throw new RangeError("Expected at least one run to plot");
  return { ...LOOK, hconcat: [measured(rows, axis, untrained), ...paper ? [printed(paper, axis)] : []] };
}

type Panel = Extract<TopLevelSpec, { hconcat: unknown }>["hconcat"][number];

/** The paper's curve, on axes of its own: its data and its scale are others. */
function printed({ title, points }: PaperCurve, axis: SweepAxis): Panel {
  return {
    width: PAPER_WIDTH,
    height: HEIGHT,
    data: { values: points.map(([value, top1]) => ({ value, top1 })) },
    mark: { type: "line", color: MUTED, strokeWidth: 2, point: { color: MUTED, size: 50 } },
    encoding: {
      x: {
        field: "value",
        type: "quantitative",
        title: axis.title,
        scale: { type: axis.type, domain: domainOf(points.map(([value]) => value), axis.type), nice: false },
        axis: { tickCount: 5 },
      },
      y: { field: "top1", type: "quantitative", title: [...title], scale: { zero: false }, axis: { tickCount: 6 } },
    },
  };
}

function measured(rows: readonly SweepRow[], axis: SweepAxis, untrained: number): Panel {
  const rules = [{ label: "untrained network", top1: untrained }];
  const values = [...rows, ...rules].map(({ top1 }) => top1);
  const margin = Math.max(0.5, 0.08 * (Math.max(...values) - Math.min(...values)));
  const y = {
    field: "top1",
    type: "quantitative" as const,
    title: "top-1 accuracy (%)",
    scale: { zero: false, domain: [Math.min(...values) - margin, Math.max(...values) + margin], nice: true },
  };
  const x = {
    field: "value",
    type: "quantitative" as const,
    title: axis.title,
    scale: { type: axis.type, domain: domainOf(rows.map(({ value }) => value), axis.type), nice: false },
  };
  const title = y.title;
  return {
    width: WIDTH,
    height: HEIGHT,
    data: { values: rows.map((row) => ({ ...row })) },
    layer: [
      {
        mark: { type: "area", color: INK, opacity: 0.15 },
        encoding: {
          x,
          y: { ...y, aggregate: "min", title },
          y2: { field: "top1", aggregate: "max", title },
        },
      },
      {
        mark: { type: "line", color: INK, strokeWidth: 2 },
        encoding: { x, y: { ...y, aggregate: "mean", title } },
      },
      {
        mark: { type: "point", color: INK, size: 22, filled: true, opacity: 0.45 },
        encoding: { x, y },
      },
      {
        mark: { type: "point", color: INK, size: 64, filled: true, opacity: 1 },
        encoding: { x, y: { ...y, aggregate: "mean", title } },
      },
      {
        data: { values: rules },
        mark: { type: "rule", color: MUTED, strokeDash: [6, 4] },
        encoding: { y },
      },
      {
        data: { values: rules },
        mark: { type: "text", color: MUTED, fontSize: 12, align: "left", baseline: "top", dx: 14, dy: 4 },
        encoding: { x: { value: 0 }, y, text: { field: "label" } },
      },
    ],
  };
}

/** From 0, or on a logarithmic axis from below the smallest value, to beyond the largest. */
function domainOf(values: readonly number[], type: SweepAxis["type"]): [number, number] {
  const largest = Math.max(...values);
  return type === "log" ? [Math.min(...values) / 1.3, largest * 1.3] : [0, Math.max(0.01, largest) * 1.04];
}
