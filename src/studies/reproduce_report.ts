/** The report on reproduced tables: the paper's numbers beside the runs' own, plots, learning curves and view sheets. */

import { writeAtomic } from "../data/atomic.ts";
import type { Column } from "../evaluation/protocol.ts";
import { exists } from "../paths.ts";
import { type CurvePanel, curvesPlotSpec } from "../reports/curves_plot.ts";
import { type Block, type Section, type TableColumn, writeReport } from "../reports/report.ts";
import { mean, rankCorrelation, spread } from "../reports/statistics.ts";
import { type TableBar, tablePlotSpec } from "../reports/table_plot.ts";
import { renderSvg } from "../reports/vega.ts";
import { type MetricsLine, readLines } from "../training/metrics.ts";
import { runName, type Table, type TableRow } from "./paper_tables.ts";
import type { ReproducedRun, ReproduceOptions, Reproduction } from "./reproduce.ts";

/** Writes OUT/report: report.md, report.html, results.json and the pictures. */
export async function writeReproduction(
  { runs, failures }: Reproduction,
  options: ReproduceOptions,
  adapter: string,
): Promise<void> {
  const folder = `${options.out}/report`;
  const records = { runs: runs.map(({ folder: _, ...run }) => run), failures };
  await writeAtomic(`${folder}/results.json`, JSON.stringify(records, null, 2) + "\n");
  const sections: Section[] = [overview(options.tables, runs)];
  for (const table of options.tables) sections.push(await tableSection(table, { runs, failures }));
  sections.push({ title: "Views", blocks: await viewSheets(options.tables, runs) });
  sections.push({ title: "Methods", blocks: [methodTable(options.tables)] });
  if (failures.length > 0) {
    const rows = failures.map(({ run, seed, message }) => [run, String(seed), message]);
    sections.push({ title: "Failures", blocks: [{ kind: "table", head: ["run", "seed", "why"], rows }] });
  }
  await writeReport(folder, { title: "The paper's tables, run again", intro: intro(runs, options, adapter), sections });
}

function intro(
  runs: readonly ReproducedRun[],
  { scale, tables, seeds, sets }: ReproduceOptions,
  adapter: string,
): string[] {
  const minutes = runs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  const overridden = sets.length ? ` Every run was overridden by ${sets.join(", ")}.` : "";
  const sizes = new Set(runs.map(({ probes: { trained } }) => `${trained.n_train} and ${trained.n_test}`));
  return [
    "Jahanian, Puig, Tian, Isola: Generative Models as a Data Source for Multiview Representation Learning, ICLR 2022. " +
    `Scale ${scale}: settings of ${[...new Set(tables.map(({ config }) => config))].join(", ")} with the overrides ` +
    `below.${overridden} Seeds ${seeds.join(", ")}. ${runs.length} runs, ${minutes.toFixed(0)} minutes of training ` +
    `on ${adapter}.`,
    "The paper's columns are what it prints: top-1 or average precision on the data that they name, one run each. " +
    "The columns here are the runs' own, in per cent, mean ± standard deviation over the seeds: the linear probe (last " +
    `epoch) and the nearest neighbours, on ${[...sizes].join("; ")} training and test images of the settings' probe ` +
    "data. Where the data differ, compare the order of the rows and the differences to the baseline, not the numbers.",
  ];
}

/** What a table says in one line. */
function overview(tables: readonly Table[], runs: readonly ReproducedRun[]): Section {
  const head = ["table", "rows with runs", "best in the paper", "best here", "rank correlation"];
  const rows = tables.map((table) => {
    const found = table.rows.map((row) => ({ row, paper: row.paper[0]!, own: linearOf(table, row, runs) }));
    const measured = found.filter(({ own }) => own.length > 0);
    const best = (score: (entry: typeof found[number]) => number, among: typeof found) =>
      among.reduce<typeof found[number] | null>((a, b) => !a || score(b) > score(a) ? b : a, null)?.row.label ?? "";
    const rho = rankCorrelation(measured.map(({ paper, own }) => [paper, mean(own)]));
    return [
      `Table ${table.number}: ${table.title}`,
      `${measured.length} of ${found.length}`,
      best(({ paper }) => paper, found),
      best(({ own }) => mean(own), measured),
      rho === null ? "" : rho.toFixed(2),
    ];
  });
  return {
    title: "At a glance",
    blocks: [{ kind: "table", head, rows }, {
      kind: "text",
      text:
        "Rank correlation: Spearman's, between the paper's first column and the mean of the linear probe here; 1 is " +
        "the paper's order of methods, 0 is no relation.",
    }],
  };
}

