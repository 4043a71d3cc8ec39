/** `deno task tune`: a table with the picks marked, and a cache for later runs. */

import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";

gpuTest("tune lists the candidates of a step and keeps the picks", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const small = ["encoder.arch=resnet18", "encoder.width=4", "encoder.input=8", "batch=2"];
    const args = small.flatMap((value) => ["--set", value]);
    const { code, stdout, stderr } = await runCli("tune", [...args, "--only", "MatMul"], {
      env: { XDG_CACHE_HOME: folder },
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^MatMul \[.*\] \[.*\]\n {2}\w+ +[\d.]+ ms {2}<--\n {2}\w+ +[\d.]+ ms\n/m);
    const path = /kept in (\S+)\n$/.exec(stdout)![1]!;
    assert.ok(path.startsWith(folder));
    const picks = Object.entries(JSON.parse(await Deno.readTextFile(path)));
    assert.ok(picks.length > 0 && picks.every(([work]) => work.startsWith("MatMul ")));
    assert.ok(picks.every(([, candidate]) => candidate === "texture" || candidate === "tile"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
