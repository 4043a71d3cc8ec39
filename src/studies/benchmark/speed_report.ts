/** The report on speed: the README's section between its marks, and benchmarks/report.md with every figure. */

import { writeAtomic } from "../../data/atomic.ts";
import { UserError } from "../../errors.ts";
import { type Block, blocksToMarkdown, type Section, writeReport } from "../../reports/report.ts";
import { type SpeedBar, speedPlotSpec } from "../../reports/speed_plot.ts";
import { renderSvg } from "../../reports/vega.ts";
import { TOLERANCE } from "./compare.ts";
import { goalsOf, OWN, ratioTo, rowOf } from "./goals.ts";
import {
  adapterFamily,
  type Baseline,
  readBaseline,
  readResults,
  type Results,
  type StoredComparison,
  type StoredFeed,
  type StoredRow,
} from "./results.ts";
import { WORKS } from "./works.ts";

/** Between these lines the README belongs to `deno task benchmark --report`. */
const BEGIN = "<!-- speed: from here on written by deno task benchmark --report -->";
const END = "<!-- speed: to here -->";

const METHOD = [
  "Each work runs on all programs in one go, from the same inputs, weights and latents, and the results are compared.",
  "Rounds of runs go from program to program in turn; a time is the median of a run over the rounds. GFLOP/s are those of",
  "the convolutions and products alone over the whole time, by the same count for all; behind a peer's stands how many",
  "times as fast latent-views is.",
].join("\n");

/** What an adapter's figures become. */
interface AdapterPart {
  readonly adapter: string;
  readonly summary: readonly Block[];
  readonly details: Block;
}

/** Where a report goes. */
export interface ReportPaths {
  /** Takes report.md, report.html and the plots; holds the kept figures. */
  readonly folder: string;
  /** Takes the summary between its marks; the folder lies beside it as benchmarks/. */
  readonly readme: string;
}

/** UserError where a report could not be written, before hours are spent on its figures. */
export function checkReport({ folder, readme }: ReportPaths): void {
  readResults(folder);
  readBaseline(folder);
  aroundMarks(Deno.readTextFileSync(readme), readme);
}

/** Writes the report on all kept figures. UserError where there are none. */
export async function writeSpeedReport(paths: ReportPaths): Promise<void> {
  const [results, baseline] = [readResults(paths.folder), readBaseline(paths.folder)];
  if (results.comparisons.length === 0) {
    throw new UserError(`${paths.folder}/results.json has no figures to report: run with --peers --report`);
  }
  const [before, after] = aroundMarks(await Deno.readTextFile(paths.readme), paths.readme);
  const parts: AdapterPart[] = [];
  for (const adapter of adaptersOf(results)) parts.push(await adapterPart(adapter, results, baseline));
  const sections = parts.map(({ adapter, summary, details }): Section => ({
    title: adapter,
    blocks: [...summary, details],
  }));
  await writeReport(paths.folder, { title: "Speed", intro: [METHOD], sections });
  const summary = parts.map((part) => blocksToMarkdown(part.summary, "benchmarks/"));
  await writeAtomic(paths.readme, `${before}${[BEGIN, METHOD, ...summary, END].join("\n\n")}${after}`);
}

function aroundMarks(text: string, path: string): [string, string] {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from >= 0 && to > from) return [text.slice(0, from), text.slice(to + END.length)];
  throw new UserError(`${path} has no place for the report: put the lines "${BEGIN}" and "${END}" where it belongs`);
}

function adaptersOf({ comparisons, feeds }: Results): string[] {
  return [...new Set([...comparisons, ...feeds].map(({ adapter }) => adapterFamily(adapter)))];
}

