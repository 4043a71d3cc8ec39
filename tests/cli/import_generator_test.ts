/** `import-generator` as its users meet it. */

import assert from "node:assert/strict";
import { writeSafetensors } from "../../src/data/safetensors.ts";
import { loadModel } from "../../src/onnx/decode.ts";
import { runCli } from "../support/cli.ts";
import { inFolder } from "../support/training.ts";

const fixture = (name: string) => new URL(`../fixtures/generators/${name}`, import.meta.url).pathname;

Deno.test("published weights become a model that says what it is", () =>
  inFolder(async (folder) => {
    const out = `${folder}/deep.onnx`;
    const args = ["--kind", "biggan-deep-256", "--weights", fixture("biggan_deep.bin"), "--truncation", "0.4"];
    const { code, stdout, stderr } = await runCli("import-generator", [...args, "--out", out, "--json"]);
    assert.equal(code, 0, stderr);
    const { size } = await Deno.stat(out);
    const result = JSON.parse(stdout);
    assert.deepEqual([result.kind, result.out, result.bytes], ["biggan-deep-256", out, size]);
    const model = await loadModel(out);
    assert.deepEqual(model.inputs.map((v) => [v.name, v.dims]), [["z", ["n", 5]], ["y", ["n", 4]]]);
  }));

Deno.test("what cannot be imported is refused in one line, and leaves no file", () =>
  inFolder(async (folder) => {
    const refused = async (pattern: RegExp, ...args: string[]) => {
      const { code, stdout, stderr } = await runCli("import-generator", ["--out", `${folder}/x.onnx`, ...args]);
      assert.match(stderr, /^error: [^\n]+\n$/);
      assert.match(stderr, pattern);
      assert.deepEqual([code, stdout], [2, ""]);
    };
    const deep = ["--kind", "biggan-deep-256", "--weights"];
    await refused(/--kind is missing: use one of bigbigan-128/);
    await refused(/--kind biggan is not known/, "--kind", "biggan");
    await refused(/give either --weights .* or --random-weights/, "--kind", "stylegan2-512");
    await refused(/none\.bin does not exist/, ...deep, `${folder}/none.bin`);
    await refused(/foreign\.pt cannot be read: it holds fractions\.Fraction/, ...deep, fixture("foreign.pt"));
    await refused(
      /stylegan2\.pt has no tensor generator\.gen_z.*no weights of biggan-deep/,
      ...deep,
      fixture("stylegan2.pt"),
    );
    await refused(
      /--truncation 1\.5 is not valid.*at most 1/,
      ...deep,
      fixture("biggan_deep.bin"),
      "--truncation",
      "1.5",
    );
    const bigbigan = ["--kind", "bigbigan-128", "--weights", fixture("bigbigan.pth")];
    await refused(/--truncation 1 does not go with bigbigan-128/, ...bigbigan, "--truncation", "1");
    await refused(/--out .* must end in \.onnx/, ...bigbigan, "--out", `${folder}/x.pt`);
    const weights = `${folder}/g.safetensors`;
    await writeSafetensors(weights, [["input.input", { dtype: "F32", shape: [1, 1], data: new Float32Array(1) }]]);
    await refused(/holds no latent_avg.*give --truncation 1/, "--kind", "stylegan2-512", "--weights", weights);
    await Deno.remove(weights);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));
