/** `deno task doctor`: a report where an adapter computes, one line and hints where none does. */

import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";

gpuTest("the doctor names the adapter and has it compute", async (gpu) => {
  const { code, stdout } = await runCli("doctor");
  assert.equal(code, 0);
  assert.match(stdout, /^latent-views on Deno \d+\.\d+\.\d+, /);
  assert(stdout.includes(`adapter   ${gpu.info.name}`), stdout);
  assert.match(stdout, /\n {2}maxBufferSize +\d+\n/);
  assert.match(stdout, /\ncompute {3}a shader ran and gave the right result\n/);
  if (gpu.info.kind === "cpu") assert.match(stdout, /\nhint {6}This adapter is software/);
  const report = JSON.parse((await runCli("doctor", ["--json"])).stdout);
  assert.deepEqual([report.works, report.problem, report.adapter.name], [true, null, gpu.info.name]);
});

Deno.test({
  name: "the doctor fails with one line and a hint where no adapter answers",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const nothing = "/nowhere/none.json"; // the Vulkan loader then looks nowhere else
    const { code, stdout, stderr } = await runCli("doctor", [], {
      env: { VK_DRIVER_FILES: nothing, VK_ICD_FILENAMES: nothing, DENO_WEBGPU_BACKEND: "vulkan" },
    });
    assert.equal(code, 1, stdout);
    assert(!stdout.includes("adapter   "), stdout);
    assert.match(stdout, /\nhint {6}VK_DRIVER_FILES names \/nowhere\/none\.json, which does not exist: correct it/);
    assert.match(stderr, /error: [^\n]*adapter[^\n]*\n$/i);
  },
});
