/** What an import refuses, and in which words; a fixed batch at another size; damaged files. */

import assert from "node:assert/strict";
import fc from "fast-check";
import onnxProto from "onnx-proto";
import { writeSafetensors } from "../../src/data/safetensors.ts";
import { UserError } from "../../src/errors.ts";
import { Graph } from "../../src/graph/graph.ts";
import { type DType, sizeOf } from "../../src/graph/tensor.ts";
import { decodeModel, decodeTensorFile, loadModel, type Model } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { exists, PROJECT_ROOT } from "../../src/paths.ts";
import { runModel } from "../../src/studies/run_onnx.ts";
import { assertClose } from "../support/close.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";

const { ModelProto } = onnxProto.onnx;
type Nodes = onnxProto.onnx.INodeProto[];

const REAL = `${PROJECT_ROOT}/models/fashion-mnist/generator.onnx`;
const bytes = await Deno.readFile(REAL);

/** A model of x [2, 4] (or of other dims) to y, of the same dims or others. */
function modelOf(node: Nodes, dims: number[] = [2, 4], made = dims): Model {
  const value = (name: string, sizes: number[]) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: sizes.map((dimValue) => ({ dimValue })) } } },
  });
  const graph = { node, input: [value("x", dims)], output: [value("y", made)] };
  return decodeModel(ModelProto.encode({ opsetImport: [{ domain: "", version: 13 }], graph }).finish(), "made.onnx");
}

const chain: Nodes = [{ opType: "Relu", name: "first", input: ["x"], output: ["y"] }];

function importWith(model: Model, inputs: Record<string, [readonly number[], DType?]>) {
  const g = new Graph();
  return importModel(
    g,
    model,
    Object.fromEntries(Object.entries(inputs).map(([name, [shape, dtype]]) => [name, g.input(name, shape, dtype)])),
  );
}

/** Asserts a UserError in one line that matches. */
function refuses(work: () => unknown, pattern: RegExp): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof UserError, String((error as Error).stack));
    assert.match(error.message, pattern);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  });
}

Deno.test("a missing model is said to be missing", async () => {
  await assert.rejects(loadModel("nowhere/model.onnx"), /^UserError: ONNX model nowhere\/model.onnx does not exist/);
});

for (const length of [1, 10, 100, 5000, 100_000, bytes.length - 1]) {
  Deno.test(`a model cut off at ${length} bytes is refused`, () => {
    refuses(() => decodeModel(bytes.slice(0, length), "cut.onnx"), /^cut\.onnx/);
  });
}

const foreign: Record<string, Uint8Array> = {
  "a PNG": Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52),
  "an empty file": new Uint8Array(),
  "a safetensors file": new TextEncoder().encode(
    '\x50\0\0\0\0\0\0\0{"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
  ),
  "text": new TextEncoder().encode("model: generator.onnx\n"),
};
for (const [what, content] of Object.entries(foreign)) {
  Deno.test(`${what} is no model`, () => {
    refuses(() => decodeModel(content, "foreign"), /^foreign (is no ONNX model|is a damaged|names no opset)/);
  });
}

Deno.test("a wrong input name brings the nearest one", () => {
  refuses(() => importWith(modelOf(chain), { X: [[2, 4]] }), /has no input X: did you mean "x"\?/);
  refuses(() => importWith(modelOf(chain), { latent: [[2, 4]] }), /has no input latent: use one of x/);
});

Deno.test("a missing input is named", () => {
  refuses(() => importWith(modelOf(chain), {}), /also takes the input x/);
});

Deno.test("shapes and types are held against the declared ones", () => {
  refuses(() => importWith(modelOf(chain), { x: [[2, 5]] }), /input x has shape \[2,4\], got \[2,5\]/);
  refuses(() => importWith(modelOf(chain), { x: [[2, 4, 1]] }), /input x has shape \[2,4\], got \[2,4,1\]/);
  refuses(() => importWith(modelOf(chain), { x: [[2, 4], "i32"] }), /input x takes f32, got i32\[2,4\]/);
});