async function tableSection(table: Table, { runs, failures }: Reproduction): Promise<Section> {
  const of = (row: TableRow) => runs.filter(({ run }) => run === runName(table, row));
  const figures = table.columns.filter(({ figure }) =>
    table.rows.some((row) => of(row).some((run) => figureOf(run, figure)))
  );
  const baseline = table.rows.find(({ method }) => method === table.baseline);
  const against = baseline?.label ?? "";
  const head: TableColumn[] = [
    { title: "method" },
    ...table.columns.map(({ title }) => ({ group: "the paper", title })),
    ...baseline ? [{ group: "the paper", title: `to ${against}` }] : [],
    ...figures.map(({ title }) => ({ group: "here", title })),
    { group: "here", title: "linear" },
    ...baseline ? [{ group: "here", title: `to ${against}` }] : [],
    { group: "here", title: "kNN" },
    { group: "here", title: "seeds" },
  ];
  const rows = table.rows.map((row) => {
    const own = of(row);
    const failed = failures.some(({ run }) => run === runName(table, row));
    const difference = (x: number) => `${x >= 0 ? "+" : ""}${x.toFixed(2)}`;
    return [
      row.label,
      ...row.paper.map((value) => value.toFixed(2)),
      ...baseline ? [row === baseline ? "" : difference(row.paper[0]! - baseline.paper[0]!)] : [],
      ...figures.map(({ figure }) => spread(own.flatMap((run) => figureOf(run, figure) ?? []))),
      own.length === 0 ? failed ? "failed" : "not run" : spread(linearOf(table, row, runs)),
      ...baseline ? [row === baseline ? "" : spread(paired(own, of(baseline)), true)] : [],
      spread(own.map(({ probes }) => probes.trained.knn.top1)),
      String(own.length),
    ];
  });
  const untrained = untrainedOf(table, runs);
  const blank = (count: number) => new Array<string>(count).fill("");
  rows.push([
    "untrained network",
    ...blank(table.columns.length + (baseline ? 1 : 0) + figures.length),
    spread(untrained.map(({ linear }) => linear.top1)),
    ...blank(baseline ? 1 : 0),
    spread(untrained.map(({ knn }) => knn.top1)),
    String(untrained.length),
  ]);
  return {
    title: `Table ${table.number}: ${table.title}`,
    blocks: [{ kind: "table", head, rows }, await comparison(table, runs), ...await curves(table, runs)],
  };
}

/** The paper's first column beside the linear probe here. */
async function comparison(table: Table, runs: readonly ReproducedRun[]): Promise<Block> {
  const bars = table.rows.flatMap((row): TableBar[] => {
    const bar = { row: row.label, paper: row.paper[0]! };
    const own = linearOf(table, row, runs);
    return own.length === 0 ? [{ ...bar, top1: null }] : own.map((top1) => ({ ...bar, top1 }));
  });
  const level = mean(untrainedOf(table, runs).map(({ linear }) => linear.top1));
  return {
    kind: "picture",
    file: `table-${table.number}.svg`,
    bytes: await svgBytes(tablePlotSpec(bars, table.columns[0]!.title, level)),
    caption:
      `Table ${table.number}: the paper's first column (left) and the linear probe here (right): a dot for each ` +
      "seed, a bar for their mean, a broken line for the untrained network.",
  };
}

/** Measures of the watch, by their keys in metrics.jsonl. */
const MEASURES = [
  ["knn_top1", "kNN while training (%)"],
  ["effective_rank", "effective rank"],
] as const;

