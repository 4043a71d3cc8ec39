/** The smallest detector that is one, on images that it can tell apart. */

import { type Config, parseConfig } from "../../src/config.ts";
import { openEncoder } from "../../src/evaluation/encoder.ts";
import type { Outcome } from "../../src/evaluation/protocol.ts";
import { PROTOCOLS } from "../../src/evaluation/protocols/mod.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { writeVoc } from "./voc.ts";

/** Settings of a detector whose step takes tens of milliseconds on a CPU. */
export const TINY_DETECTOR: readonly string[] = [
  "encoder={arch: resnet18, stem: imagenet, input: 32, width: 4}",
  "log.every=1",
  "detection.steps=8",
  "detection.batch=2",
  "detection.lr=0.02",
  "detection.warmup_steps=2",
  "detection.sizes=[48,64]",
  "detection.test_size=64",
  "detection.aspects=[1.4]",
  "detection.anchors={sizes: [16, 32], ratios: [1]}",
  "detection.rpn={batch: 16, train: {before: 40, after: 16}, test: {before: 40, after: 12}}",
  "detection.roi={batch: 8, resolution: 4}",
  "detection.precise_bn=2",
  "detection.score=0.01",
];

/** The tiny settings with overrides. */
export function detectorConfig(...sets: string[]): Config {
  return parseConfig("", [...TINY_DETECTOR, ...sets]);
}

/** Writes four photographs with squares to find, one of them without. */
export async function writeSquares(folder: string): Promise<void> {
  await writeVoc(folder, { a: ["dog"], b: ["cat", "cow"], c: ["cow"], d: [], e: ["dog!", "cat"] });
}

/** Runs the protocol on an untrained encoder. */
export async function detect(
  gpu: Gpu,
  config: Config,
  options: { out?: string | null; resume?: boolean; signal?: AbortSignal; resnet?: null } = {},
): Promise<Outcome> {
  const encoder = await openEncoder(gpu, "random", config);
  try {
    return await PROTOCOLS.detection.run({
      gpu,
      encoder: { ...encoder, ...("resnet" in options ? { resnet: null } : {}) },
      config,
      out: options.out ?? null,
      resume: options.resume ?? false,
      signal: options.signal ?? new AbortController().signal,
      log: () => {},
      opened: () => false,
      labelled: () => Promise.reject(new TypeError("not asked for")),
      features: () => Promise.reject(new TypeError("not asked for")),
    });
  } finally {
    encoder.store.close();
  }
}
