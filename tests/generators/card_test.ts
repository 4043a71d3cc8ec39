/** Model cards: what they say, what the configuration takes from them, and what is refused. */

import assert from "node:assert/strict";
import { buildStyleGan2 } from "../../models/stylegan2-512.ts";
import { randomWeights } from "../../models/weights.ts";
import { loadConfig, parseConfig } from "../../src/config.ts";
import { readCard } from "../../src/generators/card.ts";
import { loadGenerator } from "../../src/generators/model.ts";
import { readWalks } from "../../src/generators/walks.ts";
import { Graph } from "../../src/graph/graph.ts";
import { PROJECT_ROOT } from "../../src/paths.ts";
import { inFolder } from "../support/training.ts";

const TINY = { style: 4, mapping: 1, channels: [8, 8] };

Deno.test("the cards of the paper's generators name what makes their files, and their latents and views", () => {
  const expected = {
    "bigbigan-128": [120, 2, null, 0.2, 2],
    "biggan-deep-256": [128, 2, 1000, 1, 2],
    "stylegan2-512": [512, null, null, 0.25, null],
  };
  for (const [kind, [size, cut, classes, std, viewCut]] of Object.entries(expected)) {
    const card = readCard(`${PROJECT_ROOT}/models/${kind}.yaml`);
    assert.equal(card.import!.kind, kind);
    assert.equal(card.model, `${PROJECT_ROOT}/models/${kind}.onnx`);
    assert.deepEqual([card.latent!.size, card.latent!.truncation, card.labels?.classes ?? null], [size, cut, classes]);
    assert.deepEqual(card.views, { std, truncation: viewCut });
  }
});

Deno.test("a card's settings stand in for those that nobody gave, and for no others", () => {
  const car = parseConfig("generator: { model: models/stylegan2-512.yaml }");
  assert.deepEqual([car.generator.latent.truncation, car.views.latent.std, car.views.latent.truncation], [
    null,
    0.25,
    null,
  ]);
  const given = parseConfig("{ generator: { model: models/stylegan2-512.yaml }, views: { latent: { std: 0.5 } } }", [
    "generator.latent.truncation=1",
  ]);
  assert.deepEqual([given.generator.latent.truncation, given.views.latent.std], [1, 0.5]);
  const set = loadConfig(`${PROJECT_ROOT}/tasks/configs/quick.yaml`, ["generator.model=models/biggan-deep-256.yaml"]);
  assert.deepEqual([set.generator.latent.truncation, set.views.latent.std], [2, 1]);
  assert.equal(parseConfig("generator: { model: nowhere.yaml }").views.latent.std, 0.2);
});

Deno.test("a card's walks steer the views that ask for them, and stay out of other settings", () => {
  for (const [card, walks] of [["card", "walks"], ["card-conditional", "walks-conditional"]]) {
    const model = `generator.model=models/fashion-mnist/${card}.yaml`;
    const path = `models/fashion-mnist/${walks}.safetensors`;
    assert.equal(parseConfig("", [model]).views.latent.walks, null);
    assert.equal(parseConfig("", [model, "views.latent.kind=steered"]).views.latent.walks, path);
    const given = [model, "views.latent={kind: steered, walks: other}"];
    assert.equal(parseConfig("", given).views.latent.walks, "other");
    const { laws, size } = readWalks(`${PROJECT_ROOT}/${path}`);
    assert.deepEqual([laws, size], [["color0", "rot3d", "rot2d", "zoom", "shiftx", "shifty"], 64]);
  }
});

Deno.test("a model that is not there yet is refused with the command that makes it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/card.yaml`;
    await Deno.writeTextFile(path, "{ model: cars.onnx, import: { kind: stylegan2-512, truncation: 0.5 } }");
    const command = `deno task import-generator --kind stylegan2-512 --weights FILE --truncation 0.5 --out ${folder}/`;
    await assert.rejects(loadGenerator(path), (error: Error) => {
      assert.equal(error.name, "UserError");
      return error.message.includes(`${command}cars.onnx`) && error.message.startsWith(`${path}: its model`);
    });
  }));

Deno.test("images are cropped as the card says; what does not fit the file is refused", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/tiny.onnx`, buildStyleGan2(randomWeights(1), 0.9, TINY).encode());
    const load = async (text: string) => {
      await Deno.writeTextFile(`${folder}/card.yaml`, `{ model: tiny.onnx, ${text} }`);
      return await loadGenerator(`${folder}/card.yaml`);
    };
    const crop = "output: { crop: { top: 2, left: 0, height: 4, width: 8 } }";
    const generator = await load(`latent: { input: z, size: 4 }, ${crop}`);
    const g = new Graph();
    assert.deepEqual(generator.build(g, g.input("z", [5, 4]), null).shape, [5, 4, 8, 3]);
    await assert.rejects(load("latent: { input: z, size: 5 }"), /takes latents of 4 values, its card .* says 5/);
    await assert.rejects(load("output: { crop: { top: 5, left: 0, height: 4, width: 8 } }"), /reaches past the images/);
    await assert.rejects(load("latent: { input: w }"), /has no input or output w/);
    await assert.rejects(load("latnt: { input: z }"), /model card .*: the file: .*latnt/);
  }));
