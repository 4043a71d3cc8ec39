/** What the sweeps' tasks have in common: options, the run, and the table at the end. */

import {
  listOf,
  stopOnSignals,
  type TaskContext,
  type TaskDefinition,
  type TaskOption,
  wholeNumber,
} from "../../src/cli.ts";
import { openGpu } from "../../src/gpu/device.ts";
import { sweep, sweepRecord, type SweepRun, type SweepVariable } from "../../src/studies/sweep.ts";

/** The task of one sweep. */
export interface SweepTask {
  readonly name: string;
  readonly summary: string;
  /** The option whose list holds the values, and its name in camel case. */
  readonly values: TaskOption;
  readonly key: string;
  /** Options beside the values, the seeds, --out and --steps. */
  readonly options?: readonly TaskOption[];
  readonly variable: (context: TaskContext) => SweepVariable | Promise<SweepVariable>;
}

/** The definition for `runTask`. */
export function sweepTask({ name, summary, values, key, options = [], variable }: SweepTask): TaskDefinition {
  return {
    name,
    summary: `${summary}; goes on where it stopped.`,
    defaultConfig: "tasks/configs/quick.yaml",
    options: [
      values,
      { flags: "--seeds <list>", description: "seeds between commas", parse: listOf(wholeNumber()), default: [0, 1] },
      { flags: "--out <folder>", description: "where the sweep writes", default: `runs/${name}` },
      { flags: "--steps <n>", description: "steps of each run", parse: wholeNumber(1), set: "steps" },
      ...options,
    ],
    run: async (context) => runSweep(context, await variable(context), context.options[key] as number[]),
  };
}

async function runSweep(context: TaskContext, variable: SweepVariable, list: readonly number[]): Promise<unknown> {
  const { options, config, print, log } = context;
  const settings = config();
  const values = [...new Set(list)].sort((a, b) => a - b);
  const seeds = [...new Set(options.seeds as number[])];
  const out = options.out as string;
  variable.settings(settings, values[0]!); // refuses what cannot be varied before a device is opened
  const gpu = await openGpu();
  const runs = await sweep(gpu, settings, variable, { values, seeds, out, signal: stopOnSignals(log), log });
  gpu.close();
  print(table(runs, variable.name));
  print(`${out}/sweep.csv, sweep.json, sweep.svg, sweep.png`);
  if (runs.length < values.length * seeds.length) print("stopped early: the same command goes on");
  return runs.map((run) => sweepRecord(run, variable));
}

function table(runs: readonly SweepRun[], name: string): string {
  const head = [name, "seed", "linear top-1", "kNN top-1", "untrained linear"];
  const rows = runs.map(({ value, seed, probes: { trained, untrained } }) => [
    ...[String(value), String(seed), trained.linear.top1.toFixed(2), trained.knn.top1.toFixed(2)],
    untrained.linear.top1.toFixed(2),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  return [head, ...rows].map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join("  ")).join("\n");
}
