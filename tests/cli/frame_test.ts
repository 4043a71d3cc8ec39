import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type Finished, runCli } from "../support/cli.ts";

const EXAMPLE = fileURLToPath(new URL("../support/example_task.ts", import.meta.url));
const example = (...args: string[]) => runCli(EXAMPLE, args);

function failed({ code, stdout, stderr }: Finished, expected: number, line: string) {
  assert.equal(stderr, `${line}\n`);
  assert.deepEqual([code, stdout], [expected, ""]);
}

Deno.test("a task prints for people, or one JSON object with all else on stderr", async () => {
  const plain = await example("--stds", "0, 0.5");
  assert.deepEqual(plain, { code: 0, stdout: "stds 0,0.5\n", stderr: "working\n" });
  const json = await example("--json", "--steps", "3", "--set", "seed=1", "--set", "epochs=2");
  assert.equal(json.code, 0);
  const { cwd: _, ...rest } = JSON.parse(json.stdout);
  assert.deepEqual(rest, { steps: 3, epochs: null, seed: 1 });
  assert.equal(json.stderr, "working\nstds 0,0.1\n");
});

Deno.test("--help lists the common and the own options", async () => {
  const { code, stdout, stderr } = await example("--help");
  assert.deepEqual([code, stderr], [0, ""]);
  for (const option of ["deno task example", "--config", "--set", "--json", "--steps <n>", "(default: 0,0.1)"]) {
    assert(stdout.includes(option), option);
  }
});

Deno.test("wrong options exit with 2 and one line", async () => {
  failed(await example("--step=3"), 2, 'error: unknown option --step: did you mean "--steps"?');
  failed(await example("--steps"), 2, "error: option --steps <n> has no value: give one after it");
  failed(await example("--steps", "0"), 2, "error: --steps 0 is not valid: give a whole number of at least 1");
  failed(await example("--fail", "wrok"), 2, 'error: --fail wrok is not known: did you mean "work"?');
  failed(await example("trian"), 2, "error: unexpected argument trian: options of example begin with --, see --help");
});

Deno.test("wrong settings exit with 2, failed work and bugs with 1", async () => {
  const config = await example("--config", "/none.yaml");
  assert.equal(config.code, 2);
  assert.match(config.stderr, /\nerror: config file \/none.yaml does not exist[^\n]*\n$/);
  const work = await example("--fail", "work");
  assert.deepEqual(work, { code: 1, stdout: "", stderr: "working\nerror: no adapter answers\n" });
  assert.equal((await example("--fail", "bug")).stderr, "working\nerror: internal: oops\n");
  const later = await example("--fail", "later");
  assert.deepEqual([later.code, later.stderr], [1, "working\nerror: device lost\n"]);
});

Deno.test("DEBUG adds the stack, INIT_CWD is where paths are meant from", async () => {
  const { stderr } = await runCli(EXAMPLE, ["--fail", "bug"], { env: { DEBUG: "1" } });
  assert.match(stderr, /error: internal: oops\nTypeError: internal: oops\n +at .*example_task.ts/);
  const folder = await Deno.makeTempDir();
  const { stdout } = await runCli(EXAMPLE, ["--json"], { env: { INIT_CWD: folder } });
  assert.equal(JSON.parse(stdout).cwd, await Deno.realPath(folder));
  await Deno.remove(folder);
});
