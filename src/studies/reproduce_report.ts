/** The report on reproduced tables: the paper's numbers beside the runs' own, plots and view sheets. */

import { writeAtomic } from "../data/atomic.ts";
import { exists } from "../paths.ts";
import { type TableBar, tablePlotSpec } from "../reports/table_plot.ts";
import { renderSvg } from "../reports/vega.ts";
import { type Block, type Section, writeReport } from "../reports/report.ts";
import { runName, type Table } from "./paper_tables.ts";
import type { ReproducedRun, ReproduceOptions } from "./reproduce.ts";

/** Writes OUT/report: report.md, report.html, results.json and the pictures. */
export async function writeReproduction(runs: readonly ReproducedRun[], options: ReproduceOptions): Promise<void> {
  const folder = `${options.out}/report`;
  const records = runs.map(({ folder: _, settings, ...run }) => ({ ...run, settings }));
  await writeAtomic(`${folder}/results.json`, JSON.stringify(records, null, 2) + "\n");
  const sections: Section[] = [];
  for (const table of options.tables) sections.push(await tableSection(table, runs));
  sections.push({ title: "Views", blocks: await viewSheets(runs) });
  await writeReport(folder, { title: "The paper's tables, run again", intro: intro(runs, options), sections });
}

function intro(runs: readonly ReproducedRun[], { tables, seeds, sets }: ReproduceOptions): string[] {
  const minutes = runs.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  const overridden = sets.length ? ` Every run was overridden by ${sets.join(", ")}.` : "";
  return [
    `Settings: ${[...new Set(tables.map(({ config }) => config))].join(", ")}, and the overrides of each row in ` +
    `src/studies/paper_tables.yaml.${overridden} Seeds: ${seeds.join(", ")}. ${runs.length} runs took ` +
    `${minutes.toFixed(0)} minutes of training together.`,
    "The paper's columns are top-1 or average precision on the data sets that they name. Those named here are the " +
    "probes of the runs' own settings: per cent, mean over the seeds with the lowest and the highest in parentheses. " +
    "The two kinds can be compared by their order alone where the data differ.",
  ];
}

async function tableSection(table: Table, runs: readonly ReproducedRun[]): Promise<Section> {
  const bars: TableBar[] = [];
  const rows = table.rows.map((row) => {
    const own = runs.filter(({ run }) => run === runName(table, row));
    const trained = own.map(({ probes }) => probes.trained);
    const linear = trained.map((evaluation) => evaluation.linear.top1);
    bars.push(...linear.map((top1) => ({ row: row.label, paper: row.paper[0]!, top1 })));
    if (linear.length === 0) bars.push({ row: row.label, paper: row.paper[0]!, top1: null });
    const cells = [spread(linear), spread(trained.map(({ knn }) => knn.top1)), String(own.length)];
    return [row.label, ...row.paper.map((value) => value.toFixed(2)), ...cells];
  });
  const base = runs.filter(({ run }) => table.rows.some((row) => run === runName(table, row)));
  const untrained = [...new Map(base.map(({ seed, probes }) => [seed, probes.untrained])).values()];
  rows.push([
    "untrained network",
    ...table.columns.map(() => ""),
    spread(untrained.map(({ linear }) => linear.top1)),
    spread(untrained.map(({ knn }) => knn.top1)),
    String(untrained.length),
  ]);
  const head = ["method", ...table.columns.map((name) => `paper: ${name}`), "here: linear", "here: kNN", "seeds"];
  const level = mean(untrained.map(({ linear }) => linear.top1));
  const svg = await renderSvg(tablePlotSpec(bars, table.columns[0]!, level));
  const blocks: Block[] = [
    { kind: "table", head, rows },
    {
      kind: "picture",
      file: `table-${table.number}.svg`,
      bytes: new TextEncoder().encode(svg),
      caption: `Table ${table.number}: the paper's first column, and the linear probe here (a point for each seed)`,
    },
  ];
  return { title: `Table ${table.number}: ${table.title}`, blocks };
}

/** The view sheets of each method's first seed. */
async function viewSheets(runs: readonly ReproducedRun[]): Promise<Block[]> {
  const blocks: Block[] = [];
  for (const { run, folder, seed } of new Map(runs.toReversed().map((r) => [r.run, r])).values()) {
    const path = `${folder}/views.png`;
    if (!exists(path)) continue;
    const bytes = await Deno.readFile(path);
    blocks.unshift({ kind: "picture", file: `views-${run}.png`, bytes, caption: `${run}, seed ${seed}` });
  }
  return blocks;
}

/** Mean, with the lowest and the highest where there are several. */
function spread(values: readonly number[]): string {
  if (values.length === 0) return "not run";
  const average = mean(values).toFixed(2);
  if (values.length === 1) return average;
  return `${average} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
