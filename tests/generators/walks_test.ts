/** Files of walks, and latent views that are steered by them or change some chunks alone. */

import assert from "node:assert/strict";
import { parseConfig } from "../../src/config.ts";
import { encodeSafetensors, type StoredTensor } from "../../src/data/safetensors.ts";
import { UserError } from "../../src/errors.ts";
import { rngInput } from "../../src/generators/latents.ts";
import type { Generator } from "../../src/generators/model.ts";
import { coefficientDraw, rngValues, STREAMS } from "../../src/generators/random.ts";
import { columnsOf, readWalks, walkTensors } from "../../src/generators/walks.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { reshape } from "../../src/ops/reshape.ts";
import { generatorSource } from "../../src/training/source.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";
import { inFolder } from "../support/training.ts";

const f32 = (shape: number[], seed = 1): StoredTensor => ({
  dtype: "F32",
  shape,
  data: noise(shape.reduce((a, b) => a * b, 1), seed),
});

async function write(path: string, tensors: Record<string, StoredTensor>): Promise<string> {
  await Deno.writeFile(path, encodeSafetensors(Object.entries(tensors)));
  return path;
}

/** A generator whose images are its latents. */
function identityGenerator(latentShape: readonly number[], tied = false): Generator {
  const latentSize = latentShape.reduce((a, b) => a * b, 1);
  return {
    path: "identity",
    latentShape,
    latentSize,
    tied,
    classes: null,
    levels: null,
    build: (g, z) => reshape(g, z, [z.shape[0]!, latentSize, 1, 1]),
  };
}

/** Anchors and their views [batch, size] of a step, as a source with these settings makes them. */
async function views(gpu: Gpu, generator: Generator, batch: number, sets: readonly string[]) {
  const config = parseConfig("", ["generator.model=identity", ...sets]);
  const g = new Graph();
  g.output("images", generatorSource(generator, config).build(g, rngInput(g), batch, 2).images);
  const images = (await execute(gpu, g, { rng: rngValues(config.seed, 0) })).images as Float32Array;
  return { z: images.slice(0, images.length / 2), view: images.slice(images.length / 2) };
}

Deno.test("walks are read by name in their order, whatever that of the file, and written back the same", () =>
  inFolder(async (folder) => {
    const color = f32([1, 5, 3], 1);
    const zoom = f32([1, 5], 2);
    const path = await write(`${folder}/w.safetensors`, { walk_zoom: zoom, walk_color: color });
    const walks = readWalks(path);
    assert.deepEqual(walks.laws, ["color0", "color1", "color2", "zoom"]);
    assert.equal(walks.size, 5);
    assert.deepEqual([...walks.vectors.subarray(5, 10)], Array.from({ length: 5 }, (_, i) => color.data[3 * i + 1]));
    assert.deepEqual(Object.fromEntries(walkTensors(walks)), { walk_color: color, walk_zoom: zoom });
    // The latent's axes may stand in the shape, as [1, 5, 1, 1].
    const wide = readWalks(await write(`${folder}/v.safetensors`, { walk_zoom: { ...zoom, shape: [1, 5, 1, 1] } }));
    assert.deepEqual(wide.vectors, zoom.data);
    assert.deepEqual(columnsOf(["shiftx", "color"], 1), ["color0", "shiftx"]);
  }));

Deno.test("files that hold no walks, or walks of other latents, are refused with both sizes", () =>
  inFolder(async (folder) => {
    const path = `${folder}/w.safetensors`;
    const refused = async (tensors: Record<string, StoredTensor>, pattern: RegExp) => {
      await write(path, tensors);
      assert.throws(() => readWalks(path), (error) => error instanceof UserError && pattern.test(error.message));
    };
    await refused({}, /w\.safetensors holds no walks: it needs one of walk_color, /);
    await refused({ walk_zom: f32([1, 5]) }, /holds walk_zom, which is no walk: did you mean "walk_zoom"/);
    await refused({ walk_zoom: f32([2, 5]) }, /walk_zoom is F32 \[2,5\], not F32 \[1, d\]/);
    await refused({ walk_color: f32([1, 5, 4]) }, /walk_color is F32 \[1,5,4\], not F32 \[1, d, 1 or 3\]/);
    await refused({ walk_zoom: { dtype: "I32", shape: [1, 1], data: Int32Array.of(1) } }, /is I32 \[1,1\]/);
    await refused({ walk_zoom: f32([1, 5]), walk_shiftx: f32([1, 6]) }, /walk_shiftx has 6 values, .* have 5/);
    await Deno.writeTextFile(path, "nothing");
    assert.throws(() => readWalks(path), /not a valid safetensors file/);
    assert.throws(() => readWalks(`${folder}/none`), /walks .*none does not exist: learn them with deno task steer/);

    await write(path, { walk_zoom: f32([1, 5]) });
    const source = (...sets: string[]) => () =>
      generatorSource(identityGenerator([4]), parseConfig("", ["views.latent.kind=steered", ...sets]));
    assert.throws(source(), /views\.latent\.kind is steered, which needs views\.latent\.walks: name a file/);
    assert.throws(source(`views.latent.walks=${path}`), /for latents of 5 values, identity takes 4: learn/);
  }));

