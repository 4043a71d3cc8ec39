/** Detection on a set of images: boxes as VOC writes them, with classes and scores. */

import { startProgress } from "../../progress.ts";
import { FeedRing } from "../../training/feed.ts";
import { canvasOf, shapeOf } from "./canvas.ts";
import { type DetectionImage, type DetectionSet, vocBox } from "./dataset.ts";
import { detectionStep, type DetectorSpec } from "./detector.ts";
import { imageInput } from "./feed.ts";
import { CanvasSessions, type SessionPlace } from "./sessions.ts";

/** Images that are decoded ahead. */
const AHEAD = 4;

/** An object that was found. */
export interface Detection {
  readonly label: number;
  readonly score: number;
  /** As VOC writes boxes: pixels from 1, both ends in the box; not rounded. */
  readonly box: readonly [number, number, number, number];
}

/** An image with what was found in it, best first. */
export interface DetectedImage {
  readonly image: DetectionImage;
  /** Its place in the set. */
  readonly index: number;
  readonly found: readonly Detection[];
}

/** How images are brought to their size. */
export interface TestSizes {
  readonly test_size: number;
  readonly aspects: readonly number[];
}

/** Detects objects in every image that can be decoded. */
export async function detectAll(
  place: SessionPlace,
  set: DetectionSet,
  spec: DetectorSpec,
  { test_size: side, aspects }: TestSizes,
): Promise<DetectedImage[]> {
  const sessions = new CanvasSessions(
    place,
    "detection",
    (canvas) => detectionStep({ n: 1, most: 0, ...canvas }, spec),
  );
  const n = set.images.length;
  const at = (i: number) => imageInput(set, i, canvasOf(shapeOf(set.images[i]!, aspects), side));
  const ring = new FeedRing({ at }, AHEAD, n);
  const progress = startProgress({ label: "detection", total: n });
  const detected: DetectedImage[] = [];
  try {
    await sessions.at(canvasOf({ aspect: Math.max(...aspects), high: false }, side));
    for (let i = 0; i < n; i++) {
      const input = await ring.take(i);
      if (!input) continue;
      const { session, step } = await sessions.at(input.canvas);
      for (const [name, value] of Object.entries(input.values)) session.write(name, value);
      const { boxes, scores, places } = await session.run(["boxes", "scores", "places"]);
      const image = set.images[i]!;
      const count = scores!.findIndex((score) => score === -Infinity);
      const found = Array.from(scores!.subarray(0, count < 0 ? scores!.length : count), (score, k): Detection => ({
        label: Math.floor(places![k]! / step.each),
        score,
        box: vocBox(boxes!.subarray(4 * k, 4 * k + 4), image, input.size),
      }));
      detected.push({ image, index: i, found });
      progress.update(i + 1);
    }
  } finally {
    progress.stop();
    await ring.close();
    sessions.close();
  }
  set.tellRejects();
  return detected;
}
