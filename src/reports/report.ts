/** A report of text, tables and pictures, as Markdown beside its pictures and as one HTML page that holds them. */

import { Buffer } from "node:buffer";
import { writeAtomic } from "../data/atomic.ts";

/** A column of a table; neighbours of one group stand below its name. */
export interface TableColumn {
  readonly title: string;
  readonly group?: string;
}

/** A part of a report. */
export type Block =
  | { readonly kind: "text"; readonly text: string }
  | {
    readonly kind: "table";
    readonly head: readonly (string | TableColumn)[];
    readonly rows: readonly (readonly string[])[];
  }
  /** `file` is the picture's name in the report's folder; a view sheet is a PNG, a plot an SVG. */
  | { readonly kind: "picture"; readonly file: string; readonly bytes: Uint8Array; readonly caption: string };

/** A heading and what stands below it. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

/** Title, a few lines, sections. */
export interface Report {
  readonly title: string;
  readonly intro: readonly string[];
  readonly sections: readonly Section[];
}

/** Writes report.md, its pictures and report.html into a folder, each whole or not at all. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  for (const { blocks } of report.sections) {
    for (const block of blocks) if (block.kind === "picture") await writeAtomic(`${folder}/${block.file}`, block.bytes);
  }
  await writeAtomic(`${folder}/report.md`, toMarkdown(report));
  await writeAtomic(`${folder}/report.html`, toHtml(report));
}

/** The report as Markdown; pictures are links to files beside it. */
export function toMarkdown({ title, intro, sections }: Report): string {
  const parts = [`# ${title}`, ...intro];
  for (const { title, blocks } of sections) parts.push(`## ${title}`, blocksToMarkdown(blocks));
  return parts.join("\n\n") + "\n";
}

/** Blocks as Markdown; `folder` leads from the file that they go into to the pictures, and ends in a slash. */
export function blocksToMarkdown(blocks: readonly Block[], folder = ""): string {
  return blocks.map((block) => markdownBlock(block, folder)).join("\n\n");
}

function markdownBlock(block: Block, folder: string): string {
  switch (block.kind) {
    case "text":
      return block.text;
    case "table": {
      const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
      const head = columnsOf(block).map(({ title, group }) => group === undefined ? title : `${group}: ${title}`);
      const rule = head.map((_, i) => isNumeric(block, i) ? "---:" : "---");
      return [head, rule, ...block.rows].map(line).join("\n");
    }
    case "picture":
      return `![${block.caption}](${folder}${block.file})\n\n*${block.caption}*`;
  }
}

type Table = Extract<Block, { kind: "table" }>;

function columnsOf({ head }: Table): TableColumn[] {
  return head.map((column) => typeof column === "string" ? { title: column } : column);
}

/** Whether a column holds numbers, which stand at its right. */
function isNumeric({ rows }: Table, column: number): boolean {
  return column > 0 && rows.some((row) => /^[+-]?\d/.test(row[column]!));
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 3rem; border-bottom: 1px solid #ddd; }
p { max-width: 50rem; } nav { color: #666; } nav a { margin-right: 1rem; } a { color: #1f4e79; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; }
th, td { padding: .28rem .7rem; text-align: left; border-bottom: 1px solid #eee; vertical-align: top; }
th { border-bottom: 1px solid #999; font-weight: 600; vertical-align: bottom; }
th.group { text-align: center; border-bottom: 1px solid #ccc; color: #1f4e79; }
.number { text-align: right; font-variant-numeric: tabular-nums; } td.number { white-space: nowrap; }
.grouped td:first-child { white-space: nowrap; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
figcaption { color: #666; font-size: .9rem; max-width: 50rem; }
`;

/** The report as one HTML page that needs nothing else. */
export function toHtml({ title, intro, sections }: Report): string {
  const body = [
    `<h1>${escape(title)}</h1>`,
    ...intro.map((text) => `<p>${escape(text)}</p>`),
    `<nav>${
      sections.map((section, i) => `<a href="#s${i}">${escape(section.title.split(":")[0]!)}</a>`).join("")
    }</nav>`,
    ...sections.flatMap((section, i) => [
      `<h2 id="s${i}">${escape(section.title)}</h2>`,
      ...section.blocks.map(htmlBlock),
    ]),
  ];
  return `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>${escape(title)}</title>\n` +
    `<style>${STYLE}</style>\n</head>\n<body>\n${body.join("\n")}\n</body>\n</html>\n`;
}

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case "text":
      return `<p>${escape(block.text)}</p>`;
    case "table": {
      const columns = columnsOf(block);
      const style = columns.map((_, i) => isNumeric(block, i) ? ' class="number"' : "");
      const row = (cells: readonly string[], tag: string) =>
        `<tr>${cells.map((cell, i) => `<${tag}${style[i]}>${escape(cell)}</${tag}>`).join("")}</tr>`;
      const grouped = columns.some(({ group }) => group !== undefined);
      const groups = grouped ? `${groupRow(columns)}\n` : "";
      return `<div class="wide"><table${grouped ? ' class="grouped"' : ""}>\n<thead>\n${groups}${
        row(columns.map(({ title }) => title), "th")
      }\n</thead>\n` +
        `<tbody>\n${block.rows.map((cells) => row(cells, "td")).join("\n")}\n</tbody>\n</table></div>`;
    }
    case "picture": {
      const type = block.file.endsWith(".svg") ? "image/svg+xml" : "image/png";
      const source = `data:${type};base64,${Buffer.from(block.bytes).toString("base64")}`;
      const caption = escape(block.caption);
      return `<figure><img src="${source}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`;
    }
  }
}

/** The row above the titles: each group's name over its columns. */
function groupRow(columns: readonly TableColumn[]): string {
  const runs: { group: string | undefined; span: number }[] = [];
  for (const { group } of columns) {
    const last = runs.at(-1);
    if (last && last.group === group) last.span++;
    else runs.push({ group, span: 1 });
  }
  const cell = ({ group, span }: typeof runs[number]) =>
    group === undefined ? `<td colspan="${span}"></td>` : `<th class="group" colspan="${span}">${escape(group)}</th>`;
  return `<tr>${runs.map(cell).join("")}</tr>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
