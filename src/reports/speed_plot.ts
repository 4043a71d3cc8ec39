/** Speed of several programs on several works: bars of GFLOP/s on a logarithmic axis, a group a work. */

import type { TopLevelSpec } from "vega-lite";
import { INK, LOOK } from "./vega.ts";

/** One program's speed on one work. */
export interface SpeedBar {
  readonly work: string;
  readonly engine: string;
  readonly gflops: number;
}

const WIDTH = 520;
/** Height of a bar, and the gap between groups in bars. */
const BAR = 9;
/** This program before and now, then peers: warm colours compute on the same adapter, grey ones elsewhere. */
const COLORS: Readonly<Record<string, string>> = {
  "latent-views, before": "#9dbbd8",
  "latent-views": INK,
  "tfjs WebGPU": "#e08214",
  "jax-js WebGPU": "#b35806",
  "onnxruntime-web WebGPU": "#fdb863",
  "onnxruntime-web WASM": "#7b9e87",
  "onnxruntime-node CPU": "#999999",
  "PyTorch CPU": "#666666",
  "PyTorch CUDA f32": "#444444",
  "PyTorch CUDA TF32": "#222222",
};

/** Works from top to bottom in the order given; programs in the order of COLORS. */
export function speedPlotSpec(bars: readonly SpeedBar[]): TopLevelSpec {
  const works = [...new Set(bars.map(({ work }) => work))];
  const engines = Object.keys(COLORS).filter((name) => bars.some(({ engine }) => engine === name));
  const most = Math.max(1, ...bars.map(({ gflops }) => gflops));
  const least = Math.min(1, ...bars.map(({ gflops }) => gflops));
  const groups = works.map((work) => engines.filter((e) => bars.some((b) => b.work === work && b.engine === e)));
  // Bars stand at rows of their own, so that works with few programs take little room.
  const rows: { row: number; work: string; engine: string; gflops: number; text: string }[] = [];
  const titles: { row: number; work: string }[] = [];
  let row = 0;
  works.forEach((work, i) => {
    titles.push({ work, row: row + (groups[i]!.length - 1) / 2 });
    for (const engine of groups[i]!) {
      const { gflops } = bars.find((b) => b.work === work && b.engine === engine)!;
      rows.push({ row: row++, work, engine, gflops, text: Number(gflops.toPrecision(2)).toLocaleString("en") });
    }
    row++;
  });
  const low = 10 ** Math.floor(Math.log10(least));
  const x = {
    field: "gflops",
    type: "quantitative" as const,
    title: "GFLOP/s, logarithmic",
    scale: { type: "log" as const, domain: [low, most * 1.8] },
    axis: { tickCount: 6, format: "~g" },
  };
  const y = {
    field: "row",
    type: "quantitative" as const,
    scale: { domain: [-0.5, row - 1.5], reverse: true, nice: false, zero: false },
    axis: null,
  };
  const color = {
    field: "engine",
    type: "nominal" as const,
    scale: { domain: engines, range: engines.map((name) => COLORS[name]!) },
    legend: { title: null, orient: "top" as const, columns: 3, labelLimit: 220 },
  };
  return {
    ...LOOK,
    width: WIDTH,
    height: BAR * (row - 1),
    layer: [
      {
        data: { values: rows.map((r) => ({ ...r, from: r.row - 0.5, to: r.row + 0.5, low })) },
        mark: { type: "rect" },
        encoding: {
          y: { ...y, field: "from" },
          y2: { field: "to" },
          x: { ...x, field: "low" },
          x2: { field: "gflops" },
          color,
        },
      },
      {
        data: { values: rows },
        mark: { type: "text", align: "left", baseline: "middle", dx: 3, fontSize: 8, color: "#444" },
        encoding: { y, x, text: { field: "text" } },
      },
      {
        data: { values: titles },
        mark: { type: "text", align: "right", baseline: "middle", dx: -8, fontSize: 11, color: "#222" },
        encoding: { y: { ...y, field: "row" }, x: { value: 0 }, text: { field: "work" } },
      },
    ],
  };
}
