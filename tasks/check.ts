// Checks the source: format, lint, types, layers, docstrings, length of files.
import { runTask } from "../src/cli.ts";
import { WorkError } from "../src/errors.ts";
import { PROJECT_ROOT } from "../src/paths.ts";
import { layerViolations, sourceFiles, tooLong, undocumented } from "../tests/support/source_rules.ts";

/** What deno says of every file it checks, and the backtrace of its release build, which names nothing. */
const NOISE = /^Check |^Stack backtrace:|^ +\d+: <unknown>/;

await runTask({
  name: "check",
  summary: "Checks format, lint, types, layers, docstrings and the length of files.",
  run: async ({ print }) => {
    const ours = sourceFiles(["src", "models", "tasks"]);
    const all = sourceFiles(["src", "models", "tasks", "tests", "shaders"], [".ts", ".wgsl"]);
    const places = ["src", "models", "tasks", "tests"];
    const checks: Record<string, () => Promise<string[]> | string[]> = {
      fmt: () => deno("fmt", "--check"),
      lint: () => deno("lint", ...places),
      types: () => deno("check", "mod.ts", ...places),
      layers: () => layerViolations(ours),
      docs: () => undocumented(ours),
      length: () => tooLong(all),
    };
    const failed: string[] = [];
    for (const [name, check] of Object.entries(checks)) {
      const complaints = await check();
      print(`${name}: ${complaints.length === 0 ? "ok" : "FAILED"}`);
      for (const line of complaints) print(`  ${line}`);
      if (complaints.length > 0) failed.push(name);
    }
    if (failed.length > 0) throw new WorkError(`the source fails ${failed.join(", ")}: mend what is listed above`);
    return { passed: Object.keys(checks) };
  },
});

/** Runs a subcommand of deno; what it says if it fails. */
async function deno(...args: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: PROJECT_ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  if (code === 0) return [];
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return (decode(stdout) + decode(stderr)).split("\n").filter((line) => line.trim() !== "" && !NOISE.test(line));
}
