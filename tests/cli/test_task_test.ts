import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";

async function suite(text: string) {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/a_test.ts`, text);
  const { code, stdout } = await runCli("test", [folder]);
  await Deno.remove(folder, { recursive: true });
  return { code, lines: stdout.trim().split("\n") };
}

Deno.test("the suite ends with its counts and names what was skipped", async () => {
  const { code, lines } = await suite(`
    Deno.test("passes", () => {});
    Deno.test({ name: "needs ../shared", ignore: true, fn() {} });
  `);
  assert.equal(code, 0);
  assert(lines.includes("skipped: needs ../shared"), lines.join("\n"));
  assert.equal(lines.at(-1), "1 passed, 0 failed, 1 skipped");
});

Deno.test("a failing test, and a suite that does not start, fail the task", async () => {
  const failing = await suite(`Deno.test("a", () => {});\nDeno.test("b", () => { throw new Error("why"); });`);
  assert.deepEqual([failing.code, failing.lines.at(-1)], [1, "1 passed, 1 failed"]);
  assert(failing.lines.some((line) => line.includes("why")));
  const broken = await suite(`const n: number = "text";`);
  assert.deepEqual([broken.code, broken.lines.at(-1)], [1, "0 passed, 1 failed"]);
});

Deno.test("reference cases that ran are counted, each once", async () => {
  const support = new URL("../support/golden.ts", import.meta.url).href;
  const { code, lines } = await suite(`
    import { goldenCases } from "${support}";
    const [first] = goldenCases("objectives");
    Deno.test("one", async () => { await first.load(); });
    Deno.test("the same", async () => { await first.load(); });
  `);
  assert.equal(code, 0);
  assert.match(lines.at(-2)!, /^reference cases that ran: objectives 1 of \d+$/);
});
