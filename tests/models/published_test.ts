/** The builders and their foldings against PyTorch running the published form, at reduced sizes. */

import assert from "node:assert/strict";
import { readSafetensors } from "../../src/data/safetensors.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { HostArray, Tensor } from "../../src/graph/tensor.ts";
import { loadModel } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { type GeneratorKind, importGenerator } from "../../src/studies/import_generator.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder } from "../support/training.ts";

const fixture = (name: string) => new URL(`../fixtures/generators/${name}`, import.meta.url).pathname;

const CASES: { kind: GeneratorKind; weights: string; truncation: number | null; image: string }[] = [
  { kind: "bigbigan-128", weights: "bigbigan.pth", truncation: null, image: "image" },
  { kind: "biggan-deep-256", weights: "biggan_deep.bin", truncation: null, image: "image_1.0" },
  { kind: "biggan-deep-256", weights: "biggan_deep.bin", truncation: 0.43, image: "image_0.43" },
  { kind: "stylegan2-512", weights: "stylegan2.pt", truncation: 1, image: "image_1.0" },
  { kind: "stylegan2-512", weights: "stylegan2.pt", truncation: 0.7, image: "image_0.7" },
];

for (const { kind, weights, truncation, image } of CASES) {
  gpuTest(`${kind} from ${weights}: ${image}, alone and in a batch`, (gpu) =>
    inFolder(async (folder) => {
      const out = `${folder}/model.onnx`;
      await importGenerator({ kind, weights: { path: fixture(weights) }, truncation, out });
      const { tensors } = await readSafetensors(fixture(weights.replace(/\.\w+$/, ".safetensors")));
      const want = tensors.get(image)!;
      const model = await loadModel(out);
      assert.deepEqual(model.outputs[0]!.dims!.slice(1), want.shape.slice(1));
      const each = want.data.length / 3;
      for (const batch of [1, 3]) {
        const g = new Graph();
        const given: Record<string, Tensor> = {};
        const values: Record<string, HostArray> = {};
        for (const { name } of model.inputs) {
          const { shape, data } = tensors.get(name)!;
          given[name] = g.input(name, [batch, shape[1]!]);
          values[name] = (data as Float32Array).slice(0, batch * shape[1]!);
        }
        g.output("image", importModel(g, model, given).image!);
        const got = await execute(gpu, g, values);
        const expected = (want.data as Float32Array).slice(0, batch * each);
        const scale = expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
        assertClose(got.image!, expected, { rtol: 1e-4, atol: 2e-5 * scale }, image);
      }
    }));
}

gpuTest(
  "a StyleGAN2 with a latent for each layer is the plain one where all are the same, and reads every one",
  (gpu) =>
    inFolder(async (folder) => {
      const out = `${folder}/model.onnx`;
      await importGenerator({
        kind: "stylegan2-512-layers",
        weights: { path: fixture("stylegan2.pt") },
        truncation: 0.7,
        out,
      });
      const { tensors } = await readSafetensors(fixture("stylegan2.safetensors"));
      const [image, z] = ["image_0.7", "z"].map((name) => tensors.get(name)!.data as Float32Array) as [
        Float32Array,
        Float32Array,
      ];
      const model = await loadModel(out);
      const [layers, style] = model.inputs[0]!.dims!.slice(1) as [number, number];
      assert.equal(z.length, 3 * style);
      const run = async (rows: Float32Array) => {
        const g = new Graph();
        const input = g.input("z", [3, layers, style]);
        g.output("image", importModel(g, model, { z: input }).image!);
        return (await execute(gpu, g, { z: rows })).image as Float32Array;
      };
      const tied = Float32Array.from(
        { length: 3 * layers * style },
        (_, i) => z[Math.floor(i / (layers * style)) * style + i % style]!,
      );
      const same = await run(tied);
      const scale = image.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
      assertClose(same, image, { rtol: 1e-4, atol: 2e-5 * scale }, "tied rows");
      for (let layer = 0; layer < layers; layer++) {
        const row = (i: number) => Math.floor(i / style) % layers === layer;
        const other = await run(tied.map((v, i) => row(i) ? -v : v));
        assert(other.some((v, i) => Math.abs(v - same[i]!) > 1e-3), `layer ${layer} is not read`);
      }
    }),
);
