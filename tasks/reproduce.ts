/** `deno task reproduce`: the rows of the paper's tables, each trained and probed, with one report. */

import { listOf, oneOf, runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { UserError, WorkError } from "../src/errors.ts";
import { PROTOCOL_NAMES, type ProtocolName } from "../src/evaluation/protocols/mod.ts";
import { openGpu } from "../src/gpu/device.ts";
import { readTables, rowSettings, runsOf, type Scale, type Table } from "../src/studies/paper_tables.ts";
import { reproduce } from "../src/studies/reproduce.ts";

await runTask({
  name: "reproduce",
  summary: "Trains and probes the rows of the paper's tables and writes one report; goes on where it stopped.",
  options: [
    {
      flags: "--table <list>",
      description: "tables between commas, or a range",
      parse: (text) => text.split(",").flatMap(expandRange),
      default: ["1"],
    },
    {
      flags: "--row <list>",
      description: "methods between commas (default: every row)",
      parse: listOf((name) => name),
    },
    {
      flags: "--scale <name>",
      description: "quick: the embedded default; paper: the paper's exact settings",
      parse: oneOf(["quick", "paper"]),
      default: "quick",
    },
    {
      flags: "--seeds <list>",
      description: "seeds between commas (default: the scale's)",
      parse: listOf(wholeNumber()),
    },
    {
      flags: "--protocol <names>",
      description: `judge every checkpoint by these too, some of ${PROTOCOL_NAMES.join(", ")} ` +
        "(default: at the paper's scale those of the table's columns whose data the settings name)",
      parse: listOf(oneOf(PROTOCOL_NAMES)),
    },
    { flags: "--real <path>", description: "real training images (default: those of the probe)" },
    { flags: "--out <folder>", description: "where it writes (default: runs/reproduce-SCALE)" },
    { flags: "--list", description: "print the rows and their overrides, run nothing" },
  ],
  run,
});

async function run({ options, sets, print, log }: TaskContext): Promise<unknown> {
  const scale = options.scale as Scale;
  const { tables: all, seeds, judged } = readTables(options.table as string[], scale);
  const tables = keepRows(all, options.row as string[] | undefined);
  if (options.list) return list(tables, print);
  const out = options.out as string | undefined ?? `runs/reproduce-${scale}`;
  const request = {
    scale,
    tables,
    protocols: options.protocol as ProtocolName[] | undefined ?? (judged ? null : []),
    seeds: [...new Set(options.seeds as number[] | undefined ?? seeds)],
    real: options.real as string | undefined ?? null,
    sets,
    out,
    log,
  };
  // Every row's settings are read first: a wrong one must not show after hours.
  for (const { table, row } of runsOf(tables)) rowSettings(table, row, { ...request, seed: 0, walks: null });
  const gpu = await openGpu();
  const { runs, failures } = await reproduce(gpu, { ...request, signal: stopOnSignals(log) });
  gpu.close();
  for (const { run, seed, probes: { trained, untrained } } of runs) {
    const { linear, knn } = trained;
    print(
      `${run.padEnd(34)} seed ${seed}  linear ${linear.top1.toFixed(2).padStart(6)}  kNN ${
        knn.top1.toFixed(2).padStart(6)
      }  untrained ${untrained.linear.top1.toFixed(2).padStart(6)}`,
    );
  }
  print(`${out}/report/report.md, report.html, results.json`);
  const missing = runsOf(tables).length * request.seeds.length - runs.length - failures.length;
  if (missing > 0) print(`stopped early, ${missing} runs are missing: the same command goes on`);
  if (failures.length > 0) {
    const first = failures[0]!;
    const more = failures.length > 1 ? ` (and ${failures.length - 1} more runs failed)` : "";
    throw new WorkError(
      `${first.run}, seed ${first.seed} failed: ${first.message}${more}; the same command tries again`,
    );
  }
  return runs.map(({ settings: _, ...result }) => result);
}

function expandRange(part: string): string[] {
  const ends = /^\s*(\d+)\s*(?:\.\.|-)\s*(\d+)\s*$/.exec(part)?.slice(1).map(Number);
  if (!ends) return [part.trim()];
  return Array.from({ length: Math.max(0, ends[1]! - ends[0]! + 1) }, (_, i) => String(ends[0]! + i));
}

function keepRows(tables: readonly Table[], names: readonly string[] | undefined): Table[] {
  if (!names) return [...tables];
  const known = new Set(tables.flatMap(({ rows }) => rows.map(({ method }) => method)));
  const missing = names.find((name) => !known.has(name));
  if (missing !== undefined) {
    throw new UserError(`--row ${missing} is in none of these tables: they have ${[...known].join(", ")}`);
  }
  return tables.map((table) => ({ ...table, rows: table.rows.filter(({ method }) => names.includes(method)) }))
    .filter(({ rows }) => rows.length > 0);
}

function list(tables: readonly Table[], print: (line: string) => void): unknown {
  for (const { number, title, config, rows } of tables) {
    print(`table ${number}: ${title} (${config})`);
    for (const { method, label, sets } of rows) print(`  ${method.padEnd(16)} ${label.padEnd(30)} ${sets.join(" ")}`);
  }
  return tables;
}
