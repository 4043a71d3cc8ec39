/** Canvases hold their images, and steps see all images in groups that follow from the seed. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { batchPlans } from "../../../src/evaluation/detection/batches.ts";
import { canvasOf, fitted, shapeOf } from "../../../src/evaluation/detection/canvas.ts";

const ASPECTS = [4 / 3, 5 / 3];

Deno.test("an image lies on its canvas, and touches it", () => {
  const side = fc.integer({ min: 20, max: 2000 });
  const size = fc.integer({ min: 2, max: 60 }).map((k) => 16 * k);
  fc.assert(fc.property(side, side, size, (height, width, short) => {
    const shape = shapeOf({ height, width }, ASPECTS);
    const canvas = canvasOf(shape, short);
    const image = fitted({ height, width }, canvas);
    assert.equal(Math.min(canvas.height, canvas.width), short);
    assert.ok(canvas.height % 16 === 0 && canvas.width % 16 === 0);
    assert.ok(image.height <= canvas.height && image.width <= canvas.width);
    assert.ok(image.height === canvas.height || image.width === canvas.width);
    const ratio = Math.max(height, width) / Math.min(height, width);
    if (ratio <= 5 / 3) assert.equal(Math.min(image.height, image.width), short);
  }));
});

Deno.test("VOC's usual sizes are those of detectron2", () => {
  const at = (height: number, width: number, side: number) => {
    const canvas = canvasOf(shapeOf({ height, width }, ASPECTS), side);
    return [canvas, fitted({ height, width }, canvas)];
  };
  assert.deepEqual(at(375, 500, 800), [{ height: 800, width: 1072 }, { height: 800, width: 1067 }]);
  assert.deepEqual(at(500, 333, 800), [{ height: 1344, width: 800 }, { height: 1201, width: 800 }]);
  assert.deepEqual(at(500, 500, 480), [{ height: 480, width: 640 }, { height: 480, width: 480 }]);
  assert.deepEqual(at(100, 500, 480), [{ height: 480, width: 800 }, { height: 160, width: 800 }]);
});

const IMAGES = Array.from(
  { length: 23 },
  (_, i) => ({ height: i % 3 === 0 ? 500 : 375, width: i % 4 === 0 ? 333 : 500 }),
);
const LAW = { seed: 3, batch: 4, sizes: [480, 640, 800], aspects: ASPECTS, flip: true };

Deno.test("steps group images of one shape, and see each image as often", () => {
  const plan = batchPlans(IMAGES, LAW);
  const seen = new Array<number>(IMAGES.length).fill(0);
  const sides = new Map<number, number>();
  let flips = 0;
  for (let step = 0; step < 600; step++) {
    const { canvas, images } = plan(step);
    assert.equal(images.length, LAW.batch);
    for (const { index, flip } of images) {
      seen[index]!++;
      flips += Number(flip);
      const side = Math.min(canvas.height, canvas.width);
      assert.deepEqual(canvas, canvasOf(shapeOf(IMAGES[index]!, ASPECTS), side));
    }
    const side = Math.min(canvas.height, canvas.width);
    sides.set(side, (sides.get(side) ?? 0) + 1);
  }
  // An image waits for its group to fill, so that at any step some are one or two epochs ahead.
  assert.ok(Math.max(...seen) - Math.min(...seen) <= 4, `${seen}`);
  assert.deepEqual([...sides.keys()].sort(), LAW.sizes);
  assert.ok([...sides.values()].every((count) => count > 150 && count < 250));
  assert.ok(flips > 1050 && flips < 1350);
});

Deno.test("a step's plan does not depend on the steps asked for before", () => {
  const [first, second] = [batchPlans(IMAGES, LAW), batchPlans(IMAGES, LAW)];
  const late = second(77);
  for (let step = 0; step < 77; step++) first(step);
  assert.deepEqual(first(77), late);
  assert.deepEqual(first(5), second(5));
  assert.notDeepEqual(batchPlans(IMAGES, { ...LAW, seed: 4 })(0), first(0));
  assert.ok(batchPlans(IMAGES, { ...LAW, flip: false })(0).images.every(({ flip }) => !flip));
});