async function adapterPart(adapter: string, results: Results, baseline: Baseline): Promise<AdapterPart> {
  const here = <T extends { adapter: string }>(items: readonly T[]) =>
    items.filter((item) => adapterFamily(item.adapter) === adapter);
  const comparisons = here(results.comparisons).sort((a, b) => placeOf(a) - placeOf(b));
  const before = here(baseline).at(-1) ?? null;
  const file = `speed-${adapter.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "")}.svg`;
  const svg = await renderSvg(speedPlotSpec(barsOf(comparisons, before)));
  return {
    adapter,
    summary: [
      { kind: "text", text: originText(adapter, [...comparisons, ...here(results.feeds)], before) },
      worksTable(comparisons, before),
      ...deviants(comparisons),
      ...absentees(comparisons),
      ...goalsTable(adapter, results),
      ...feedsTable(here(results.feeds)),
      {
        kind: "picture",
        file,
        bytes: new TextEncoder().encode(svg),
        caption: `GFLOP/s on ${adapter} and on its host's CPU, logarithmic`,
      },
    ],
    details: figuresTable(comparisons),
  };
}

function originText(
  adapter: string,
  measured: readonly { date: string; commit: string | null }[],
  before: Baseline[number] | null,
): string {
  const origins = [...new Set(measured.map(({ date, commit }) => commit ? `${commit} of ${date}` : date))].join(", ");
  const since = before ? `; before: ${before.commit ?? "an earlier version"} of ${before.date}` : "";
  return `**${adapter}**, measured at ${origins}${since}.`;
}

/** Works in the order of the list; what it no longer holds comes last. */
function placeOf({ work, batch, size }: StoredComparison): number {
  const place = WORKS.findIndex((w) => w.work === work && w.batch === batch && w.size === size);
  return place < 0 ? WORKS.length : place;
}

function titleOf(c: StoredComparison): string {
  return WORKS[placeOf(c)]?.title ?? c.work;
}

function earlier({ work, batch, size }: StoredComparison, before: Baseline[number] | null) {
  return before?.rows.find((row) => row.work === work && row.batch === batch && row.size === size) ?? null;
}

function worksTable(comparisons: readonly StoredComparison[], before: Baseline[number] | null): Block {
  const rows = comparisons.map((c) => {
    const own = rowOf(c, OWN)!;
    const old = earlier(c, before);
    const peers = c.rows.filter((row) => row.engine !== OWN && "about" in row);
    const cell = (on: boolean) =>
      peers.filter(({ engine }) => engine.endsWith("WebGPU") === on).map((row) => peerText(c, row)).join(", ") || "-";
    return [
      titleOf(c),
      String(c.batch),
      old ? milliseconds(old.ms_median) : "-",
      milliseconds(own.ms_median),
      old ? `${(old.ms_median / own.ms_median).toFixed(2)}` : "-",
      rate(own.gflops),
      cell(true),
      cell(false),
    ];
  });
  const head = ["work", "batch", "before, ms", "now, ms", "gain", "GFLOP/s", "WebGPU peers", "WASM and native"];
  return { kind: "table", head, rows };
}

/** Such as "tfjs 0.94 (37)". */
function peerText(c: StoredComparison, row: StoredRow): string {
  if (!("about" in row)) return "";
  const name = row.engine.replace(/ WebGPU$| CPU$/, "").replace("onnxruntime-web", "ORT").replace(
    "onnxruntime-node",
    "ORT native",
  );
  const mark = row.difference > TOLERANCE ? "\\*" : "";
  return `${name} ${rate(row.gflops)}${mark} (${factor(ratioTo(c, row.engine)!)})`;
}

/** Programs that computed something else, which the works' table marks. */
function deviants(comparisons: readonly StoredComparison[]): Block[] {
  const texts = comparisons.flatMap((c) =>
    c.rows.flatMap((row) =>
      "about" in row && row.difference > TOLERANCE
        ? [`${row.engine} at ${titleOf(c)}, batch ${c.batch}, by ${(100 * row.difference).toPrecision(2)} %`]
        : []
    )
  );
  if (texts.length === 0) return [];
  return [{ kind: "text", text: `\\* Its result is another one, of the largest value: ${texts.join("; ")}.` }];
}

