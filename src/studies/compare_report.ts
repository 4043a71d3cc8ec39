/** The report on several encoders: a table of the paper's columns beside its rows, a plot, and each encoder's details. */

import { basename } from "node:path";
import { writeAtomic } from "../data/atomic.ts";
import { COLUMNS } from "../evaluation/protocol.ts";
import { comparisonPlotSpec, type ComparisonRow } from "../reports/comparison_plot.ts";
import { type Block, type Section, writeReport } from "../reports/report.ts";
import { renderSvg } from "../reports/vega.ts";
import type { Judged } from "./compare_encoders.ts";
import { evaluationJson } from "./evaluate_checkpoint.ts";
import { readTables, type Table } from "./paper_tables.ts";

/** A table of figures in per cent. */
export interface Comparison {
  readonly columns: readonly string[];
  readonly rows: readonly ComparisonRow[];
}

/** A column of the paper that has no data, and the option that would give them. */
export interface LeftOut {
  readonly column: string;
  readonly option: string;
}

/** The encoders' figures: the paper's columns in their order, then those of other protocols. */
export function comparisonOf(judged: readonly Judged[]): Comparison {
  const rows = judged.map(({ label, outcomes }): ComparisonRow => ({
    label,
    here: true,
    figures: Object.assign({}, ...[...outcomes.values()].map(({ figures }) => figures)),
  }));
  const names = new Set(rows.flatMap(({ figures }) => Object.keys(figures)));
  const paper = COLUMNS.filter((column) => names.delete(column));
  return { columns: [...paper, ...names], rows };
}

/** The paper's rows with these columns. Its tables 1 to 3 have ImageNet's 1000 classes, 4 to 6 those of ImageNet100. */
export function paperRows(columns: readonly string[], classes: number | null): ComparisonRow[] {
  const numbers = classes === 1000
    ? ["1", "2", "3"]
    : classes === 100
    ? ["4", "5", "6"]
    : ["1", "2", "3", "4", "5", "6"];
  return readTables(numbers, "paper").tables.flatMap((table) =>
    table.rows.map((row) => ({
      label: `table ${table.number}: ${row.label}`,
      here: false,
      figures: figuresOf(table, row.paper),
    }))
  ).filter(({ figures }) => columns.some((column) => figures[column] !== undefined));
}

/** A row's numbers by column, in per cent: the paper prints VOC07's average precision as a fraction in some tables. */
function figuresOf(table: Table, paper: readonly number[]): Record<string, number> {
  return Object.fromEntries(table.columns.flatMap(({ figure }, i) => {
    const value = paper[i]!;
    return figure === null ? [] : [[figure, value <= 1 ? 100 * value : value]];
  }));
}

/** The table as lines of text. */
export function comparisonText({ columns, rows }: Comparison): string {
  const cells = [["", ...columns], ...rows.map((row) => [row.label, ...columns.map((column) => cell(row, column))])];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  return cells.map((row) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)).join("  ")
  )
    .join("\n");
}

function cell({ figures }: ComparisonRow, column: string): string {
  return figures[column]?.toFixed(2) ?? "";
}

/** Everything as one object. */
export function comparisonJson(judged: readonly Judged[], leftOut: readonly LeftOut[]): Record<string, unknown> {
  const { columns, rows } = comparisonOf(judged);
  return {
    columns,
    rows: rows.map(({ label, figures }) => ({ label, figures })),
    left_out: leftOut.map(({ column }) => column),
    encoders: judged.map((one) => ({ ...evaluationJson(one), failures: one.failures })),
  };
}

