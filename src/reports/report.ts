/** A report of text, tables and pictures, as Markdown beside its pictures and as one HTML page that holds them. */

import { Buffer } from "node:buffer";
import { writeAtomic } from "../data/atomic.ts";

/** A part of a report. */
export type Block =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
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
  for (const section of sections) parts.push(`## ${section.title}`, ...section.blocks.map(markdownBlock));
  return parts.join("\n\n") + "\n";
}

function markdownBlock(block: Block): string {
  switch (block.kind) {
    case "text":
      return block.text;
    case "table": {
      const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
      const rule = block.head.map((_, i) => i === 0 ? "---" : "---:");
      return [block.head, rule, ...block.rows].map(line).join("\n");
    }
    case "picture":
      return `![${block.caption}](${block.file})\n\n*${block.caption}*`;
  }
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #eee; }
th:first-child, td:first-child { text-align: left; } th { border-bottom: 1px solid #999; font-weight: 600; }
figure { margin: 1rem 0; } img { max-width: 100%; } figcaption { color: #666; font-size: .9rem; }
`;

/** The report as one HTML page that needs nothing else. */
export function toHtml({ title, intro, sections }: Report): string {
  const body = [
    `<h1>${escape(title)}</h1>`,
    ...intro.map((text) => `<p>${escape(text)}</p>`),
    ...sections.flatMap((section) => [`<h2>${escape(section.title)}</h2>`, ...section.blocks.map(htmlBlock)]),
  ];
  return `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>${escape(title)}</title>\n` +
    `<style>${STYLE}</style>\n</head>\n<body>\n${body.join("\n")}\n</body>\n</html>\n`;
}

function htmlBlock(block: Block): string {
  switch (block.kind) {
    case "text":
      return `<p>${escape(block.text)}</p>`;
    case "table": {
      const row = (cells: readonly string[], tag: string) =>
        `<tr>${cells.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
      return `<table>\n<thead>${row(block.head, "th")}</thead>\n<tbody>\n` +
        `${block.rows.map((cells) => row(cells, "td")).join("\n")}\n</tbody>\n</table>`;
    }
    case "picture": {
      const type = block.file.endsWith(".svg") ? "image/svg+xml" : "image/png";
      const source = `data:${type};base64,${Buffer.from(block.bytes).toString("base64")}`;
      const caption = escape(block.caption);
      return `<figure><img src="${source}" alt="${caption}"><figcaption>${caption}</figcaption></figure>`;
    }
  }
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