Deno.test("all unsupported operators are listed at once, with their nodes", () => {
  const model = modelOf([
    { opType: "Nonsense", name: "a", input: ["x"], output: ["p"] },
    { opType: "Relu", name: "b", input: ["p"], output: ["q"] },
    { opType: "LSTM", name: "c", input: ["q"], output: ["r"] },
    { opType: "Nonsense", name: "d", input: ["r"], output: ["s"] },
    { opType: "Gadget", domain: "com.example", name: "e", input: ["s"], output: ["y"] },
  ]);
  const wanted = /unsupported operators: Nonsense \(a, d\); LSTM \(c\); com\.example\.Gadget \(e\)$/;
  refuses(() => importWith(model, { x: [[2, 4]] }), wanted);
});

Deno.test("an attribute that nothing reads is refused by name", () => {
  const model = modelOf([{ ...chain[0], attribute: [{ name: "twist", type: 2, i: 1 }] }]);
  refuses(() => importWith(model, { x: [[2, 4]] }), /Relu first: attribute twist is not supported/);
});

Deno.test("a value that no node makes is named", () => {
  const reads = modelOf([{ opType: "Relu", name: "first", input: ["nothing"], output: ["y"] }]);
  refuses(() => importWith(reads, { x: [[2, 4]] }), /Relu first reads nothing, which no earlier node makes/);
  const makes = modelOf([{ opType: "Relu", name: "first", input: ["x"], output: ["z"] }]);
  refuses(() => importWith(makes, { x: [[2, 4]] }), /no node makes the output y/);
});

Deno.test("operands that do not fit name the node", () => {
  const model = modelOf([
    { opType: "Transpose", name: "turned", input: ["x"], output: ["t"] },
    { opType: "Add", name: "sum", input: ["x", "t"], output: ["y"] },
  ]);
  refuses(() => importWith(model, { x: [[2, 4]] }), /made\.onnx: Add sum.*\[2,4\] and \[4,2\] do not broadcast/);
});

Deno.test("the command line says each in one line and exits with 2", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const at = (name: string) => `${folder}/${name}`;
    await Deno.writeFile(at("cut.onnx"), bytes.slice(0, 5000));
    await Deno.writeFile(at("picture.onnx"), foreign["a PNG"]!);
    const latents = (name: string, shape: number[]) =>
      [[name, { dtype: "F32", shape, data: new Float32Array(sizeOf(shape)) }]] as const;
    const { name, dims } = (await loadModel(REAL)).inputs[0]!;
    const width = Number(dims![1]);
    await writeSafetensors(at("good.safetensors"), latents(name, [1, width]));
    await writeSafetensors(at("named.safetensors"), latents(`${name}z`, [1, width]));
    await writeSafetensors(at("shaped.safetensors"), latents(name, [1, width + 1]));
    const run = (model: string, inputs: string) =>
      runCli("run-onnx", ["--model", model, "--inputs", inputs, "--outputs", at("y.safetensors")]);
    const cases: [Promise<{ code: number; stderr: string; stdout: string }>, RegExp][] = [
      [run(at("none.onnx"), at("good.safetensors")), /does not exist/],
      [run(at("cut.onnx"), at("good.safetensors")), /cut\.onnx/],
      [run(at("picture.onnx"), at("good.safetensors")), /is no ONNX model/],
      [run(REAL, at("none.safetensors")), /does not exist/],
      [run(REAL, at("named.safetensors")), new RegExp(`did you mean "${name}"`)],
      [run(REAL, at("shaped.safetensors")), /has shape \[.*\], got \[1,/],
      [runCli("run-onnx", ["--suite", at("nowhere")]), /suite .*nowhere cannot be read/],
      [runCli("run-onnx", ["--suite", folder]), /holds no case/],
      [runCli("run-onnx", []), /give --model, --inputs and --outputs, or --suite/],
      [runCli("run-onnx", ["--suite", folder, "--model", REAL]), /--suite and --model do not go together/],
    ];
    for (const [finished, pattern] of cases) {
      const { code, stdout, stderr } = await finished;
      assert.match(stderr, pattern);
      assert.match(stderr, /^error: [^\n]*\n$/);
      assert.equal(code, 2);
      assert.equal(stdout, "");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a model with changed bytes imports or is refused", { sanitizeResources: false }, () => {
  const model = decodeModel(bytes, "real");
  const latent = model.inputs[0]!;
  const shape = latent.dims!.map((d, i) => i === 0 ? 2 : Number(d));
  // Most bytes are weights, whose change is no damage: half of the places are among the first and last ones.
  const place = fc.oneof(
    fc.nat(3000),
    fc.nat(800).map((n) => bytes.length - 1 - n),
    fc.nat(bytes.length - 1),
  );
  const change = fc.record({ place, value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
      const damaged = bytes.slice();
      for (const { place, value } of changes) damaged[place] = value;
      const begin = performance.now();
      try {
        importWith(decodeModel(damaged, "damaged"), { [latent.name]: [shape] });
      } catch (error) {
        assert.ok(error instanceof UserError, String((error as Error).stack));
      }
      assert.ok(performance.now() - begin < 5000, "the import takes too long");
    }),
    { numRuns: 60, seed: 7 },
  );
});

