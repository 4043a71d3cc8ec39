/** `deno task import-generator`: the paper's generators as ONNX files. */

import { oneOf, realNumber, runTask, type TaskContext, wholeNumber } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { PROJECT_ROOT } from "../src/paths.ts";
import { GENERATOR_KINDS, type GeneratorKind, importGenerator } from "../src/studies/import_generator.ts";

await runTask({
  name: "import-generator",
  summary: "Writes a generator of the paper as an ONNX file from its published PyTorch weights.",
  options: [
    { flags: "--kind <name>", description: GENERATOR_KINDS.join(", "), parse: oneOf(GENERATOR_KINDS) },
    { flags: "--weights <file>", description: "published weights: .pt, .pth, .bin or .safetensors" },
    {
      flags: "--random-weights <seed>",
      description: "random weights in their place, for benchmarks and checks",
      parse: wholeNumber(),
    },
    {
      flags: "--truncation <t>",
      description: "biggan-deep-256: of the statistics, default 1; stylegan2-512 and -layers: psi, default 0.9",
      parse: realNumber(),
    },
    { flags: "--out <file>", description: "the ONNX file to write (default: where its card looks, models/KIND.onnx)" },
  ],
  run,
});

async function run({ options, print }: TaskContext): Promise<unknown> {
  const kind = options.kind as GeneratorKind | undefined;
  if (!kind) throw new UserError(`--kind is missing: use one of ${GENERATOR_KINDS.join(", ")}`);
  const path = options.weights as string | undefined;
  const seed = options.randomWeights as number | undefined;
  if ((path === undefined) === (seed === undefined)) {
    throw new UserError("give either --weights with the published file or --random-weights with a seed");
  }
  const out = options.out as string | undefined ?? `${PROJECT_ROOT}/models/${kind}.onnx`;
  const result = await importGenerator({
    kind,
    weights: path !== undefined ? { path } : { seed: seed! },
    truncation: options.truncation as number | undefined ?? null,
    out,
  });
  print(`${out}: ${(result.parameters / 1e6).toFixed(2)} M parameters, ${(result.bytes / 1e6).toFixed(1)} MB`);
  return { kind, out, ...result };
}
