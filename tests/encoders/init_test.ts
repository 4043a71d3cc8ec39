/** First values: their laws, that they follow from seed and name alone, and what a standard network adds up to. */

import assert from "node:assert/strict";
import { projectionHead } from "../../src/encoders/head.ts";
import { initialValues, linearValues } from "../../src/encoders/init.ts";
import { type Arch, featureSize, resnet, resnetSpec } from "../../src/encoders/resnet.ts";
import { Graph } from "../../src/graph/graph.ts";
import { sizeOf } from "../../src/graph/tensor.ts";

const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / values.length;
const std = (values: Float32Array) => Math.sqrt(mean(values.map((v) => v * v)) - mean(values) ** 2);

Deno.test("a convolution is normal with He's std over the fan-out", () => {
  const values = initialValues("encoder.layer1.0.conv2.weight", [3, 3, 64, 128], 5); // 73,728 draws
  const want = Math.sqrt(2 / (9 * 128));
  assert.ok(Math.abs(std(values) / want - 1) < 0.01, `std ${std(values)}, want ${want}`);
  assert.ok(Math.abs(mean(values)) < 4 * want / Math.sqrt(values.length), `mean ${mean(values)}`);
  const beyond = values.filter((v) => Math.abs(v) > 2 * want).length / values.length;
  assert.ok(Math.abs(beyond - 0.0455) < 0.004, `${beyond} beyond two std`);
});

Deno.test("a linear layer is uniform within 1 / sqrt(in)", () => {
  const values = linearValues("head.0.weight", 50_000, 2048, 5);
  const bound = 1 / Math.sqrt(2048);
  assert.ok(values.every((v) => Math.abs(v) < bound));
  assert.ok(Math.abs(std(values) / (bound / Math.sqrt(3)) - 1) < 0.01, `std ${std(values)}`);
  assert.ok(Math.abs(mean(values)) < 0.01 * bound, `mean ${mean(values)}`);
});

Deno.test("batch norm begins as the identity with unit statistics", () => {
  const first = (name: string) => [...new Set(initialValues(`encoder.layer2.0.bn1.${name}`, [6], 5))];
  assert.deepEqual(["weight", "bias", "running_mean", "running_var"].map(first), [[1], [0], [0], [1]]);
});

Deno.test("values follow from seed and name", () => {
  const values = (name: string, seed: number) => initialValues(`encoder.${name}`, [1, 1, 8, 8], seed);
  assert.deepEqual(values("conv1.weight", 3), values("conv1.weight", 3));
  assert.notDeepEqual(values("conv1.weight", 3), values("conv1.weight", 4));
  assert.notDeepEqual(values("conv1.weight", 3), values("layer1.0.conv1.weight", 3));
  assert.notDeepEqual(values("conv1.weight", 3), values("conv1.weight", 3 + 2 ** 32));
});

/** Parameters of an encoder and of its head, names without the prefix, shapes of the features and projections. */
function count(arch: Arch) {
  const g = new Graph();
  const spec = resnetSpec({ arch, stem: "imagenet", width: 64 });
  const { features, parameters, norms } = resnet(g, g.input("x", [2, 64, 64, 3]), spec, true);
  const head = projectionHead(g, features);
  assert.deepEqual(features.shape, [2, featureSize(spec)]);
  assert.deepEqual(head.z.shape, [2, 128]);
  const total = (tensors: readonly { shape: readonly number[] }[]) =>
    tensors.reduce((sum, t) => sum + sizeOf(t.shape), 0);
  return { encoder: total(parameters), head: total(head.parameters), tensors: parameters.length, norms: norms.length };
}

Deno.test("standard networks have torchvision's numbers of parameters", () => {
  assert.deepEqual(count("resnet50"), { encoder: 23_508_032, head: 4_458_624, tensors: 159, norms: 53 });
  assert.deepEqual(count("resnet18"), { encoder: 11_176_512, head: 328_320, tensors: 60, norms: 20 });
  assert.deepEqual(count("resnet34"), { encoder: 21_284_672, head: 328_320, tensors: 108, norms: 36 });
});
