/** Suites of cases: the standard's own, and a made one in which things go wrong. */

import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import { readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import { exists } from "../../src/paths.ts";
import { compare, findCases, runSuite } from "../../src/studies/onnx_suite.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;
const SHARED = new URL("../../../shared/onnx", import.meta.url).pathname;
const TOLERANCE = { rtol: 1e-3, atol: 1e-7 };

/** The model y = Op(x) for x of two values; `type` 7 is int64. */
function model(opType: string, type = 1): Uint8Array {
  const value = (name: string) => ({
    name,
    type: { tensorType: { elemType: type, shape: { dim: [{ dimValue: 2 }] } } },
  });
  const graph = {
    node: [{ opType, name: "only", input: ["x"], output: ["y"] }],
    input: [value("x")],
    output: [value("y")],
  };
  return ModelProto.encode({ opsetImport: [{ domain: "", version: 13 }], graph }).finish();
}

const tensor = (floatData: number[]) =>
  TensorProto.encode({ dims: [floatData.length], dataType: 1, floatData }).finish();

/** A suite with one case of each fate. */
async function madeSuite(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const add = async (path: string, bytes: Uint8Array, y: number[]) => {
    await Deno.mkdir(`${folder}/${path}/test_data_set_0`, { recursive: true });
    await Deno.writeFile(`${folder}/${path}/model.onnx`, bytes);
    await Deno.writeFile(`${folder}/${path}/test_data_set_0/input_0.pb`, tensor([-1, 2]));
    await Deno.writeFile(`${folder}/${path}/test_data_set_0/output_0.pb`, tensor(y));
  };
  await add("deep/down/right", model("Relu"), [0, 2]);
  await add("damaged", model("Relu").slice(0, 20), [0, 2]);
  await add("unknown", model("Nonsense"), [0, 2]);
  await add("wrong", model("Relu"), [0, 3]);
  await add("zlast", model("Neg"), [1, -2]);
  return folder;
}

gpuTest("a case that fails stops no other one, and the task exits with 1", async () => {
  const folder = await madeSuite();
  try {
    const { code, stdout, stderr } = await runCli("run-onnx", ["--suite", folder, "--json"]);
    assert.equal(code, 1, stderr);
    const result = JSON.parse(stdout);
    assert.deepEqual([result.passed, result.failed, result.unsupported], [2, 2, 1]);
    assert.deepEqual(result.failures.map((f: { case: string }) => f.case), ["damaged", "wrong"]);
    assert.match(result.failures[1].reason, /y: 1 of 2 values differ, most at 1: got 2, expected 3/);
    assert.match(result.skipped[0].reason, /Nonsense \(only\)/);
    const wide = await runCli("run-onnx", ["--suite", `${folder}/wrong`, "--atol", "1.5", "--json"]);
    assert.deepEqual([wide.code, JSON.parse(wide.stdout).passed], [0, 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

gpuTest("a case that gives no answer in its time fails alone", async () => {
  const folder = await madeSuite();
  try {
    const result = await runSuite(folder, TOLERANCE, { seconds: 0.001 });
    assert.equal(result.failed, 5);
    assert.match(result.failures[0]!.reason, /no result after 0.001 s/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

gpuTest("a model runs from one file of tensors to another", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeFile(`${folder}/model.onnx`, model("Identity", 7));
    const x = { dtype: "I64", shape: [2], data: BigInt64Array.of(-5n, 7n) } as const;
    await writeSafetensors(`${folder}/x.safetensors`, [["x", x]]);
    const args = ["--model", "model.onnx", "--inputs", "x.safetensors", "--outputs", "y.safetensors", "--json"];
    const { code, stdout, stderr } = await runCli("run-onnx", args, { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { outputs: { y: [2] } });
    const y = (await readSafetensors(`${folder}/y.safetensors`)).tensors.get("y")!;
    assert.deepEqual([y.dtype, ...y.data], ["I32", -5, 7]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("values are compared with NaN and infinities in mind", () => {
  compare("y", [NaN, Infinity, 1], [NaN, Infinity, 1.0005], TOLERANCE);
  assert.throws(() => compare("y", [NaN], [1], TOLERANCE), /got NaN, expected 1/);
  assert.throws(() => compare("y", [-Infinity], [Infinity], TOLERANCE), /got -Infinity/);
  assert.throws(() => compare("y", [5], [Infinity], TOLERANCE), /got 5, expected Infinity/);
});

// Exports by PyTorch 1.13's TorchScript exporter with its own results, most of them at several batch sizes: a BigGAN whose
// spectral norms are not folded, a VAE with group norms and resizing, PixelNorm and pixel shuffles, a transformer,
// psi by lerp, batch norm in training mode, coordinate channels.
gpuTest("exported generators of opsets 9 to 17, folded or not, with fixed and with open batches", async () => {
  const folder = new URL("../fixtures/onnx/exports", import.meta.url).pathname;
  const result = await runSuite(folder, { rtol: 1e-3, atol: 1e-6 });
  assert.deepEqual([result.failures, result.skipped, result.passed], [[], [], 8]);
});

if (exists(SHARED)) {
  gpuTest("no standard case of ONNX fails", async () => {
    assert.ok(findCases(SHARED).length >= 539);
    const result = await runSuite(SHARED, TOLERANCE);
    assert.deepEqual(result.failures, []);
    assert.ok(result.passed >= 539, `${result.passed} passed`);
  });
} else console.error("standard cases of ONNX: ../shared/onnx is absent, they are skipped");
