/** Exported generators against their authors' frameworks: images, and gradients to the latents. */

import assert from "node:assert/strict";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { execute } from "../../src/gpu/execute.ts";
import { gradient } from "../../src/graph/gradient.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { HostArray, Tensor } from "../../src/graph/tensor.ts";
import { decodeTensorFile, loadModel } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { add } from "../../src/ops/binary.ts";
import { assertClose, relativeError } from "../support/close.ts";
import { goldenCases, goldenFolder } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";

const dtype = (t: StoredTensor) => t.dtype === "F32" ? "f32" : "i32";

for (const test of goldenCases("generators")) {
  gpuTest(`generator ${test.name}`, async (gpu) => {
    const tensors = await test.load();
    const model = await loadModel(new URL(test.attrs.onnx, goldenFolder("generators")).pathname);
    const g = new Graph();
    const given: Record<string, Tensor> = {};
    const values: Record<string, HostArray> = {};
    for (const name of test.inputs) {
      const stored = tensors.get(name)!;
      given[name] = g.input(name, stored.shape, dtype(stored));
      values[name] = stored.data as HostArray;
    }
    const image = importModel(g, model, given).image!;
    g.output("image", image);
    // Alone its nodes are joined; beside gradients, which read what lies between them, most are not.
    const alone = await execute(gpu, g, values);
    assertClose(alone.image!, tensors.get("image")!.data as Float32Array, test.tol, "image alone");
    const seed = g.input("d_image", image.shape);
    values.d_image = tensors.get("d_image")!.data as HostArray;
    const wrt = Object.keys(test.grads);
    const gradients = gradient(g, [{ output: image, seed }], wrt.map((name) => given[name]!), add);
    gradients.forEach((t, i) => g.output(`grad.${wrt[i]}`, t!));
    const got = await execute(gpu, g, values);
    assertClose(got.image!, tensors.get("image")!.data as Float32Array, test.tol, "image");
    for (const name of wrt) {
      const error = relativeError(got[`grad.${name}`]!, tensors.get(test.grads[name]!)!.data as Float32Array);
      assert.ok(error <= 1e-3, `grad.${name}: relative error ${error}`);
    }
  });
}

const REAL = new URL("../../../shared/generators/", import.meta.url);

/** Folders of real models with onnxruntime's results; none, said aloud, where they are absent. */
function realModels(): string[] {
  try {
    return [...Deno.readDirSync(REAL)].map((entry) => entry.name).sort();
  } catch {
    console.error("real generators: ../shared/generators is absent, they are skipped");
    return [];
  }
}

for (const name of realModels()) {
  gpuTest(`real generator ${name}`, async (gpu) => {
    const folder = new URL(`${name}/`, REAL).pathname;
    const model = await loadModel(`${folder}model.onnx`);
    const g = new Graph();
    const given: Record<string, Tensor> = {};
    const values: Record<string, HostArray> = {};
    model.inputs.forEach((declared, i) => {
      const { tensor } = decodeTensorFile(`${folder}test_data_set_0/input_${i}.pb`);
      given[declared.name] = g.input(declared.name, tensor.shape, tensor.dtype);
      values[declared.name] = tensor.dtype === "f32" ? Float32Array.from(tensor.data) : Int32Array.from(tensor.data);
    });
    const outputs = importModel(g, model, given);
    const first = model.outputs[0]!.name;
    g.output("y", outputs[first]!);
    const want = decodeTensorFile(`${folder}test_data_set_0/output_0.pb`).tensor;
    assert.deepEqual([...outputs[first]!.shape], [...want.shape]);
    const { y } = await execute(gpu, g, values);
    assertClose(y!, want.data, { rtol: 1e-3, atol: 1e-4 }, first);
  });
}
