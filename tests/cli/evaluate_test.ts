/** `evaluate`, `encode`, `export` and `sample` as their users meet them. */

import assert from "node:assert/strict";
import { readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import { assertClose } from "../support/close.ts";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, tinyConfig, trainTiny, writeIdxSet } from "../support/training.ts";

const sets = (...more: string[]) => [...TINY, ...more].flatMap((set) => ["--set", set]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(features [^\n]+\n)*error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

gpuTest("a checkpoint is probed, encodes, and its export gives the same features", (gpu) =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    await trainTiny(gpu, tinyConfig("steps=1"), `${folder}/run`);
    const checkpoint = `${folder}/run/last.safetensors`;
    const probe = ["--set", "probe.epochs=3", "--set", "probe.lr=0.05", "--set", "probe.standardize=true"];
    const args = ["--checkpoint", checkpoint, "--data", `${folder}/data`, "--out", folder, ...probe];
    const evaluated = await runCli("evaluate", [...args, "--json"]);
    assert.equal(evaluated.code, 0, evaluated.stderr);
    const result = JSON.parse(evaluated.stdout);
    assert.deepEqual([result.n_train, result.n_test, result.classes], [16, 16, 2]);
    assert.ok(result.linear.best.top1 >= result.linear.top1 && result.knn.top1 >= 0);
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${folder}/evaluation.json`)), result);

    const images = `${folder}/images.safetensors`;
    const data = Float32Array.from({ length: 3 * 3 * 32 * 32 }, (_, i) => Math.sin(i));
    await writeSafetensors(images, [["images", { dtype: "F32", shape: [3, 3, 32, 32], data }]]);
    const weights = `${folder}/encoder.safetensors`;
    assert.equal((await runCli("export", ["--checkpoint", checkpoint, "--out", weights])).code, 0);
    assert.ok((await readSafetensors(weights)).tensors.has("layer1.0.conv1.weight"));
    const encoded: Uint8Array[] = [];
    for (const source of [checkpoint, weights]) {
      const out = `${folder}/features.safetensors`;
      const done = await runCli("encode", [...sets(), "--checkpoint", source, "--images", images, "--out", out]);
      assert.equal(done.code, 0, done.stderr);
      const { shape, data } = (await readSafetensors(out)).tensors.get("features")!;
      assert.deepEqual(shape, [3, 32]);
      assert.ok(Array.from(data as Float32Array).every(Number.isFinite));
      encoded.push(await Deno.readFile(out));
    }
    assert.deepEqual(encoded[0], encoded[1]);

    const model = `${folder}/encoder.onnx`;
    const exported = await runCli("export", ["--checkpoint", checkpoint, "--format", "onnx", "--out", model]);
    assert.equal(exported.code, 0, exported.stderr);
    const out = `${folder}/onnx.safetensors`;
    const ran = await runCli("run-onnx", ["--model", model, "--inputs", images, "--outputs", out]);
    assert.equal(ran.code, 0, ran.stderr);
    const features = async (path: string) => (await readSafetensors(path)).tensors.get("features")!;
    const [ours, theirs] = [await features(`${folder}/features.safetensors`), await features(out)];
    assert.deepEqual(theirs.shape, ours.shape);
    assertClose(theirs.data as Float32Array, ours.data as Float32Array, { rtol: 1e-4, atol: 1e-5 }, "features");
  }));

gpuTest("what cannot be evaluated or encoded is refused in one line", () =>
  inFolder(async (folder) => {
    const run = (...args: string[]) => runCli("evaluate", [...sets(), ...args]);
    refused(await run(), /--checkpoint is missing/);
    refused(await run("--checkpoint", `${folder}/none.safetensors`), /none\.safetensors does not exist/);
    refused(await run("--checkpoint", "random", "--protocol", "linar"), /--protocol linar is not known.*linear/);
    refused(await run("--checkpoint", "random", "--data", `${folder}/none`), /data folder .*none does not exist/);
    refused(await run("--checkpiont", "random"), /unknown option --checkpiont.*--checkpoint/);
    await Deno.writeTextFile(`${folder}/foreign.safetensors`, "not what it seems to be, in many words");
    refused(
      await run("--checkpoint", `${folder}/foreign.safetensors`),
      /foreign\.safetensors is not a valid safetensors/,
    );

    await writeIdxSet(`${folder}/data`);
    await Deno.writeFile(`${folder}/data/t10k-labels-idx1-ubyte`, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 0));
    refused(await run("--checkpoint", "random", "--data", `${folder}/data`), /labels/);
    await Deno.writeFile(`${folder}/data/train-images-idx3-ubyte`, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    refused(await run("--checkpoint", "random", "--data", `${folder}/data`), /train-images-idx3-ubyte/);

    const encode = (images: string) => runCli("encode", [...sets(), "--checkpoint", "random", "--images", images]);
    refused(await encode(`${folder}/none`), /none does not exist: check --images/);
    await writeSafetensors(`${folder}/x.safetensors`, [["x", { dtype: "F32", shape: [1], data: new Float32Array(1) }]]);
    refused(await encode(`${folder}/x.safetensors`), /has no tensor images/);
  }));

gpuTest("samples are drawn as a sheet and as files", () =>
  inFolder(async (folder) => {
    const args = ["--count", "3", "--views", "--files", "--std", "0.5", "--out", folder];
    const done = await runCli("sample", [...sets(), ...args]);
    assert.equal(done.code, 0, done.stderr);
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
    const files = [0, 1, 2].flatMap((i) => [`0000${i}.png`, `0000${i}_view.png`]);
    assert.deepEqual(names, [...files, "sheet.png"]);
  }));
