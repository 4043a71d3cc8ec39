/** Kept figures of speed, and the report that is made of them. */

import assert from "node:assert/strict";
import { goalsOf } from "../../src/studies/benchmark/goals.ts";
import { merge, readBaseline, readResults, type Results, writeResults } from "../../src/studies/benchmark/results.ts";
import { checkReport, writeSpeedReport } from "../../src/studies/benchmark/speed_report.ts";
import { inFolder } from "../support/training.ts";

const ADAPTER = "llvmpipe (LLVM 15.0.6, 512 bits)";
const ORIGIN = { adapter: ADAPTER, date: "2026-11-25", commit: "abc1234" };

function times(engine: string, ms: number, flops: number) {
  return {
    engine,
    about: `${engine} 1.0`,
    ms_median: ms,
    ms_min: ms * 0.9,
    ms_max: ms * 1.2,
    cpu_ms: ms * 2,
    rounds: 7,
    runs_per_round: 1,
    gflops: flops / ms / 1e6,
    difference: 1e-6,
  };
}

const STEP_FLOPS = 128e9;
const RESULTS: Results = {
  comparisons: [
    {
      ...ORIGIN,
      work: "dcgan64",
      batch: 16,
      size: 64,
      flops: 3.36e9,
      rows: [
        times("latent-views", 40, 3.36e9),
        times("onnxruntime-web WebGPU", 800, 3.36e9),
        { ...times("onnxruntime-web WASM", 30, 3.36e9), difference: 0.297 },
        { engine: "onnxruntime-node CPU", failed: "its process ended with code 1" },
      ],
    },
    {
      ...ORIGIN,
      work: "train-resnet50",
      batch: 16,
      size: 128,
      flops: STEP_FLOPS,
      rows: [
        { ...times("latent-views", 2000, STEP_FLOPS), dispatches: 900, mib: 700, mib_activations: 450 },
        times("tfjs WebGPU", 130_000, STEP_FLOPS),
        { engine: "jax-js WebGPU", failed: "took longer than 15 minutes to start train-resnet50" },
        times("PyTorch CPU", 640, STEP_FLOPS),
      ],
    },
  ],
  feeds: [
    {
      ...ORIGIN,
      work: "train-folder",
      batch: 16,
      size: 128,
      steps: 10,
      ms_median: 2010,
      gflops: 64,
      images_per_second: 3.98,
      data_wait: 0.012,
    },
  ],
};

const BASELINE = [{
  adapter: "llvmpipe (LLVM 15.0.6, 256 bits)",
  date: "2026-11-24",
  commit: "0000001",
  rows: [{
    ...withoutText(times("", 4000, STEP_FLOPS)),
    work: "train-resnet50",
    batch: 16,
    size: 128,
    dispatches: 1554,
    mib: 764,
    mib_activations: 547,
  }],
}];

function withoutText({ engine: _, about: __, difference: ___, ...rest }: ReturnType<typeof times>) {
  return rest;
}

Deno.test("goals say what was measured, and whether it is reached", () => {
  const goals = goalsOf("llvmpipe (LLVM 15.0.6)", RESULTS).map(({ goal, measured, reached }) => {
    return `${goal}: ${measured} ${reached}`;
  });
  assert.deepEqual(goals.filter((line) => !line.includes(": null")), [
    "ResNet-50 step, 16 images: at least 40 times the speed of tfjs WebGPU: 65 times true",
    "ResNet-50 step, 16 images: at least a quarter of the speed of PyTorch CPU: 0.32 times true",
    "DCGAN-64: at least 10 times the speed of onnxruntime-web WebGPU: 20 times true",
    "DCGAN-64: faster than onnxruntime-web WASM: 0.75 times false",
  ]);
  assert.ok(goals.includes("ResNet-50 step, 16 images: at least 5 times the speed of jax-js WebGPU: null false"));
  assert.deepEqual(goalsOf("Intel UHD", RESULTS), []);
});

