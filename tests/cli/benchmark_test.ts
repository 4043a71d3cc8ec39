/** `deno task benchmark` as a user calls it: what it refuses. Times are no matter of tests. */

import assert from "node:assert/strict";
import { runCli } from "../support/cli.ts";

const WRONG: readonly [args: string[], message: RegExp][] = [
  [["--only", "train-resnet5"], /error: --only train-resnet5 is not known: did you mean "train-resnet50"\?/],
  [["--peers", "--profile"], /error: --profile is of this program alone: leave out --peers and --report/],
  [["--report", "--only", "matmul"], /error: --only chooses what is run, and --report alone runs nothing: add --peers/],
  [["--peer"], /error: unknown option --peer: did you mean "--peers"\?/],
];

for (const [args, message] of WRONG) {
  Deno.test(`benchmark ${args.join(" ")} is refused`, async () => {
    const { code, stdout, stderr } = await runCli("benchmark", args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, message);
  });
}

Deno.test("benchmark --help names the works, the peers and the report", async () => {
  const { code, stdout } = await runCli("benchmark", ["--help"]);
  assert.equal(code, 0);
  for (const word of ["dcgan64", "conv3x3-64-64-dw", "--peers", "onnxruntime", "--report"]) {
    assert.ok(stdout.includes(word));
  }
});
