/** Runs of a tiny network, for tests of training. */

import assert from "node:assert/strict";
import { type Config, parseConfig } from "../../src/config.ts";
import type { LabelledSet } from "../../src/data/labelled_set.ts";
import { type Generator, loadGenerator } from "../../src/generators/model.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { add } from "../../src/ops/binary.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { unary } from "../../src/ops/unary.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { locate } from "../../src/paths.ts";
import { noise } from "./op_cases.ts";
import type { MetricsLine } from "../../src/training/metrics.ts";
import { generatorSource, type Source } from "../../src/training/source.ts";
import { type StepReport, train, type TrainResult } from "../../src/training/trainer.ts";

/** Settings of the smallest run that is one: a step takes tens of milliseconds on a CPU. */
export const TINY: readonly string[] = [
  "generator.model=models/fashion-mnist/card.yaml",
  "encoder={arch: resnet18, stem: cifar, input: 32, width: 4}",
  "batch=4",
  "steps=6",
  "log.every=1",
  "probe.data.path=null",
];

/** The tiny settings with overrides. */
export function tinyConfig(...sets: string[]): Config {
  return parseConfig("", [...TINY, ...sets]);
}

/** What a run is started with. */
export interface TinyOptions {
  /** By default the generator that the settings name. */
  readonly source?: Source;
  readonly resume?: string | null;
  /** Labelled images for the watch. */
  readonly labelled?: LabelledSet;
  /** Called after each step; true asks the run to stop. */
  readonly onStep?: (report: StepReport) => boolean | void;
}

/** Trains into `out` with states of its own. */
export async function trainTiny(
  gpu: Gpu,
  config: Config,
  out: string,
  options: TinyOptions = {},
): Promise<TrainResult> {
  const store = new StateStore(gpu);
  const stop = new AbortController();
  try {
    const source = options.source ?? generatorSource(await loadGenerator(locate(config.generator.model)), config);
    return await train(gpu, store, source, config, {
      out,
      resume: options.resume ?? null,
      signal: stop.signal,
      labelled: options.labelled ?? null,
      onStep: (report) => {
        if (options.onStep?.(report)) stop.abort();
      },
      log: () => {},
    });
  } finally {
    store.close();
  }
}

/** The lines of a run's metrics without speed, waiting and time, which are never the same twice. */
export async function metricsOf(out: string): Promise<Omit<MetricsLine, "images_per_second" | "data_wait" | "time">[]> {
  const text = await Deno.readTextFile(`${out}/metrics.jsonl`);
  assert(text === "" || text.endsWith("\n"));
  return text.trimEnd().split("\n").filter(Boolean).map((line) => {
    const { images_per_second: speed, data_wait: wait, time, ...rest } = JSON.parse(line);
    assert(speed > 0 && time > 1e9 && (wait === undefined || wait >= 0));
    return rest;
  });
}

/** Gives `work` a folder that is gone afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes both splits of an IDX set of two classes, dark and bright. */
export async function writeIdxSet(folder: string, n = 16, side = 8): Promise<void> {
  await Deno.mkdir(folder);
  const labels = Uint8Array.from({ length: n }, (_, i) => i % 2);
  const pixels = Uint8Array.from({ length: n * side * side }, (_, i) => 120 * (Math.floor(i / side ** 2) % 2) + i % 97);
  for (const split of ["train", "t10k"]) {
    const head = [0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, side, 0, 0, 0, side];
    await Deno.writeFile(`${folder}/${split}-images-idx3-ubyte`, Uint8Array.of(...head, ...pixels));
    await Deno.writeFile(`${folder}/${split}-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, n, ...labels));
  }
}

/**
 * A conditional generator of gray 8 x 8 images without an ONNX file: a sigmoid of fixed linear maps of the latent [4]
 * and of the class, so that both can be seen in the image.
 */
export function conditionalGenerator(classes: number): Generator {
  const fixed = (g: Graph, rows: number, seed: number) => g.constant(noise(rows * 64, seed), [rows, 64]);
  return {
    path: "conditional",
    latentShape: [4],
    latentSize: 4,
    levels: null,
    classes,
    build: (g, latents, labels) => {
      const drawn = add(g, matmul(g, latents, fixed(g, 4, 1)), matmul(g, labels!, fixed(g, classes, 2)));
      return reshape(g, unary(g, "Sigmoid", drawn), [latents.shape[0]!, 8, 8, 1]);
    },
  };
}