gpuTest("a steered view is the anchor plus its walks by the drawn coefficients", (gpu) =>
  inFolder(async (folder) => {
    const tensors = { walk_color: f32([1, 6, 1], 1), walk_rot3d: f32([1, 6], 2), walk_shiftx: f32([1, 6], 3) };
    const walks = await write(`${folder}/w.safetensors`, tensors);
    const laws = ["color0", "rot3d", "shiftx"] as const;
    for (const rot3dFactor of [1, 5]) {
      const sets = ["seed=3", `views.latent={kind: steered, walks: ${walks}, rot3d_factor: ${rot3dFactor}}`];
      const { z, view } = await views(gpu, identityGenerator([2, 3]), 8, sets);
      const want = Float64Array.from(z);
      for (let i = 0; i < 8; i++) {
        const attrs = { stream: STREAMS.steering, laws, rot3dFactor };
        coefficientDraw(rngValues(3, 0), [i, 0], attrs).forEach((c, k) => {
          for (let e = 0; e < 6; e++) want[6 * i + e]! += c * Number(Object.values(tensors)[k]!.data[e]);
        });
      }
      assertClose(view, want, { rtol: 1e-5, atol: 1e-5 }, `factor ${rot3dFactor}`);
    }
  }));

gpuTest("a view changes the chosen chunks alone, and there as if it changed all", (gpu) =>
  inFolder(async (folder) => {
    const walks = await write(`${folder}/w.safetensors`, { walk_zoom: f32([1, 12]) });
    const kinds = [["gaussian", "std: 0.5"], ["independent", "std: 1"], ["steered", `walks: ${walks}`]];
    for (const [kind, more] of kinds) {
      const all = await views(gpu, identityGenerator([12]), 4, [`views.latent={kind: ${kind}, ${more}}`]);
      const some = await views(gpu, identityGenerator([12]), 4, [
        `views.latent={kind: ${kind}, ${more}, chunks: [0, 4]}`,
        "generator.latent.chunks=6",
      ]);
      assert.deepEqual(some.z, all.z);
      const want = all.view.map((v, i) => [0, 4].includes(Math.floor(i % 12 / 2)) ? v : all.z[i]!);
      assert.deepEqual(some.view, want, kind);
    }
  }));

gpuTest("each chunk has a std of its own", async (gpu) => {
  const sets = ["views.latent={kind: gaussian, std: [0, 0.1, 2], truncation: 2}", "generator.latent.chunks=3"];
  const { z, view } = await views(gpu, identityGenerator([6]), 512, sets);
  const { view: unit } = await views(gpu, identityGenerator([6]), 512, ["views.latent={std: 1, truncation: 2}"]);
  const want = z.map((v, i) => v + [0, 0.1, 2][Math.floor(i % 6 / 2)]! * (unit[i]! - v));
  assertClose(view, want, { rtol: 1e-5, atol: 1e-5 });
});

gpuTest("rows that are tied are one draw, and change together or layer by layer", async (gpu) => {
  const flat = await views(gpu, identityGenerator([3]), 4, ["views.latent.std=0.5"]);
  const row = (values: Float32Array, i: number, layer: number) => [
    ...values.slice((4 * i + layer) * 3, (4 * i + layer + 1) * 3),
  ];
  const tied = await views(gpu, identityGenerator([4, 3], true), 4, ["views.latent={std: 0.5, chunks: [1, 2]}"]);
  for (let i = 0; i < 4; i++) {
    const [z, view] = [flat.z, flat.view].map((v) => [...v.slice(3 * i, 3 * i + 3)]);
    for (let layer = 0; layer < 4; layer++) {
      assert.deepEqual(row(tied.z, i, layer), z);
      assert.deepEqual(row(tied.view, i, layer), layer === 1 || layer === 2 ? view : z);
    }
  }
  const own = await views(gpu, identityGenerator([4, 3]), 4, ["views.latent.std=0.5"]);
  assert.notDeepEqual(row(own.z, 0, 0), row(own.z, 0, 1));
});

Deno.test("chunks that do not fit the latent are refused with the numbers", () => {
  const source = (shape: number[], ...sets: string[]) => () =>
    generatorSource(identityGenerator(shape), parseConfig("", sets));
  assert.throws(source([12], "generator.latent.chunks=5"), /chunks is 5, which does not divide the latent's 12 values/);
  assert.throws(
    source([12], "views.latent.chunks=[1]"),
    /has chunk 1, .* only chunk 0: say in generator.latent.chunks/,
  );
  assert.throws(source([4, 3], "views.latent.chunks=[0, 4]"), /has chunk 4, and the latent has the chunks 0 to 3/);
  assert.throws(
    source([4, 3], "views.latent.std=[1, 2]"),
    /has 2 values, latents of identity have 4 chunks: give one or/,
  );
  source([100, 1, 1], "views.latent.chunks=[0]")();
  const card = parseConfig("generator: { model: models/bigbigan-128.yaml }");
  assert.equal(card.generator.latent.chunks, 6);
});