Deno.test("the report has works, peers, goals, reasons and waiting, and takes its old place in the README", () =>
  inFolder(async (folder) => {
    const readme = `${folder}/README.md`;
    const marks = ["<!-- speed: from here on written by deno task benchmark --report -->", "<!-- speed: to here -->"];
    await Deno.writeTextFile(readme, `# Title\n\n${marks.join("\nstale figures\n")}\n\nThe rest.\n`);
    const paths = { folder: `${folder}/benchmarks`, readme };
    await assert.rejects(() => writeSpeedReport(paths), /results\.json has no figures to report: run with --peers/);
    await writeResults(paths.folder, RESULTS);
    await Deno.writeTextFile(`${paths.folder}/baseline.json`, JSON.stringify(BASELINE));
    checkReport(paths);
    await writeSpeedReport(paths);
    const text = await Deno.readTextFile(readme);
    assert.ok(
      text.startsWith("# Title\n\n<!-- speed: from") && text.endsWith("<!-- speed: to here -->\n\nThe rest.\n"),
    );
    assert.ok(!text.includes("stale"));
    assert.match(
      text,
      /\*\*llvmpipe \(LLVM 15\.0\.6\)\*\*, measured at abc1234 of 2026-11-25; before: 0000001 of 2026-11-24\./,
    );
    assert.match(
      text,
      /\| ResNet-50 SimCLR step, 128 px \| 16 \| 4,000 \| 2,000 \| 2\.00 \| 64 \| tfjs 0\.98 \(65\) \| PyTorch 200 \(0\.32\) \|/,
    );
    assert.match(
      text,
      /\| DCGAN generator, 64 px \| 16 \| - \| 40\.0 \| - \| 84 \| ORT 4\.2 \(20\) \| ORT WASM 112\\\* \(0\.75\) \|/,
    );
    assert.match(
      text,
      /\\\* Its result is another one, .*: onnxruntime-web WASM at DCGAN generator, 64 px, batch 16, by 30 %\./,
    );
    assert.match(
      text,
      /Without a time: .*jax-js WebGPU: took longer than 15 minutes to start train-resnet50 \(all works\)/,
    );
    assert.match(text, /onnxruntime-node CPU: its process ended with code 1 \(all works\)/);
    assert.match(text, /\| DCGAN-64: faster than onnxruntime-web WASM \| 0\.75 times \| \*\*not reached\*\* \|/);
    assert.match(text, /jax-js WebGPU \| not measured \| - \|/);
    assert.match(text, /\| train-folder \| 16 at 128 px \| 2,010 \| 4\.0 \| 1\.2 % \|/);
    assert.match(text, /!\[.*\]\(benchmarks\/speed-llvmpipe-llvm-15-0-6\.svg\)/);
    const report = await Deno.readTextFile(`${folder}/benchmarks/report.md`);
    assert.match(
      report,
      /latent-views \| 2,000 \| 1,800 \| 2,400 \| 4,000 \| 64 \| 7 x 1 \| 1\.0e-6 \| 700 \(450\) \|/,
    );
    const svg = await Deno.readTextFile(`${folder}/benchmarks/speed-llvmpipe-llvm-15-0-6.svg`);
    assert.ok(svg.includes("latent-views, before") && svg.includes("tfjs WebGPU"));
    await writeSpeedReport(paths);
    assert.equal(await Deno.readTextFile(readme), text);
  }));

Deno.test("a README without the marks is refused before anything is measured", () =>
  inFolder(async (folder) => {
    const readme = `${folder}/README.md`;
    await Deno.writeTextFile(readme, "# Title\n");
    assert.throws(() => checkReport({ folder, readme }), /README\.md has no place for the report: put the lines/);
  }));

Deno.test("figures are read back as they were written; new ones replace those of their work and adapter", () =>
  inFolder(async (folder) => {
    assert.deepEqual(readResults(folder), { comparisons: [], feeds: [] });
    assert.deepEqual(readBaseline(folder), []);
    await writeResults(folder, RESULTS);
    assert.deepEqual(readResults(folder), RESULTS);
    const again = { ...RESULTS.comparisons[1]!, adapter: "llvmpipe (LLVM 15.0.6, 256 bits)", commit: null };
    const elsewhere = { ...RESULTS.comparisons[1]!, adapter: "NVIDIA H100" };
    const { comparisons, feeds } = merge(RESULTS, { comparisons: [again, elsewhere], feeds: [] });
    assert.deepEqual(comparisons, [RESULTS.comparisons[0], again, elsewhere]);
    assert.deepEqual(feeds, RESULTS.feeds);
  }));

Deno.test("files that hold something else are named with what is wrong in them", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/results.json`, "{");
    assert.throws(() => readResults(folder), /results\.json is no JSON/);
    await Deno.writeTextFile(`${folder}/results.json`, '{"comparisons": [{"work": 3}], "feeds": []}');
    assert.throws(() => readResults(folder), /results\.json: comparisons\.0\.adapter: .*; take it from the repository/);
  }));

Deno.test("the project's own figures can be read", () => {
  const folder = new URL("../../benchmarks", import.meta.url).pathname;
  assert.ok(readBaseline(folder).length > 0);
  readResults(folder);
});
