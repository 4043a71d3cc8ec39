/** `deno task kernel-lab`: checks and times every kernel over ResNet-50's shapes, on this adapter. */

import { listOf, oneOf, runTask, type TaskContext } from "../src/cli.ts";
import { openGpu } from "../src/gpu/device.ts";
import { type LabRow, runLab } from "../src/studies/kernel_lab.ts";

const GROUPS = ["conv", "matmul", "elementwise"];

await runTask({
  name: "kernel-lab",
  summary: "Checks, then times the kernels of convolution, matrix product and element-wise work.",
  options: [
    {
      flags: "--only <groups>",
      description: `some of ${GROUPS.join(", ")}`,
      parse: listOf(oneOf(GROUPS)),
      default: GROUPS,
    },
  ],
  run,
});

async function run({ options, print }: TaskContext): Promise<unknown> {
  const gpu = await openGpu();
  const rows: LabRow[] = [];
  print(`${"work".padEnd(36)} ${"candidate".padEnd(30)}       ms    rate`);
  for await (const group of runLab(gpu, options.only as string[])) {
    for (const row of group) {
      const unit = row.group === "elementwise" ? "GB/s" : "GFLOP/s";
      print(
        `${row.work.padEnd(36)} ${row.candidate.padEnd(30)} ${row.ms.toFixed(2).padStart(8)} ` +
          `${row.rate.toFixed(1).padStart(7)} ${unit}${row.fastest ? "  <--" : ""}${
            row.chosen ? "  planner's choice" : ""
          }`,
      );
    }
    rows.push(...group);
  }
  print(`<-- marks the fastest, on ${gpu.info.name}`);
  gpu.close();
  return rows;
}
