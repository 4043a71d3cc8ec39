import assert from "node:assert/strict";
import { layerViolations, sourceFiles, tooLong, undocumented } from "./support/source_rules.ts";

Deno.test("imports point down the layers only", () => {
  assert.deepEqual(layerViolations(sourceFiles(["src", "models", "tasks"])), []);
});

Deno.test("the rules see what breaks them", () => {
  const check = (path: string, specifier: string) =>
    layerViolations([{ path, text: `import {\n  a,\n} from "${specifier}";\n` }]);
  assert.deepEqual(check("src/training/a.ts", "../graph/graph.ts"), []);
  assert.deepEqual(check("src/gpu/run.ts", "../graph/program.ts"), []);
  assert.deepEqual(check("tasks/a.ts", "../src/gpu/device.ts"), []);
  assert.deepEqual(
    layerViolations([{ path: "src/ops/a.ts", text: 'import type { A } from "../gpu/device.ts";\n' }]),
    [],
  );
  assert.match(check("src/graph/a.ts", "../ops/mod.ts")[0], /graph is below ops/);
  assert.match(check("src/gpu/run.ts", "../ops/mod.ts")[0], /gpu knows graph only/);
  assert.match(check("src/ops/a.ts", "../gpu/device.ts")[0], /ops knows nothing of WebGPU/);
  assert.match(check("src/new/a.ts", "../errors.ts")[0], /add new to LAYERS/);
  const bare = { path: "a.ts", text: "/** Yes. */\nexport function b() {}\n\nexport async function c() {}\n" };
  assert.deepEqual(undocumented([bare]), ["a.ts:4 c has no docstring"]);
  assert.equal(tooLong([{ path: "a.ts", text: "\n".repeat(401) }]).length, 1);
});