/** Writes OUT/report.md, report.html, results.json and pictures. */
export async function writeComparison(
  out: string,
  judged: readonly Judged[],
  leftOut: readonly LeftOut[],
): Promise<void> {
  await writeAtomic(`${out}/results.json`, JSON.stringify(comparisonJson(judged, leftOut), null, 2) + "\n");
  const { columns, rows } = comparisonOf(judged);
  const classes = judged.find(({ data }) => data !== null)?.data?.classes ?? null;
  const paper = paperRows(columns, classes);
  const all = [...rows, ...paper];
  const table: Block = {
    kind: "table",
    head: ["encoder", "from", ...columns],
    rows: all.map((row) => [
      row.label,
      row.here ? "here" : "the paper",
      ...columns.map((column) => cell(row, column)),
    ]),
  };
  const plotted = columns.filter((column) => all.some(({ figures }) => figures[column] !== undefined));
  const picture: Block = {
    kind: "picture",
    file: "comparison.svg",
    bytes: new TextEncoder().encode(await renderSvg(comparisonPlotSpec(all, plotted))),
    caption: "The same figures; every column has a scale of its own.",
  };
  const sections: Section[] = [{ title: "Figures", blocks: [table, picture] }];
  for (const one of judged) sections.push(await details(one));
  await writeReport(out, { title: "Encoders by the paper's protocols", intro: intro(judged, leftOut), sections });
}

function intro(judged: readonly Judged[], leftOut: readonly LeftOut[]): string[] {
  const sizes = new Set(
    judged.flatMap(({ data }) =>
      data ? [`${data.classes} classes, ${data.n_train} training and ${data.n_test} test images`] : []
    ),
  );
  const options = [...new Set(leftOut.map(({ option }) => option))];
  return [
    "All figures in per cent. ImageNet top-1 and Cars are those of the linear probe's best epoch on the test set, as the " +
    "authors count; VOC07 AP is the mean over the classes of the area below the precision-recall curve; detection's " +
    "AP is COCO's mean over ten overlaps.",
    ...sizes.size > 0
      ? [
        `The labelled images that stand for ImageNet here: ${[...sizes].join("; ")}. In the paper they are ` +
        "ImageNet's 1000 classes in tables 1 to 3, and ImageNet100 in tables 4 to 6.",
      ]
      : [],
    ...leftOut.length > 0
      ? [
        `Left out, because no data were given: ${leftOut.map(({ column }) => column).join(", ")}. ` +
        `Give ${options.join(", ")}.`,
      ]
      : [],
  ];
}

/** What the protocols said of an encoder, their tables by class and their pictures. */
async function details({ label, folder, outcomes, failures }: Judged): Promise<Section> {
  const rows = [...outcomes].flatMap(([name, { lines }]) => lines.map((line, i) => [i === 0 ? name : "", line]));
  const failed = failures.map(({ protocol, kind, message }) => [
    protocol,
    `${kind === "unsuitable" ? "not possible" : "failed"}: ${message}`,
  ]);
  const blocks: Block[] = [{ kind: "table", head: ["protocol", "says"], rows: [...rows, ...failed] }];
  for (const name of folder === null ? [] : filesOf(folder)) {
    const path = `${folder}/${name}`;
    if (/(^|[-/])classes\.csv$/.test(name)) blocks.push(...classTable(await Deno.readTextFile(path)));
    if (!name.endsWith(".png")) continue;
    blocks.push({
      kind: "picture",
      file: `${basename(folder!)}-${name.replaceAll("/", "-")}`,
      bytes: await Deno.readFile(path),
      caption: `${label}: ${name.replace(/\.png$/, "").replaceAll(/[-/]/g, ", ")}`,
    });
  }
  return { title: label, blocks };
}

/** Files in a folder and in the folders of its protocols, by their paths from it, sorted. */
function filesOf(folder: string): string[] {
  const names = [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory
      ? Array.from(Deno.readDirSync(`${folder}/${entry.name}`), ({ name }) => `${entry.name}/${name}`)
      : [entry.name]
  );
  return names.sort();
}

/** More rows are left to the file. */
const LONGEST_TABLE = 40;

/** A table by class as a protocol wrote it; none where it is long or has quoted cells. */
function classTable(csv: string): Block[] {
  const [head, ...rows] = csv.trimEnd().split("\n").map((line) => line.split(","));
  if (csv.includes('"') || rows.length > LONGEST_TABLE) return [];
  return [{ kind: "table", head: head!.map((title) => title.replaceAll("_", " ")), rows }];
}