/** Peers without a time, each reason once with its works. */
function absentees(comparisons: readonly StoredComparison[]): Block[] {
  const failures = comparisons.flatMap((c) =>
    c.rows.flatMap((row) => "failed" in row ? [{ why: `${row.engine}: ${row.failed}`, work: titleOf(c) }] : [])
  );
  if (failures.length === 0) return [];
  const texts = [...Map.groupBy(failures, ({ why }) => why)].map(([why, items]) => {
    const engine = why.slice(0, why.indexOf(":"));
    const asked = comparisons.filter(({ rows }) => rows.some((row) => row.engine === engine)).length;
    const works = [...new Set(items.map(({ work }) => work))];
    return `${why} (${items.length === asked ? "all works" : works.join("; ")})`;
  });
  return [{ kind: "text", text: `Without a time: ${texts.join(". ")}.` }];
}

function goalsTable(adapter: string, results: Results): Block[] {
  const rows = goalsOf(adapter, results).map(({ goal, measured, reached }) => [
    goal,
    measured ?? "not measured",
    measured === null ? "-" : reached ? "reached" : "**not reached**",
  ]);
  return rows.length ? [{ kind: "table", head: ["goal", "measured", ""], rows }] : [];
}

function feedsTable(feeds: readonly StoredFeed[]): Block[] {
  if (feeds.length === 0) return [];
  const rows = feeds.map((f) => [
    f.work,
    `${f.batch} at ${f.size} px`,
    milliseconds(f.ms_median),
    f.images_per_second.toFixed(1),
    `${(100 * f.data_wait).toFixed(1)} %`,
  ]);
  return [{
    kind: "table",
    head: ["training fed from disk", "images a step", "ms a step", "images/s", "waiting"],
    rows,
  }];
}

/** Everything that was measured, a line a program and work. */
function figuresTable(comparisons: readonly StoredComparison[]): Block {
  const rows = comparisons.flatMap((c) =>
    c.rows.map((row) => {
      const name = [`${titleOf(c)}, batch ${c.batch}`, row.engine];
      if (!("about" in row)) return [...name, ...new Array(8).fill("-"), row.failed];
      const times = [row.ms_median, row.ms_min, row.ms_max, row.cpu_ms].map(milliseconds);
      const rounds = `${row.rounds} x ${row.runs_per_round}`;
      const memory = row.mib === undefined ? "-" : `${row.mib} (${row.mib_activations})`;
      return [...name, ...times, rate(row.gflops), rounds, row.difference.toExponential(1), memory, row.about];
    })
  );
  const head = ["work", "program", "ms, median", "least", "most", "processor ms", "GFLOP/s", "rounds x runs"];
  return {
    kind: "table",
    head: [...head, "difference of results", "MiB (activations)", "version, device"],
    rows,
  };
}

function barsOf(comparisons: readonly StoredComparison[], before: Baseline[number] | null): SpeedBar[] {
  return comparisons.flatMap((c) => {
    const work = `${titleOf(c)}, batch ${c.batch}`;
    const old = earlier(c, before);
    const bars = c.rows.flatMap((row) => "about" in row ? [{ work, engine: row.engine, gflops: row.gflops }] : []);
    return old ? [{ work, engine: `${OWN}, before`, gflops: c.flops / old.ms_median / 1e6 }, ...bars] : bars;
  });
}

function milliseconds(ms: number): string {
  return ms >= 100 ? Math.round(ms).toLocaleString("en") : ms.toPrecision(3);
}

function rate(gflops: number): string {
  return gflops >= 100 ? Math.round(gflops).toLocaleString("en") : gflops.toPrecision(2);
}

/** 37 times as fast; 0.25 where slower. */
function factor(value: number): string {
  return value >= 10 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}
