// Rules about our own source text: which way imports point, documented exports, length of files.
import { dirname, join, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** Longest file, in lines. */
export const MAX_LINES = 400;

/** A layer imports its own and lower ones. Folders of src/ by name, its files by stem. */
const LAYERS: readonly (readonly string[])[] = [
  ["errors", "paths"],
  ["graph"],
  ["ops"],
  ["encoders", "losses", "generators", "augment", "data", "onnx", "config", "config_schema", "progress"],
  ["training", "evaluation", "reports", "models"],
  ["studies", "doctor"],
  ["cli"],
  ["tasks", "tests"],
];

/** gpu stands beside the layers: it runs what graph has planned, and nothing below training knows it. */
const GPU_IMPORTS = ["gpu", "graph", "errors", "paths"];
const GPU_USERS_FROM = LAYERS.findIndex((layer) => layer.includes("training"));

/** A source file by its path from the project's folder. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The files with this extension below some folders of the project. */
export function sourceFiles(folders: readonly string[], extensions: readonly string[] = [".ts"]): SourceFile[] {
  return folders.flatMap((folder) => walk(join(ROOT, folder)))
    .filter((path) => extensions.some((extension) => path.endsWith(extension)))
    .map((path) => ({ path: relative(ROOT, path), text: Deno.readTextFileSync(path) }));
}

/** Imports that point up, or past gpu's wall, one line each. */
export function layerViolations(files: readonly SourceFile[]): string[] {
  const lines = files.flatMap(({ path, text }) =>
    importsOf(text).map((specifier) => join(dirname(path), specifier))
      .map((target) => violation(path, target)).filter((line) => line !== undefined)
  );
  return [...new Set(lines)];
}

/** Exported functions and classes that say nothing about themselves. */
export function undocumented(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n");
    return lines.flatMap((line, i) => {
      const name = /^export (?:default )?(?:async )?(?:abstract )?(?:function\*?|class) (\w+)/.exec(line)?.[1];
      if (name === undefined || lines[i - 1]?.trimEnd().endsWith("*/")) return [];
      return lines[i - 1]?.startsWith(`export function ${name}(`) ? [] : [`${path}:${i + 1} ${name} has no docstring`];
    });
  });
}

/** Files that have grown too long. */
export function tooLong(files: readonly SourceFile[]): string[] {
  return files.map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines, more than ${MAX_LINES}: split it`);
}

/** Relative imports that are there at run time; naming a type binds no layer to another. */
function importsOf(text: string): string[] {
  const pattern = /^(?:import|export)\b(?! type\b)[^;"']*?(?:from\s*)?["'](\.[^"']+\.ts)["']/gm;
  return Array.from(text.matchAll(pattern), (match) => match[1]);
}

function violation(path: string, target: string): string | undefined {
  const [from, to] = [layerOf(path), layerOf(target)];
  const [rankFrom, rankTo] = [from, to].map((name) => LAYERS.findIndex((layer) => layer.includes(name)));
  const line = `${path} imports ${target}`;
  if (from === "gpu") {
    return GPU_IMPORTS.includes(to) ? undefined : `${line}: gpu knows graph only`;
  }
  if (rankFrom < 0) return `${path} belongs to no layer: add ${from} to LAYERS`;
  if (to === "gpu") return rankFrom >= GPU_USERS_FROM ? undefined : `${line}: ${from} knows nothing of WebGPU`;
  if (rankTo < 0) return `${target} belongs to no layer: add ${to} to LAYERS`;
  return rankTo <= rankFrom ? undefined : `${line}: ${from} is below ${to}`;
}

function layerOf(path: string): string {
  const [top, second = ""] = path.split("/");
  return top === "src" ? second.replace(/\.ts$/, "") : top;
}

function walk(folder: string): string[] {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory ? walk(path) : [path];
  });
}
