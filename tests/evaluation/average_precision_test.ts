/** Average precision against detectron2, GenRep's helper and scikit-learn. */

import assert from "node:assert/strict";
import { areaAp, elevenPointAp, meanPrecision, precisionRecall } from "../../src/evaluation/average_precision.ts";
import { assertClose } from "../support/close.ts";
import { goldenCases } from "../support/golden.ts";

for (const test of goldenCases("metrics", ({ op }) => op === "voc_classification")) {
  Deno.test(`average precision ${test.name}`, async () => {
    const tensors = await test.load();
    const { images, classes } = test.attrs as { images: number; classes: number };
    const column = (name: string, c: number) =>
      Array.from({ length: images }, (_, i) => Number(tensors.get(name)!.data[i * classes + c]!));
    const forms = { ap11: elevenPointAp, ap_all: areaAp } as const;
    const want = (name: string) => tensors.get(name)!.data as Float32Array;
    const each = Array.from({ length: classes }, (_, c) => [column("scores", c), column("labels", c)] as const);
    for (const [name, form] of Object.entries(forms)) {
      assertClose(each.map(([scores, labels]) => form(precisionRecall(scores, labels))), want(name), test.tol, name);
    }
    assertClose(
      each.map(([scores, labels]) => meanPrecision(scores, labels)),
      want("ap_sklearn"),
      test.tol,
      "ap_sklearn",
    );
  });
}

Deno.test("perfect, worst, tied and absent", () => {
  const curve = precisionRecall([3, 2, 1, 0], [1, 1, 0, -1]);
  assert.deepEqual([elevenPointAp(curve), areaAp(curve), meanPrecision([3, 2, 1], [1, 1, 0])], [1, 1, 1]);
  assertClose([areaAp(precisionRecall([3, 2, 1], [0, 0, 1]))], [1 / 3], { rtol: 1e-12, atol: 0 });
  assertClose([meanPrecision([5, 5, 5, 5], [0, 1, 0, 0])], [0.25], { rtol: 1e-12, atol: 0 });
  assert.ok(Number.isNaN(meanPrecision([1, 2], [0, 0])));
});
