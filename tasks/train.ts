/** `deno task train`: trains an encoder on a generator's samples, then probes it beside the untrained network. */

import { runTask, stopOnSignals, type TaskContext, wholeNumber } from "../src/cli.ts";
import { UserError } from "../src/errors.ts";
import { openGpu } from "../src/gpu/device.ts";
import { exists } from "../src/paths.ts";
import { loadCheckpoint } from "../src/training/checkpoint.ts";
import { compareText, trainAndProbe } from "../src/studies/train_and_probe.ts";

await runTask({
  name: "train",
  summary: "Trains an encoder on the samples of a generator; with no options, the quick default.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    { flags: "--out <folder>", description: "where the run writes", default: "runs/quick" },
    { flags: "--steps <n>", description: "steps to train", parse: wholeNumber(1), set: "steps" },
    { flags: "--epochs <n>", description: "epochs to train", parse: wholeNumber(1), set: "epochs" },
    { flags: "--seed <n>", description: "seed of everything random", parse: wholeNumber(), set: "seed" },
    {
      flags: "--resume [checkpoint]",
      description:
        "continue from a checkpoint (default: the one in --out) with its settings, unless --config names others",
    },
    { flags: "--no-probe", description: "stop after training" },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const out = options.out as string;
  const resume = options.resume === undefined
    ? null
    : options.resume === true
    ? `${out}/last.safetensors`
    : String(options.resume);
  if (resume === null && exists(`${out}/last.safetensors`)) {
    throw new UserError(`${out} holds a run: continue it with --resume, or give another --out`);
  }
  const settings = config(resume === null ? undefined : (await loadCheckpoint(resume)).config);
  const gpu = await openGpu();
  const stop = stopOnSignals(log);
  const outcome = await trainAndProbe(gpu, settings, {
    out,
    resume,
    signal: stop,
    log,
    probe: options.probe !== false,
  });
  gpu.close();
  const { training } = outcome;
  print(
    `trained ${training.step} of ${training.steps} steps in ${training.seconds.toFixed(0)} s, loss ${
      training.loss?.toFixed(4) ?? "-"
    }`,
  );
  print(`checkpoint ${training.checkpoint}, views ${out}/views.png`);
  if (training.step < training.steps) print(`stopped early: continue with --resume --out ${out}`);
  if (outcome.probes) print(compareText(outcome.probes));
  return outcome;
}
