/** Average precision of detections, against detectron2's evaluator and by hand. */

import assert from "node:assert/strict";
import {
  detectionCurve,
  meanScore,
  scoreClasses,
  type ScoredBox,
  THRESHOLDS,
  type TrueObject,
} from "../../../src/evaluation/detection/score.ts";
import { assertClose } from "../../support/close.ts";
import { goldenCases } from "../../support/golden.ts";

type Box = [number, number, number, number];

for (const test of goldenCases("metrics", (c) => c.op === "voc_detection")) {
  Deno.test(`${test.name} equals detectron2's voc_eval`, async () => {
    const tensors = await test.load();
    const data = (name: string) => Array.from(tensors.get(name)!.data, Number);
    const boxes = (name: string) =>
      Array.from({ length: data(name).length / 4 }, (_, i) => data(name).slice(4 * i, 4 * i + 4) as Box);
    const [images, labels, hard] = [data("gt_image"), data("gt_class"), data("gt_difficult")];
    const objects = boxes("gt_boxes").map((box, i): TrueObject => ({
      image: images[i]!,
      label: labels[i]!,
      box,
      difficult: hard[i] === 1,
    }));
    const [where, what, scores] = [data("det_image"), data("det_class"), data("det_scores")];
    const found = boxes("det_boxes").map((box, i): ScoredBox => ({
      image: where[i]!,
      label: what[i]!,
      box,
      score: scores[i]!,
    }));
    assertClose(THRESHOLDS, test.attrs.iou_thresholds, { rtol: 1e-12, atol: 0 });
    const classes = scoreClasses(objects, found, test.attrs.classes);
    const table = (metric: "eleven_point" | "area") =>
      THRESHOLDS.flatMap((_, t) => classes.map(({ ap }) => ap[metric][t]!));
    assertClose(table("eleven_point"), data("ap11"), test.tol, "ap11");
    assertClose(table("area"), data("ap_all"), test.tol, "ap_all");
    const want = test.scalars_f64;
    const [eleven, area] = [meanScore(classes, "eleven_point"), meanScore(classes, "area")];
    const got = [eleven.AP50, area.AP50, area.AP75, area.AP, eleven.AP].map((v) => v / 100);
    const names = ["map11_at_50", "map_all_at_50", "map_all_at_75", "map_all_50_95", "map11_50_95"];
    assertClose(got, names.map((name) => want[name]!), { rtol: 1e-6, atol: 1e-7 }, names.join());
    const curve = detectionCurve(
      objects.filter(({ label }) => label === 0),
      found.filter(({ label }) => label === 0),
      0.5,
    );
    assertClose(curve.recall, data("recall_class0"), test.tol, "recall");
    assertClose(curve.precision, data("precision_class0"), test.tol, "precision");
  });
}

Deno.test("hard objects count neither way, a second hit is a miss, and classes without objects are left aside", () => {
  const box: Box = [1, 1, 10, 10];
  const objects: TrueObject[] = [
    { image: 0, label: 0, box, difficult: false },
    { image: 1, label: 0, box, difficult: true },
    { image: 2, label: 1, box, difficult: true },
  ];
  const hit = (image: number, score: number): ScoredBox => ({ image, label: 0, box, score });
  const curve = detectionCurve(objects.slice(0, 2), [hit(1, 0.9), hit(0, 0.8), hit(0, 0.7), hit(1, 0.6)], 0.5);
  assert.deepEqual(curve, { recall: [0, 1, 1, 1], precision: [0, 1, 0.5, 0.5] });
  const classes = scoreClasses(objects, [hit(0, 1)], 3);
  assert.deepEqual(classes.map((c) => c.objects), [1, 0, 0]);
  assert.deepEqual(meanScore(classes, "area"), { AP: 100, AP50: 100, AP75: 100 });
  assert.equal(meanScore(scoreClasses([], [], 2), "area").AP, NaN);
});