const SHARED = new URL("../../../shared/generators/", import.meta.url).pathname;

/** The real models that were exported for one sample. */
function fixedModels(): string[] {
  const names = ["a2kiti-netG", "omori-OMORI_SPRITE_AIM_25_LONG_GAN_epoch_13999_g", "tapliershiru-model_better"];
  if (exists(SHARED)) return names;
  console.error("a fixed batch at another size: ../shared/generators is absent, a small model alone is tried");
  return [];
}

for (const folder of fixedModels()) {
  gpuTest(`${folder}, made for one sample, gives for three what it gives for each`, async (gpu) => {
    const model = await loadModel(`${SHARED}${folder}/model.onnx`);
    const samples = model.inputs.map((input, i) => {
      const { tensor } = decodeTensorFile(`${SHARED}${folder}/test_data_set_0/input_${i}.pb`);
      assert.equal(input.dims![0], 1);
      const row = (r: number) => tensor.data.map((v) => tensor.dtype === "f32" ? v * (1 - 0.4 * r) : v + r);
      return { name: input.name, tensor, rows: [row(0), row(1), row(2)] };
    });
    const run = async (chosen: readonly number[]) => {
      const inputs = samples.map(({ name, tensor, rows }) => {
        const data = chosen.flatMap((r) => Array.from(rows[r]!));
        const shape = [chosen.length, ...tensor.shape.slice(1)];
        const values = tensor.dtype === "f32" ? Float32Array.from(data) : Float64Array.from(data);
        return [name, { ...tensor, shape, data: values }] as const;
      });
      return (await runModel(gpu, model, new Map(inputs))).get(model.outputs[0]!.name)!;
    };
    const together = await run([0, 1, 2]);
    assert.equal(together.shape[0], 3);
    const part = together.data.length / 3;
    for (const row of [0, 1, 2]) {
      const { data } = await run([row]);
      assertClose(together.data.slice(row * part, (row + 1) * part), data, { rtol: 1e-5, atol: 1e-5 }, `row ${row}`);
    }
  });
}

gpuTest("a Reshape that wrote down the batch follows it", async (gpu) => {
  const shape = { dims: [2], dataType: 7, int64Data: [1, 4], name: "shape" } as onnxProto.onnx.ITensorProto;
  const model = modelOf(
    [
      { opType: "Constant", name: "c", output: ["shape"], attribute: [{ name: "value", type: 4, t: shape }] },
      { opType: "Reshape", name: "r", input: ["x", "shape"], output: ["y"] },
    ],
    [1, 2, 2],
    [1, 4],
  );
  const data = Float32Array.from({ length: 12 }, (_, i) => i);
  const y = (await runModel(gpu, model, new Map([["x", { dtype: "f32", shape: [3, 2, 2], data }]]))).get("y")!;
  assert.deepEqual([...y.shape], [3, 4]);
  assert.deepEqual([...y.data], [...data]);
});
