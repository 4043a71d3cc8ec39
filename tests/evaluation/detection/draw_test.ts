/** Detections on their image: where frames and labels lie. */

import assert from "node:assert/strict";
import { drawDetections } from "../../../src/evaluation/detection/draw.ts";
import { writeVoc } from "../../support/voc.ts";
import { inFolder } from "../../support/training.ts";

Deno.test("a frame lies on its box in the scaled image, weak detections are left out", () =>
  inFolder(async (folder) => {
    await writeVoc(folder, { a: [] });
    const image = { id: "a", file: `${folder}/JPEGImages/a.jpg`, objects: [], size: null, width: 40, height: 30 };
    const at = (score: number) => ({ label: 0, score, box: [11, 11, 30, 25] as const });
    const draw = (...scores: number[]) => drawDetections({ image, index: 0, found: scores.map(at) }, ["ox"], 400);
    const [plain, weak, drawn] = [await draw(), await draw(0.4), await draw(0.9)];
    assert.deepEqual([drawn.width, drawn.height, drawn.channels], [400, 300, 3]);
    assert.deepEqual(weak.data, plain.data);
    const changed = (x: number, y: number) => {
      const i = 3 * (y * drawn.width + x);
      return [0, 1, 2].some((c) => Math.abs(drawn.data[i + c]! - plain.data[i + c]!) > 20);
    };
    // Left, right and lower edge; the middle stays free, and the label stands above.
    for (const [x, y] of [[100, 170], [300, 170], [200, 250], [110, 92]] as const) {
      assert.ok(changed(x, y), `${x}, ${y}`);
    }
    for (const [x, y] of [[200, 170], [50, 50], [350, 280]] as const) assert.ok(!changed(x, y), `${x}, ${y}`);
  }));