/** What the runs measured while they trained, where they did. */
async function curves(table: Table, runs: readonly ReproducedRun[]): Promise<Block[]> {
  const lines = table.rows.map((row) => ({
    label: row.label,
    lines: runs.filter(({ run }) => run === runName(table, row))
      .flatMap(({ folder }) => readLines(`${folder}/metrics.jsonl`)),
  }));
  const panels = MEASURES.map(([key, title]): CurvePanel => ({
    title,
    points: lines.flatMap(({ label, lines }) => meanBySteps(lines, key).map((point) => ({ method: label, ...point }))),
  })).filter(({ points }) => points.length > 0);
  if (panels.length === 0) return [];
  const methods = lines.filter(({ lines }) => lines.length > 0).map(({ label }) => label);
  return [{
    kind: "picture",
    file: `table-${table.number}-curves.svg`,
    bytes: await svgBytes(curvesPlotSpec(panels, methods)),
    caption:
      `Table ${table.number} while training, means over the seeds: nearest neighbours on held-out images of the ` +
      "training split, and the effective rank of what the loss compares, or of the features where it compares nothing.",
  }];
}

/** The mean of a measure over the lines of each step that has it. */
function meanBySteps(
  lines: readonly MetricsLine[],
  key: typeof MEASURES[number][0],
): { step: number; value: number }[] {
  const bySteps = new Map<number, number[]>();
  for (const line of lines) {
    const value = line[key];
    if (typeof value === "number") bySteps.set(line.step, [...bySteps.get(line.step) ?? [], value]);
  }
  return [...bySteps].map(([step, values]) => ({ step, value: mean(values) })).sort((a, b) => a.step - b.step);
}

/** The view sheet of each method's first seed. */
async function viewSheets(tables: readonly Table[], runs: readonly ReproducedRun[]): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const run of new Set(runs.map(({ run }) => run))) {
    const first = runs.find((other) => other.run === run)!;
    if (!exists(`${first.folder}/views.png`)) continue;
    const rows = tables.flatMap((table) =>
      table.rows.filter((row) => runName(table, row) === run).map(({ label }) => ({ label, number: table.number }))
    );
    const numbers = rows.map(({ number }) => number);
    blocks.push({
      kind: "picture",
      file: `views-${run}.png`,
      bytes: await Deno.readFile(`${first.folder}/views.png`),
      caption: `${rows[0]!.label}: table${numbers.length > 1 ? "s" : ""} ${numbers.join(", ")}, seed ${first.seed}`,
    });
  }
  return blocks;
}

/** What each row overrides. */
function methodTable(tables: readonly Table[]): Block {
  const rows = new Map(tables.flatMap((table) =>
    table.rows.map((row) => [
      runName(table, row),
      [row.label, table.config, row.real ? "real images" : "generator", row.sets.join(" ")],
    ])
  ));
  return { kind: "table", head: ["method", "settings", "learns from", "overrides"], rows: [...rows.values()] };
}

function linearOf(table: Table, row: TableRow, runs: readonly ReproducedRun[]): number[] {
  return runs.filter(({ run }) => run === runName(table, row)).map(({ probes }) => probes.trained.linear.top1);
}

/** Differences of the linear probe to the baseline's run of the same seed. */
function paired(runs: readonly ReproducedRun[], baseline: readonly ReproducedRun[]): number[] {
  return runs.flatMap(({ seed, probes }) => {
    const other = baseline.find((run) => run.seed === seed);
    return other ? [probes.trained.linear.top1 - other.probes.trained.linear.top1] : [];
  });
}

/** The untrained network's probes, one a seed. */
function untrainedOf(table: Table, runs: readonly ReproducedRun[]) {
  const own = runs.filter(({ run }) => table.rows.some((row) => run === runName(table, row)));
  return [...new Map(own.map(({ seed, probes }) => [seed, probes.untrained])).values()];
}

/** A figure that one of the protocols gave; undefined where none did. */
function figureOf({ outcomes = {} }: ReproducedRun, figure: Column): number | undefined {
  return Object.values(outcomes).map(({ figures }) => figures[figure]).find((value) => value !== undefined);
}

async function svgBytes(spec: Parameters<typeof renderSvg>[0]): Promise<Uint8Array> {
  return new TextEncoder().encode(await renderSvg(spec));
}
