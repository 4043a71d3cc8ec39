// Runs the test suite, quiet about what passes, and ends with a line `N passed, N failed`.
import { resolve } from "node:path";
import { runTask } from "../src/cli.ts";
import { PROJECT_ROOT } from "../src/paths.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const PASSED = / \.\.\. ok \([^)]*\)$/;
const SKIPPED = /^(.*) \.\.\. ignored \([^)]*\)$/;
const SUMMARY = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed(?:.*? \| (\d+) ignored)?/;

await runTask({
  name: "test",
  summary: "Runs the tests: all of them, or those in the given files and folders.",
  args: true,
  options: [{ flags: "--filter <text>", description: "only tests whose name contains the text" }],
  run: async ({ options, args, json, print }) => {
    const filter = options.filter === undefined ? [] : ["--filter", String(options.filter)];
    const places = args.length > 0 ? args.map((place) => resolve(place)) : ["tests"];
    const cases = await Deno.makeTempFile({ prefix: "reference-cases-" });
    const { counts, code } = await runTests([...filter, ...places], cases, print);
    const told = await Deno.readTextFile(cases);
    await Deno.remove(cases);
    if (told !== "") print(`reference cases that ran: ${caseCounts(told)}`);
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
    print(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
    if (code === 0) return counts;
    if (json) console.log(JSON.stringify(counts));
    Deno.exit(code); // the counts are the last line, so no `error: ...` follows
  },
});

/** Runs `deno test`, whose tests tell in the file `cases` which reference cases they read (tests/support/golden.ts). */
async function runTests(
  args: string[],
  cases: string,
  print: (line: string) => void,
): Promise<{ counts: Counts; code: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", ...args],
    cwd: PROJECT_ROOT,
    env: { NO_COLOR: "1", INIT_CWD: "", REFERENCE_CASES: cases },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let counts: Counts | undefined;
  for await (const line of linesOf(child.stdout)) {
    const summary = SUMMARY.exec(line);
    if (summary) {
      const [passed, failed, skipped = 0] = summary.slice(1).map((n) => Number(n ?? 0));
      counts = { passed, failed, skipped };
    } else if (SKIPPED.test(line)) print(`skipped: ${SKIPPED.exec(line)![1]}`);
    else if (!PASSED.test(line) && line !== "") print(line);
  }
  const { code } = await child.status;
  // No summary: the suite did not start, which must not read as nothing failed.
  counts ??= { passed: 0, failed: 1, skipped: 0 };
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  return { counts, code };
}

/** Such as `losses 17 of 17, ops 136 of 136`, from a line of JSON for each case that was read. */
function caseCounts(told: string): string {
  const groups = new Map<string, { names: Set<string>; of: number }>();
  for (const line of told.trimEnd().split("\n")) {
    const { group, name, of } = JSON.parse(line);
    if (!groups.has(group)) groups.set(group, { names: new Set(), of });
    groups.get(group)!.names.add(name);
  }
  return [...groups].sort().map(([group, { names, of }]) => `${group} ${names.size} of ${of}`).join(", ");
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
