/** `deno task doctor`: what computes here, what it can, what is missing and how to get it. */

import { runTask, type TaskContext } from "../src/cli.ts";
import { WorkError } from "../src/errors.ts";
import { diagnose } from "../src/doctor.ts";

await runTask({
  name: "doctor",
  summary: "Says which adapter computes, its features and limits, and what is missing.",
  run,
});

async function run({ print, json }: TaskContext): Promise<unknown> {
  const report = await diagnose();
  if (!json) {
    print(`latent-views on Deno ${report.deno}, ${report.os}`);
    if (report.adapter) {
      const { name, vendor, kind, features, limits } = report.adapter;
      print(`adapter   ${name}${vendor ? ` (vendor ${vendor})` : ""}, ${kind === "cpu" ? "software" : "hardware"}`);
      print(`features  ${features.join(", ")}`);
      for (const [limit, value] of Object.entries(limits)) print(`  ${limit.padEnd(36)} ${value}`);
      print(`compute   ${report.works ? "a shader ran and gave the right result" : "failed"}`);
    }
    for (const driver of report.drivers) print(`driver    ${driver}`);
    for (const hint of report.hints) print(`hint      ${hint}`);
  }
  if (!report.works) {
    throw new WorkError(report.problem ?? "No adapter computes here: follow the hints above");
  }
  return report;
}
