// Runs a task as a user does: in a process of its own.
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a finished process left behind. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs tasks/NAME.ts, or the file given as NAME where it ends in .ts, in `cwd` (the project by default). */
export async function runCli(
  name: string,
  args: readonly string[] = [],
  { env = {}, cwd = ROOT }: { env?: Record<string, string>; cwd?: string } = {},
): Promise<Finished> {
  const file = name.endsWith(".ts") ? name : `${ROOT}tasks/${name}.ts`;
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", "--config", `${ROOT}deno.json`, file, ...args],
    cwd,
    env: { NO_COLOR: "1", INIT_CWD: "", DEBUG: "", ...env },
    stdin: "null",
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code: output.code, stdout: decode(output.stdout), stderr: decode(output.stderr) };
}
