/** Random weights, published ones that do not fit, and numpy's normal numbers. */

import assert from "node:assert/strict";
import { buildBigBiGan } from "../../models/bigbigan-128.ts";
import { buildBigGanDeep } from "../../models/biggan-deep-256.ts";
import { NumpyNormal } from "../../models/numpy_normal.ts";
import { buildStyleGan2 } from "../../models/stylegan2-512.ts";
import { publishedWeights, randomWeights } from "../../models/weights.ts";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { assertClose } from "../support/close.ts";

Deno.test("numbers of RandomState(1).randn, far into the stream too", () => {
  const random = new NumpyNormal(1);
  const values = Array.from({ length: 2005 }, () => random.next());
  assert.deepEqual(values.slice(0, 3).map((v) => v.toFixed(8)), ["1.62434536", "-0.61175641", "-0.52817175"]);
  assert.deepEqual(values.slice(-3).map((v) => v.toFixed(8)), ["-0.44811181", "-0.61079500", "-2.02994507"]);
});

Deno.test("random weights depend on the seed and the name, and have the law that is asked for", () => {
  const get = (seed: number, name: string) => randomWeights(seed).get(name, [100, 100], { mean: 2, std: 0.5 });
  assert.deepEqual(get(1, "a"), get(1, "a"));
  assert.notDeepEqual(get(1, "a"), get(2, "a"));
  assert.notDeepEqual(get(1, "a"), get(1, "b"));
  const values = get(1, "a");
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean - 2) < 0.02 && Math.abs(Math.sqrt(variance) - 0.5) < 0.01, `${mean}, ${variance}`);
});

Deno.test("the same seed writes the same bytes", () => {
  const sizes = { style: 4, mapping: 1, channels: [8, 8] };
  const write = (seed: number) => buildStyleGan2(randomWeights(seed), 0.9, sizes).encode();
  assert.deepEqual(write(3), write(3));
  assert.notDeepEqual(write(3), write(4));
});

Deno.test("without noise maps in the file those of RandomState(1) are used, times the layer's strength and sqrt 2", () => {
  const built = buildStyleGan2(randomWeights(0), 1, { style: 4, mapping: 1, channels: [8, 8] });
  const { weights } = decodeModel(built.encode(), "tiny");
  const random = new NumpyNormal(1);
  for (const [name, side] of [["conv1", 4], ["convs.0", 8], ["convs.1", 8]] as const) {
    const want = Float32Array.from({ length: side * side }, () => random.next() * 0.1 * Math.SQRT2);
    assertClose(weights.get(`${name}.noise`)!.data, want, { rtol: 1e-6, atol: 0 }, name);
  }
});

Deno.test("a tensor that is missing, or of another shape or type, is refused by name", () => {
  const tensors = new Map<string, StoredTensor>([
    ["a", { dtype: "F32", shape: [2, 3], data: new Float32Array(6) }],
    ["one", { dtype: "F32", shape: [], data: new Float32Array(1) }],
    ["whole", { dtype: "I32", shape: [2], data: new Int32Array(2) }],
  ]);
  const weights = publishedWeights(tensors, "w.pt");
  assert.throws(() => weights.get("b", [2]), /w\.pt has no tensor b: check that --kind fits/);
  assert.throws(() => weights.get("a", [3, 2]), /w\.pt: a has shape \[2,3\], expected \[3,2\]/);
  assert.throws(() => weights.get("whole", [2]), /w\.pt: whole is I32, expected F32/);
  assert.equal(weights.get("a", [1, 2, 3]).length, 6);
  assert.equal(weights.get("one", [1]).length, 1);
});

/** Names of the tensors a builder asks for, with their sizes. */
function asked(build: (weights: ReturnType<typeof randomWeights>) => unknown): Map<string, number> {
  const sizes = new Map<string, number>();
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  build({
    has: (name) => name.includes("noises"),
    get: (name, shape) => {
      sizes.set(name, count(shape));
      return new Float32Array(count(shape)).fill(1);
    },
  });
  return sizes;
}

Deno.test("at their default sizes the builders ask for all parameters of the published networks", () => {
  const buffers = /running_|stored_|weight_u$|weight_v$|u0$|latent_avg|noises/;
  const parameters = (names: Map<string, number>) =>
    [...names].reduce((sum, [name, size]) => sum + (buffers.test(name) ? 0 : size), 0);
  assert.equal(parameters(asked((w) => buildBigBiGan(w))), 70_433_988);
  assert.equal(parameters(asked((w) => buildBigGanDeep(w))), 55_880_833);
  assert.equal(parameters(asked((w) => buildStyleGan2(w))), 30_276_583);
});
