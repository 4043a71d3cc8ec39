/**
 * Precise batch norm: the statistics that the test uses are averaged over many batches with the weights as they are,
 * instead of the running ones (detectron2's TEST.PRECISE_BN; fvcore's update_bn_stats, which averages means and variances).
 */

import type { Config } from "../../config.ts";
import { rngValues } from "../../generators/random.ts";
import { startProgress } from "../../progress.ts";
import { FeedRing } from "../../training/feed.ts";
import type { DetectionSet } from "./dataset.ts";
import { type DetectorSpec, statisticsStep } from "./detector.ts";
import { batchInputs, mostObjects } from "./feed.ts";
import { CanvasSessions, type SessionPlace } from "./sessions.ts";
import { largestCanvas, plansOf } from "./train.ts";

/** Batches that are decoded ahead. */
const AHEAD = 3;

/** Replaces the running statistics by means over `detection.precise_bn` batches, those that would follow the training. */
export async function averageStatistics(
  place: SessionPlace,
  set: DetectionSet,
  spec: DetectorSpec,
  config: Config,
): Promise<void> {
  const { detection: settings, seed } = config;
  const batches = settings.precise_bn;
  if (batches === 0) return;
  const batch = { n: settings.batch, most: mostObjects(set.images) };
  const sessions = new CanvasSessions(place, "a batch", (canvas) => statisticsStep({ ...batch, ...canvas }, spec));
  const first = settings.steps;
  const plan = plansOf(set, config);
  const ring = new FeedRing({ at: (step) => batchInputs(set, plan(step), batch.most) }, AHEAD, first + batches);
  const progress = startProgress({ label: "batch norm statistics", total: batches, unitsPerStep: settings.batch });
  try {
    const { names } = (await sessions.at(largestCanvas(settings))).step;
    const sums = new Float64Array(names.reduce((total, { size }) => total + size, 0));
    for (let i = 0; i < batches; i++) {
      const { canvas, values } = await ring.take(first + i);
      const { session } = await sessions.at(canvas);
      for (const [name, value] of Object.entries(values)) session.write(name, value);
      session.write("rng", rngValues(seed, first + i));
      const { statistics } = await session.run(["statistics"]);
      statistics!.forEach((value, k) => sums[k]! += value);
      progress.update(i + 1);
    }
    let at = 0;
    for (const { name, size } of names) {
      place.store.write(name, Float32Array.from(sums.subarray(at, at += size), (sum) => sum / batches));
    }
  } finally {
    progress.stop();
    await ring.close();
    sessions.close();
  }
}
