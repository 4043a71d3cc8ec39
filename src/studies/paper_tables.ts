/** The rows of the paper's tables as settings; what they are is in src/studies/paper_tables.yaml. */

import { parse } from "yaml";
import { z } from "zod";
import { type Config, loadConfig } from "../config.ts";
import { suggest, UserError } from "../errors.ts";
import { type Column, COLUMNS } from "../evaluation/protocol.ts";
import { PROTOCOL_NAMES, type ProtocolName, PROTOCOLS } from "../evaluation/protocols/mod.ts";
import { PROJECT_ROOT } from "../paths.ts";

const sets = z.array(z.string());

const scale = z.strictObject({
  seeds: z.array(z.int().min(0)).min(1),
  /** Whether checkpoints are judged by protocols beside the probes at the end of each training. */
  judged: z.boolean(),
  set: sets,
});

const schema = z.strictObject({
  scales: z.strictObject({ paper: scale, quick: scale }),
  methods: z.record(
    z.string(),
    z.strictObject({
      label: z.string(),
      /** Trains on the real images instead of a generator's. */
      real: z.boolean().default(false),
      /** Needs the walks of its generator. */
      steered: z.boolean().default(false),
      set: sets,
    }),
  ),
  tables: z.record(
    z.string(),
    z.strictObject({
      title: z.string(),
      /** Settings files of the scales. */
      paper: z.string(),
      quick: z.string(),
      /** Overrides at the paper's scale of rows that train on real images. */
      paper_real: sets.default([]),
      /** What the paper's numbers of a row are, and the figure of a protocol that is the same here. */
      columns: z.record(z.string(), z.enum(COLUMNS)),
      /** The row that others are compared with. */
      baseline: z.string(),
      rows: z.record(z.string(), z.array(z.number())),
    }),
  ),
});

/** The embedded default in minutes a run, or the paper's exact settings. */
export type Scale = "quick" | "paper";

/** A row of a table. */
export interface TableRow {
  /** Name of the method, and what it is in words. */
  readonly method: string;
  readonly label: string;
  readonly real: boolean;
  readonly steered: boolean;
  /** The paper's numbers, as `Table.columns`. */
  readonly paper: readonly number[];
  /** What the settings file of the table is overridden by. */
  readonly sets: readonly string[];
}

/** A column of the paper's numbers. */
export interface PaperColumn {
  readonly title: string;
  /** What a protocol calls the same measure. */
  readonly figure: Column;
}

/** A table of the paper at a scale. */
export interface Table {
  readonly number: string;
  readonly title: string;
  readonly columns: readonly PaperColumn[];
  /** The method that others are compared with. */
  readonly baseline: string;
  /** Settings file of the scale, a path in the project, and its name without folder and ending. */
  readonly config: string;
  readonly base: string;
  readonly rows: readonly TableRow[];
}

/** Tables, and what a scale does where nobody says otherwise. */
export interface Tables {
  readonly tables: readonly Table[];
  readonly seeds: readonly number[];
  /** Whether checkpoints are judged by the protocols of `protocolsOf`. */
  readonly judged: boolean;
}

/** The tables with these numbers, in that order; one that is not there is a UserError. */
export function readTables(numbers: readonly string[], scale: Scale): Tables {
  const { scales, methods, tables } = schema.parse(
    parse(Deno.readTextFileSync(`${PROJECT_ROOT}/src/studies/paper_tables.yaml`)),
  );
  const { seeds, judged, set } = scales[scale];
  return {
    seeds,
    judged,
    tables: numbers.map((number) => {
      const table = tables[number];
      if (!table) throw new UserError(`--table ${number} is not known: ${suggest(number, Object.keys(tables))}`);
      return {
        number,
        title: table.title,
        columns: Object.entries(table.columns).map(([title, figure]) => ({ title, figure })),
        baseline: table.baseline,
        config: `tasks/configs/${table[scale]}`,
        base: table[scale].replace(/\.yaml$/, ""),
        rows: Object.entries(table.rows).map(([method, paper]) => {
          const { set: own, ...rest } = methods[method]!;
          return {
            method,
            paper,
            ...rest,
            sets: [...set, ...own, ...scale === "paper" && rest.real ? table.paper_real : []],
          };
        }),
      };
    }),
  };
}

/** Name of the run of a row, the same for rows of other tables with the same settings. */
export function runName(table: Table, row: TableRow): string {
  return `${table.base}-${row.method}`;
}

/** Every run once, in the order of the tables. */
export function runsOf(tables: readonly Table[]): { table: Table; row: TableRow; run: string }[] {
  const runs = tables.flatMap((table) => table.rows.map((row) => ({ table, row, run: runName(table, row) })));
  return [...new Map(runs.map((entry) => [entry.run, entry])).values()];
}

/** The protocols that fill a column of the table and whose data the settings name. */
export function protocolsOf({ columns }: Table, settings: Config): ProtocolName[] {
  return PROTOCOL_NAMES.filter((name) => {
    const protocol = PROTOCOLS[name];
    return columns.some(({ figure }) => protocol.columns.includes(figure)) && protocol.dataOf(settings) !== null;
  });
}

/** What the settings of a row depend on beside the table. */
export interface RowOptions {
  readonly seed: number;
  /** Where the real training images are; null: the probe's. */
  readonly real: string | null;
  /** The walks of a steered row; null: those that the generator's card names, if any. */
  readonly walks: string | null;
  /** Overrides that the user gave; they come last. */
  readonly sets: readonly string[];
}

/** The settings of one run of a row. */
export function rowSettings(table: Table, row: TableRow, { seed, real, walks, sets }: RowOptions): Config {
  const file = `${PROJECT_ROOT}/${table.config}`;
  const steered = row.steered && walks !== null ? [`views.latent.walks=${walks}`] : [];
  const own = [...row.sets, `seed=${seed}`, ...steered, ...sets];
  if (!row.real) return loadConfig(file, own);
  const { probe: { data } } = loadConfig(file, own);
  const path = real ?? data.train ?? data.path;
  if (path === null) {
    throw new UserError(
      `row ${row.method} of table ${table.number} has no real images: give --real, or set probe.data.path`,
    );
  }
  // All of them: the number of samples in the file is the generator's.
  return loadConfig(file, [...own, `data.kind=${data.kind}`, `data.path=${path}`, "data.samples=null"]);
}
