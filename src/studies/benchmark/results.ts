/**
 * Figures that are kept: benchmarks/results.json, each work with the adapter, the day and the commit of its run, and
 * benchmarks/baseline.json, what `deno task benchmark --json` once gave, for the column `before`. A later run replaces the
 * works that it has measured on the same adapter and leaves the others.
 */

import { z } from "zod";
import { writeAtomic } from "../../data/atomic.ts";
import { messageOf, UserError } from "../../errors.ts";
import { PROJECT_ROOT } from "../../paths.ts";

/** The project's own figures. */
export const BENCHMARKS = `${PROJECT_ROOT}/benchmarks`;

const origin = { adapter: z.string(), date: z.string(), commit: z.string().nullable() };
const times = {
  ms_median: z.number(),
  ms_min: z.number(),
  ms_max: z.number(),
  cpu_ms: z.number(),
  rounds: z.number(),
  runs_per_round: z.number(),
  gflops: z.number(),
};
const identity = { work: z.string(), batch: z.number(), size: z.number() };

const engineRow = z.union([
  z.strictObject({ engine: z.string(), failed: z.string() }),
  z.strictObject({
    engine: z.string(),
    about: z.string(),
    ...times,
    difference: z.number(),
    dispatches: z.number().optional(),
    mib: z.number().optional(),
    mib_activations: z.number().optional(),
  }),
]);

const comparison = z.strictObject({ ...origin, ...identity, flops: z.number(), rows: z.array(engineRow).min(1) });

const feeding = z.strictObject({
  ...origin,
  ...identity,
  steps: z.number(),
  ms_median: z.number(),
  gflops: z.number(),
  images_per_second: z.number(),
  /** Share of the time in which the run waited for images, in [0, 1]. */
  data_wait: z.number(),
});

const results = z.strictObject({ comparisons: z.array(comparison), feeds: z.array(feeding) });

const baseline = z.array(z.strictObject({
  ...origin,
  rows: z.array(z.strictObject({
    ...identity,
    ...times,
    dispatches: z.number(),
    mib: z.number(),
    mib_activations: z.number(),
  })),
}));

/** A work on several programs, with where it was measured. */
export type StoredComparison = z.output<typeof comparison>;
/** A program's times in it, or why it has none. */
export type StoredRow = StoredComparison["rows"][number];
/** Training that is fed from disk, with where it was measured. */
export type StoredFeed = z.output<typeof feeding>;
/** All figures that are kept. */
export type Results = z.output<typeof results>;
/** Earlier figures of this program, by adapter. */
export type Baseline = z.output<typeof baseline>;

/** The figures of a folder; none where there is no file. UserError for one that holds something else. */
export function readResults(folder: string): Results {
  return readJson(`${folder}/results.json`, results) ?? { comparisons: [], feeds: [] };
}

/** The earlier figures of a folder; none where there is no file. UserError for one that holds something else. */
export function readBaseline(folder: string): Baseline {
  return readJson(`${folder}/baseline.json`, baseline) ?? [];
}

function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is no JSON: ${messageOf(error)}; remove it, or take it from the repository again`);
  }
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const { path: key, message } = parsed.error.issues[0]!;
  throw new UserError(`${path}: ${key.join(".") || "the file"}: ${message}; take it from the repository again`);
}

/** Earlier figures with the newer ones in their places. */
export function merge(old: Results, fresh: Results): Results {
  return {
    comparisons: replaced(old.comparisons, fresh.comparisons),
    feeds: replaced(old.feeds, fresh.feeds),
  };
}

type Measured = { readonly adapter: string; readonly work: string; readonly batch: number; readonly size: number };

function replaced<T extends Measured>(old: readonly T[], fresh: readonly T[]): T[] {
  const key = (m: Measured) => JSON.stringify([adapterFamily(m.adapter), m.work, m.batch, m.size]);
  return [...new Map([...old, ...fresh].map((m) => [key(m), m])).values()];
}

/** Writes the figures, a work a line. */
export async function writeResults(folder: string, { comparisons, feeds }: Results): Promise<void> {
  const list = (items: readonly unknown[]) => items.map((item) => `\n  ${JSON.stringify(item)}`).join(",");
  const text = `{\n"comparisons": [${list(comparisons)}\n],\n"feeds": [${list(feeds)}\n]\n}\n`;
  await writeAtomic(`${folder}/results.json`, text);
}

/** An adapter's name without the width of its vectors, which is a setting of llvmpipe. */
export function adapterFamily(adapter: string): string {
  return adapter.replace(/, \d+ bits\)/, ")");
}

/** Where and when something is measured now. */
export async function originOf(adapter: string): Promise<{ adapter: string; date: string; commit: string | null }> {
  return { adapter, date: new Date().toISOString().slice(0, 10), commit: await commitOf() };
}

/** The commit of the sources, with a plus where they have been changed since; null outside a repository. */
async function commitOf(): Promise<string | null> {
  const git = async (...args: string[]) => {
    const command = new Deno.Command("git", { args, cwd: PROJECT_ROOT, stdout: "piped", stderr: "null" });
    const { success, stdout } = await command.output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  };
  try {
    const commit = await git("rev-parse", "--short", "HEAD");
    const changed = await git("status", "--porcelain", "--", "src", "shaders", "models", "tasks");
    return commit && commit + (changed ? "+" : "");
  } catch {
    return null; // no git here
  }
}
