/** `deno task train` as its users meet it. */

import assert from "node:assert/strict";
import { exists, PROJECT_ROOT } from "../../src/paths.ts";
import { loadCheckpoint } from "../../src/training/checkpoint.ts";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { readEvents } from "../support/tfevents.ts";
import { inFolder, metricsOf, TINY, writeIdxSet } from "../support/training.ts";

/** Options for a tiny run; `sets` come after those of the tiny network. */
const tiny = (out: string, ...sets: string[]) => [
  ...[...TINY, ...sets].flatMap((set) => ["--set", set]),
  "--no-probe",
  "--out",
  out,
];

/** The task, without what the driver says on stderr where there is no display. */
async function train(args: readonly string[]): Promise<Finished> {
  const { code, stdout, stderr } = await runCli("train", args);
  return { code, stdout, stderr: stderr.replace(/^error: XDG_RUNTIME_DIR.*\n/gm, "") };
}

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(a step is [^\n]+\n)?error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

gpuTest(
  "a run trains, refuses to be overwritten, and continues with its own settings",
  () =>
    inFolder(async (folder) => {
      const out = `${folder}/run`;
      const first = await train([...tiny(out), "--steps", "2", "--seed", "9"]);
      assert.equal(first.code, 0, first.stderr);
      assert.match(
        first.stdout,
        /^trained 2 of 2 steps in \d+ s, loss \d+\.\d{4}\ncheckpoint .*last\.safetensors, views /,
      );
      refused(await train(tiny(out)), /holds a run: continue it with --resume, or give another --out/);
      const second = await train(["--resume", "--out", out, "--steps", "4", "--no-probe", "--json"]);
      assert.equal(second.code, 0, second.stderr);
      const { training, probes } = JSON.parse(second.stdout);
      assert.deepEqual([training.step, training.steps, probes], [4, 4, null]);
      const { step, config } = await loadCheckpoint(`${out}/last.safetensors`);
      assert.deepEqual([step, config.seed, config.encoder.width, config.batch], [4, 9, 4, 4]);
      assert.deepEqual((await metricsOf(out)).map(({ step }) => step), [1, 2, 3, 4]);
      refused(await train(["--resume", "--out", out, "--no-probe", "--set", "encoder.width=8"]), /has shape \[/);
    }),
);

gpuTest("Ctrl-C ends a run with a checkpoint, from which it continues", () =>
  inFolder(async (folder) => {
    const out = `${folder}/run`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", "tasks/train.ts", ...tiny(out, "steps=100000")],
      cwd: PROJECT_ROOT,
      env: { NO_COLOR: "1", INIT_CWD: "" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const ended = child.output();
    while (!exists(`${out}/metrics.jsonl`) || Deno.statSync(`${out}/metrics.jsonl`).size === 0) {
      await new Promise((done) => setTimeout(done, 50));
      assert(await Promise.race([ended.then(() => false), true]), "the run ended by itself");
    }
    child.kill("SIGINT");
    const { code, stdout, stderr } = await ended;
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assert.equal(code, 0, decode(stderr));
    assert.match(decode(stderr), /stopping: finishing the step and writing a checkpoint/);
    assert.match(decode(stdout), new RegExp(`stopped early: continue with --resume --out ${out}`));
    const { step } = await loadCheckpoint(`${out}/last.safetensors`);
    assert(step > 0 && step < 100000, String(step));
    assert.equal((await metricsOf(out)).at(-1)!.step, step);
    const rest = await train(["--resume", "--out", out, "--no-probe", "--steps", String(step + 2)]);
    assert.equal(rest.code, 0, rest.stderr);
    assert.match(rest.stdout, new RegExp(`^trained ${step + 2} of ${step + 2} steps`));
  }));

Deno.test("wrong options and settings are refused with one line", () =>
  inFolder(async (folder) => {
    const cases: [string[], RegExp][] = [
      [["--set", "encoder.widht=4"], /unknown key encoder\.widht .*did you mean "encoder\.width"/],
      [["--set", "watch.every=0"], /watch\.every must be at least 1 but is 0/],
      [["--set", "precision=f61"], /precision must be one of f32, f16 but is "f61" .*did you mean "f16"\?/],
      [["--set", "batch=many"], /batch must be a number but is "many"/],
      [["--config", `${folder}/none.yaml`], /config file .*none\.yaml does not exist: check the path/],
      [["--steps", "0"], /--steps 0 is not valid: give a whole number of at least 1/],
      [["--resume", "--out", `${folder}/none`], /none\/last\.safetensors does not exist: check the path/],
    ];
    for (const [args, pattern] of cases) refused(await train(["--out", `${folder}/run`, ...args]), pattern);
    assert(!exists(`${folder}/run`));
  }));

gpuTest(
  "a run tells what it sees: on the progress line, in its metrics and for TensorBoard",
  () =>
    inFolder(async (folder) => {
      await writeIdxSet(`${folder}/data`);
      const out = `${folder}/run`;
      const sets = [`probe={data: {kind: idx, path: ${folder}/data}}`, "watch={every: 2, images: 16}", "steps=4"];
      const done = await train(tiny(out, ...sets));
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stderr, /nearest neighbours before the first step: [\d.]+ %\n/);
      assert.match(
        done.stderr,
        /training 4\/4, .*, loss [\d.]+, gradient [\d.]+, kNN [\d.]+ %, alignment [\d.]+, uniformity -[\d.]+, rank [\d.]+\n/,
      );
      assert.deepEqual((await metricsOf(out)).map(({ step, knn_top1 }) => [step, knn_top1 !== undefined]), [
        ...[[1, false], [2, true], [3, false], [4, true]],
      ]);
      const events = readEvents(await Deno.readFile(`${out}/events.out.tfevents.latent-views`));
      assert.deepEqual(events.map(({ step }) => step), [0, 0, 1, 2, 3, 4]);
      refused(await train(tiny(`${folder}/other`, ...sets, "watch.images=1")), /watch\.images is 1 and .* leaves none/);
      assert(!exists(`${folder}/other`));
    }),
);

gpuTest("models that are none, and what is not there yet, are refused with one line", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text.onnx`, "not a model");
    const cases: [string, RegExp][] = [
      ["objective.kind=supcon", /objective\.kind is supcon, which needs classes, and .*generator\.onnx has none: use /],
      [`generator.model=${folder}/none.onnx`, /none\.onnx/],
      [`generator.model=${folder}/text.onnx`, /text\.onnx/],
    ];
    for (const [set, pattern] of cases) refused(await train(tiny(`${folder}/run`, set)), pattern);
    assert(!exists(`${folder}/run`));
  }));
