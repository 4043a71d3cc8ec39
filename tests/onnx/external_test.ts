/** Weights in files beside the model. */

import assert from "node:assert/strict";
import { UserError } from "../../src/errors.ts";
import { loadModel } from "../../src/onnx/decode.ts";
import { gpuTest } from "../support/gpu.ts";
import { bytesOf, real, run, TYPE } from "../support/onnx_models.ts";

const entries = (given: Record<string, string>) => Object.entries(given).map(([key, value]) => ({ key, value }));

/** x + w, where w [3] lies in a file. */
function model(place: Record<string, string>): Uint8Array {
  return bytesOf({
    nodes: [{ opType: "Add", name: "sum", input: ["x", "w"], output: ["y"] }],
    inputs: { x: [TYPE.f32, [3]] },
    outputs: { y: [TYPE.f32, [3]] },
    weights: [{ name: "w", dims: [3], dataType: 1, dataLocation: 1, externalData: entries(place) }],
  });
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const weights = Float32Array.of(9, 10, 20, 30);
    await Deno.writeFile(`${folder}/weights.data`, new Uint8Array(weights.buffer));
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

gpuTest("weights are read from their place in the file", async (gpu) => {
  await withFolder(async (folder) => {
    for (const place of [{ offset: "4", length: "12" }, { offset: "4" }]) {
      await Deno.writeFile(`${folder}/model.onnx`, model({ location: "weights.data", ...place }));
      const got = await run(gpu, await loadModel(`${folder}/model.onnx`), { x: real([3], (i) => i) });
      assert.deepEqual([...got.get("y")!.data], [10, 21, 32]);
    }
  });
});

const refused: [string, Record<string, string>, RegExp][] = [
  ["is absent", { location: "none.data" }, /lies in none\.data, which cannot be read: put it beside the model/],
  ["is cut off", { location: "weights.data", offset: "8", length: "12" }, /weights\.data is cut off at 16 bytes/],
  ["has more than it should", { location: "weights.data" }, /takes 12 bytes, the file has 16/],
  ["begins after its end", { location: "weights.data", offset: "99" }, /takes 3 values, the file has 0/],
  ["lies elsewhere", { location: "../weights.data" }, /which must be beside the model/],
  ["lies at the root", { location: "/etc/passwd" }, /which must be beside the model/],
];
for (const [what, place, pattern] of refused) {
  Deno.test(`a file of weights that ${what} is refused`, async () => {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/model.onnx`, model(place));
      await assert.rejects(loadModel(`${folder}/model.onnx`), (error) => {
        assert.ok(error instanceof UserError, String((error as Error).stack));
        assert.match(error.message, pattern);
        return true;
      });
    });
  });
}
