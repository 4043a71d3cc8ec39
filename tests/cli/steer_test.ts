/** `deno task steer` as its users meet it, and the steered views of `sample` and `train` that follow. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { encodeSafetensors, readSafetensors } from "../../src/data/safetensors.ts";
import { exists, PROJECT_ROOT } from "../../src/paths.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, metricsOf, TINY } from "../support/training.ts";

const NAMES = ["color", "rot3d", "rot2d", "zoom", "shiftx", "shifty"];

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(a step is [^\n]+\n)?error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

gpuTest(
  "walks of a conditional generator are learned, pictured, kept, and steer its views",
  () =>
    inFolder(async (folder) => {
      const file = `${folder}/fashion.safetensors`;
      const generator = "models/fashion-mnist/card-conditional.yaml";
      const options = ["--generator", generator, "--steps", "2", "--batch", "2", "--seed", "4", "--out", file];
      const first = await runCli("steer", [...options, "--json"]);
      assert.equal(first.code, 0, first.stderr);
      const { step, steps, loss, walks, pictures } = JSON.parse(first.stdout);
      assert.deepEqual([step, steps, walks], [2, 2, file]);
      assert(loss > 0);
      const { tensors, metadata } = await readSafetensors(file);
      const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));
      const expected = NAMES.map((name) => [`walk_${name}`, name === "color" ? [1, 64, 1] : [1, 64]]);
      assert.deepEqual(shapes, Object.fromEntries(expected));
      assert.deepEqual([metadata.generator, metadata.step, metadata.seed], [generator, "2", "4"]);
      assert.equal(Number(metadata.loss), loss);
      assert.deepEqual(pictures, NAMES.map((name) => `${folder}/fashion/walk_${name}.png`));
      for (const picture of pictures) {
        const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
        assert(info.width > 9 * 64 && info.height > 8 * 64, JSON.stringify(info));
        assert(new Set(data).size > 32); // a picture, not one colour
      }
      assert(exists(`${folder}/fashion/config.yaml`));
      refused(await runCli("steer", options), /last\.safetensors is there already: continue it with --resume, or give/);
      refused(await runCli("evaluate", ["--checkpoint", file]), /fashion\.safetensors/);

      const sheet = async (...more: string[]) => {
        const out = `${folder}/sample`;
        const drawn = await runCli("sample", [
          "--generator",
          generator,
          "--views",
          "--count",
          "3",
          "--out",
          out,
          ...more,
        ]);
        assert.equal(drawn.code, 0, drawn.stderr);
        return await Deno.readFile(`${out}/sheet.png`);
      };
      const steered = await sheet("--view", "steered", "--walks", file);
      assert.notDeepEqual(steered, await sheet());
      assert.notDeepEqual(
        steered,
        await sheet("--view", "steered", "--walks", file, "--set", "views.latent.rot3d_factor=5"),
      );

      const sets = [...TINY, `generator.model=${generator}`, "steps=1", `views.latent={kind: steered, walks: ${file}}`];
      const run = ["--no-probe", "--out", `${folder}/run`, ...sets.flatMap((set) => ["--set", set])];
      const trained = await runCli("train", run);
      assert.equal(trained.code, 0, trained.stderr);
      assert.equal((await loadCheckpoint(`${folder}/run/last.safetensors`)).config.views.latent.walks, file);
    }),
);

gpuTest(
  "Ctrl-C ends the learning with a checkpoint, from which it continues with its settings",
  () =>
    inFolder(async (folder) => {
      const out = `${folder}/walks`;
      const args = ["--out", out, "--steps", "100000", "--batch", "2", "--walks", "zoom,color", "--set", "log.every=1"];
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "-A", "tasks/steer.ts", ...args],
        cwd: PROJECT_ROOT,
        env: { NO_COLOR: "1", INIT_CWD: "" },
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      let over = false;
      const ended = child.output().finally(() => over = true);
      while (!exists(`${out}/metrics.jsonl`) || Deno.statSync(`${out}/metrics.jsonl`).size === 0) {
        await new Promise((done) => setTimeout(done, 50));
        if (over) assert.fail(`the run ended by itself: ${new TextDecoder().decode((await ended).stderr)}`);
      }
      child.kill("SIGINT");
      const { code, stdout, stderr } = await ended;
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assert.equal(code, 0, decode(stderr));
      assert.match(decode(stderr), /stopping: finishing the step and writing a checkpoint/);
      assert.match(decode(stdout), new RegExp(`stopped early: continue with --resume --out ${out}`));
      assert(!exists(`${out}/walks.safetensors`));
      const { step, config } = await loadCheckpoint(`${out}/last.safetensors`);
      assert.deepEqual([config.steer.walks, config.steer.batch], [["zoom", "color"], 2]);
      assert.equal((await metricsOf(out)).at(-1)!.step, step);
      const rest = await runCli("steer", ["--resume", "--out", out, "--steps", String(step + 2)]);
      assert.equal(rest.code, 0, rest.stderr);
      assert.match(rest.stdout, new RegExp(`^learned ${step + 2} of ${step + 2} steps`));
      const { tensors } = await readSafetensors(`${out}/walks.safetensors`);
      assert.deepEqual([...tensors.keys()].sort(), ["walk_color", "walk_zoom"]);
    }),
);

gpuTest("what cannot be steered is refused with one line, and nothing is left", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    await Deno.writeTextFile(`${folder}/text.onnx`, "not a model");
    const other = `${folder}/other.safetensors`;
    const data = new Float32Array(7);
    await Deno.writeFile(other, encodeSafetensors([["walk_zoom", { dtype: "F32", shape: [1, 7], data }]]));
    const cases: [string, string[], RegExp][] = [
      [
        "steer",
        ["--walks", "zoom,shitfx"],
        /steer\.walks\.1 must be one of color, .* but is "shitfx".*did you mean "shiftx"/,
      ],
      ["steer", ["--walks", ""], /steer\.walks must not be empty but is \[\]/],
      ["steer", ["--lr", "0"], /steer\.lr must be more than 0 but is 0/],
      ["steer", ["--steps", "0"], /--steps 0 is not valid: give a whole number of at least 1/],
      ["steer", ["--rule", "papre"], /steer\.rule must be one of paper, code but is "papre".*did you mean "paper"/],
      ["steer", ["--generator", `${folder}/none.onnx`], /none\.onnx/],
      ["steer", ["--generator", `${folder}/text.onnx`], /text\.onnx/],
      ["steer", ["--resume"], /run\/last\.safetensors does not exist: check the path/],
      [
        "sample",
        ["--views", "--view", "steered", "--walks", `${folder}/none.safetensors`],
        /none\.safetensors does not exist/,
      ],
      ["sample", ["--views", "--view", "steered", "--walks", other], /latents of 7 values, .*generator\.onnx takes 64/],
      ["sample", ["--views", "--view", "sterred"], /views\.latent\.kind must be one of .*did you mean "steered"/],
    ];
    for (const [task, args, pattern] of cases) refused(await runCli(task, ["--out", out, ...args]), pattern);
    assert(!exists(out));
  }));
