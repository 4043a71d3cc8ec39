/** `deno task tune`: measures every candidate kernel of a training step on this adapter and keeps the picks. */

import { listOf, runTask, type TaskContext } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { loadPicks, picksPath } from "../src/gpu/picks.ts";
import { remember, tune, type TunedWork } from "../src/gpu/tune.ts";
import { openSource } from "../src/training/open_source.ts";
import { buildStep } from "../src/training/step.ts";

await runTask({
  name: "tune",
  summary: "Measures every candidate kernel of a training step on this adapter; later runs use the fastest.",
  defaultConfig: "tasks/configs/quick.yaml",
  options: [
    {
      flags: "--only <operators>",
      description: "operators between commas, such as Conv,MatMul",
      parse: listOf(String),
    },
  ],
  run,
});

async function run({ options, config, print, log }: TaskContext): Promise<unknown> {
  const settings = config();
  const { source, close } = await openSource(settings, log);
  const { graph } = buildStep(source, settings);
  await close();
  const gpu = await openGpu();
  const works = await tune(gpu, graph, new Map(), options.only as string[] | undefined);
  remember(gpu, loadPicks(gpu.info), works);
  for (const work of works) print(tableOf(work));
  print(`<-- marks the picks on ${gpu.info.name}, kept in ${picksPath(gpu.info) ?? "no folder: set HOME"}`);
  gpu.close();
  return works.map(({ key, count, times }) => ({ work: key, count, times }));
}

/** A work and its candidates, a line each. */
function tableOf({ node, count, times }: TunedWork): string {
  const shapes = node.inputs.map((t) => `[${t.shape}]`).join(" ");
  const rows = times.map(({ candidate, ms }, i) =>
    `  ${candidate.padEnd(12)} ${ms.toFixed(3).padStart(10)} ms${i === 0 ? "  <--" : ""}`
  );
  return [`${node.op.name} ${shapes}${count > 1 ? `, ${count} times` : ""}`, ...rows].join("\n");
}
