import assert from "node:assert/strict";
import { formatDuration, startProgress } from "../src/progress.ts";

Deno.test("piped progress is a plain line every few seconds and one at the end", () => {
  let time = 0;
  const lines: string[] = [];
  const progress = startProgress({
    label: "train",
    total: 100,
    unitsPerStep: 10,
    bar: false,
    write: (line) => lines.push(line),
    now: () => time,
  });
  for (let step = 1; step <= 100; step++) {
    time += 100;
    progress.update(step, `loss ${step}`);
  }
  progress.log("saved");
  progress.stop();
  assert.deepEqual(lines, [
    "train 50/100, 100 images/s, 5s left, loss 50",
    "train 100/100, 100 images/s, 0s left, loss 100",
    "saved",
  ]);
});

Deno.test("the rate of a resumed run counts its own steps, of the last seconds only", () => {
  let time = 0;
  const progress = startProgress({ label: "x", total: 99, done: 50, bar: false, write: () => {}, now: () => time });
  time = 1000;
  progress.update(60);
  assert.equal(progress.rate(), 10);
  for (let step = 61; step <= 80; step++) {
    time += 2000;
    progress.update(step);
  }
  assert(Math.abs(progress.rate() - 0.5) < 1e-9);
});

Deno.test("durations read well", () => {
  assert.deepEqual([0.4, 75, 3660, 90_000].map(formatDuration), ["0s", "1m 15s", "1h 1m", "1d 1h"]);
});
