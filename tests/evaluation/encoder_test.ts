/** Encoders out of files of others give PyTorch's features (tests/fixtures/encoders/make.py). */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import { readEncoderWeights } from "../../src/encoders/weight_file.ts";
import { openEncoder } from "../../src/evaluation/encoder.ts";
import { FeatureExtractor } from "../../src/evaluation/features.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder } from "../support/training.ts";

const FIXTURES = new URL("../fixtures/encoders/", import.meta.url).pathname;
const config = parseConfig("encoder: { arch: resnet18, input: 16 }");
const reference = (await readSafetensors(`${FIXTURES}features.safetensors`)).tensors;
const tensor = (name: string) => reference.get(name)!.data as Float32Array;

for (
  const { file, weights, spec } of [
    { file: "torchvision.pth", weights: "torchvision", spec: [[1, 1, 1, 1], true, "imagenet", 4] },
    { file: "genrep.pth", weights: "genrep", spec: [[2, 1, 1, 1], false, "cifar", 4] },
    { file: "moco.pth", weights: "moco", spec: [[1, 2, 1, 1], false, "imagenet", 4] },
    { file: "channels_last.yaml", weights: "torchvision", spec: null },
    { file: "open.onnx", weights: "torchvision", spec: null },
  ]
) {
  gpuTest(`${file} gives the features of PyTorch`, async (gpu) => {
    const encoder = await openEncoder(gpu, FIXTURES + file, config);
    if (spec) {
      const { blocks, bottleneck, stem, width } = encoder.resnet!;
      assert.deepEqual([blocks, bottleneck, stem, width], spec);
    } else assert.equal(encoder.resnet, null);
    assert.deepEqual([encoder.size, encoder.anySize], [16, file !== "channels_last.yaml"]);
    const extractor = await FeatureExtractor.create(gpu, encoder, [16, 16], "normalized");
    const { data } = await extractor.extractPlanes(tensor(`${weights}.images`), 2);
    assertClose(data, tensor(`${weights}.features`), { rtol: 1e-4, atol: 1e-5 });
    extractor.close();
    encoder.store.close();
  });
}

gpuTest("a card's normalisation is used for images of bytes", async (gpu) => {
  const encoder = await openEncoder(gpu, `${FIXTURES}channels_last.yaml`, config);
  assert.deepEqual(encoder.normalization, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], size: 16 });
  encoder.store.close();
});

Deno.test("files that hold no ResNet, or several, say so", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x.safetensors`;
    const one = { dtype: "F32", shape: [4, 3, 7, 7], data: new Float32Array(588) } as const;
    const refused = async (
      names: Record<string, typeof one | { dtype: "F32"; shape: number[]; data: Float32Array }>,
      pattern: RegExp,
    ) => {
      await writeSafetensors(path, Object.entries(names));
      await assert.rejects(readEncoderWeights(path), pattern);
    };
    await refused(
      { "features.0.weight": one },
      /holds no ResNet: looked for a tensor named \.\.\.layer1.0.conv1.weight/,
    );
    await refused(
      { "a.layer1.0.conv1.weight": one, "b.layer1.0.conv1.weight": one },
      /several ResNets, a\. and b\.: save the state dict of one/,
    );
    await refused({ "layer1.0.conv1.weight": one }, /conv1.weight is missing, a ResNet's is/);
    const five = { dtype: "F32" as const, shape: [4, 3, 5, 5], data: new Float32Array(300) };
    await refused({ "layer1.0.conv1.weight": one, "conv1.weight": five }, /conv1.weight is \[4,3,5,5\], a ResNet's is/);
    await assert.rejects(readEncoderWeights(`${folder}/none.pth`), /none.pth does not exist/);
    await Deno.writeTextFile(`${folder}/page.pth`, "<html>");
    await assert.rejects(readEncoderWeights(`${folder}/page.pth`), /page.pth is no file of torch.save/);
  }));

gpuTest("cards and models that do not fit are refused", (gpu) =>
  inFolder(async (folder) => {
    const refused = async (text: string, pattern: RegExp) => {
      await Deno.writeTextFile(`${folder}/card.yaml`, text);
      await assert.rejects(openEncoder(gpu, `${folder}/card.yaml`, config), pattern);
    };
    const model = `model: ${FIXTURES}channels_last.onnx\n`;
    await refused("model: none.onnx", /its model .*none.onnx is not there: put it beside the card/);
    await refused("modle: none.onnx", /encoder card .*card.yaml: .*model/);
    await refused(`${model}output: avgpool`, /has no output avgpool: .*avepool_feat/);
    await refused(`${model}input: { name: y }`, /has no input y/);
    await refused(`${model}input: { size: 32 }`, /images are 32 pixels wide, .*channels_last.onnx takes 16/);
    await assert.rejects(openEncoder(gpu, `${folder}/none.yaml`, config), /encoder card .*none.yaml does not exist/);
  }));
