/** `deno task run-onnx`: runs an ONNX model on tensors of a file, or a suite of ONNX test cases. */

import { realNumber, runTask, type TaskContext, wholeNumber } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { openGpu } from "../src/gpu/device.ts";
import { runSuite } from "../src/studies/onnx_suite.ts";
import { runModelFile } from "../src/studies/run_onnx.ts";

await runTask({
  name: "run-onnx",
  summary: "Runs an ONNX model on --inputs, or all cases below --suite, laid out as ONNX's own tests.",
  options: [
    { flags: "--model <file>", description: "the ONNX model" },
    { flags: "--inputs <file>", description: "safetensors file with the inputs, by the model's names" },
    { flags: "--outputs <file>", description: "safetensors file to write" },
    { flags: "--suite <folder>", description: "run every case below: model.onnx with test_data_set_*" },
    { flags: "--rtol <x>", description: "relative tolerance of a suite", parse: realNumber(0), default: 1e-3 },
    { flags: "--atol <x>", description: "absolute tolerance of a suite", parse: realNumber(0), default: 1e-7 },
    { flags: "--timeout <s>", description: "seconds a case may take", parse: wholeNumber(1), default: 60 },
  ],
  run,
});

async function run({ options, print, log }: TaskContext): Promise<unknown> {
  const path = (name: string) => options[name] as string | undefined;
  const [model, inputs, outputs, suite] = ["model", "inputs", "outputs", "suite"].map(path);
  if (suite !== undefined) {
    const other = ["model", "inputs", "outputs"].find((name) => path(name) !== undefined);
    if (other) throw new UserError(`--suite and --${other} do not go together: give one of them`);
    const tolerance = { rtol: options.rtol as number, atol: options.atol as number };
    const result = await runSuite(suite, tolerance, {
      seconds: options.timeout as number,
      onResult: (r) => {
        if (r.outcome !== "passed") log(`${r.outcome} ${r.case}: ${r.reason}`);
      },
    });
    print(`${result.passed} passed, ${result.failed} failed, ${result.unsupported} unsupported`);
    if (result.failed) Deno.exitCode = 1;
    return result;
  }
  if (!model || !inputs || !outputs) {
    throw new UserError("give --model, --inputs and --outputs, or --suite with a folder of test cases");
  }
  const result = await runModelFile(openGpu, { model, inputs, outputs });
  for (const [name, shape] of Object.entries(result.outputs)) print(`${name} [${shape}]`);
  return result;
}
