/**
 * A suite of ONNX cases, laid out as ONNX's own: folders with model.onnx and test_data_set_N/{input,output}_N.pb.
 * Cases run in worker processes, so that nothing one of them does (an import error, a crash of the driver, a hang)
 * ends the suite or touches another case.
 */

import { messageOf, UserError } from "../errors.ts";
import { openGpu } from "../gpu/device.ts";
import type { Gpu } from "../gpu/device.ts";
import { decodeTensorFile, type HostTensor, loadModel } from "../onnx/decode.ts";
import { UnsupportedError } from "../onnx/element_type.ts";
import { PROJECT_ROOT } from "../paths.ts";
import { runModel } from "./run_onnx.ts";

/** How far results may lie from the expected ones: |got - want| <= atol + rtol * |want|. */
export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** What became of one case. */
export interface CaseResult {
  readonly case: string;
  readonly outcome: "passed" | "failed" | "unsupported";
  readonly reason?: string;
}

/** The counts of a suite and, for what did not pass, why. */
export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  readonly unsupported: number;
  /** Failed cases. */
  readonly failures: readonly { readonly case: string; readonly reason: string }[];
  /** Cases with operators or attributes that are not supported. */
  readonly skipped: readonly { readonly case: string; readonly reason: string }[];
}

/** Seconds after which a case counts as hanging; the first case of a worker also opens the device. */
const CASE_SECONDS = 60;

/** Folders below `folder` that hold a model and its data, in order. UserError when there is none. */
export function findCases(folder: string): string[] {
  const found: string[] = [];
  const visit = (at: string) => {
    const entries = [...Deno.readDirSync(at)];
    if (entries.some((e) => e.name === "model.onnx") && entries.some((e) => e.name.startsWith("test_data_set_"))) {
      found.push(at);
      return;
    }
    for (const entry of entries) if (entry.isDirectory) visit(`${at}/${entry.name}`);
  };
  try {
    visit(folder.replace(/\/+$/, "") || "/");
  } catch (error) {
    throw new UserError(`suite ${folder} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  if (found.length === 0) {
    throw new UserError(`suite ${folder} holds no case: a case is a folder with model.onnx and test_data_set_0`);
  }
  return found.sort();
}

/** Runs all cases below a folder, `workers` of them at a time. */
export async function runSuite(
  folder: string,
  tolerance: Tolerance,
  options: { readonly workers?: number; readonly seconds?: number; readonly onResult?: (result: CaseResult) => void } =
    {},
): Promise<SuiteResult> {
  const cases = findCases(folder);
  const results: CaseResult[] = [];
  const queue = cases.values();
  const drain = async () => {
    let worker: CaseWorker | null = null;
    for (const path of queue) {
      worker ??= new CaseWorker(tolerance);
      const name = path.slice(folder.replace(/\/+$/, "").length + 1) || path;
      const answer = await worker.run(path, options.seconds ?? CASE_SECONDS);
      const result = { case: name, ...answer };
      if (worker.ended) worker = null;
      results.push(result);
      options.onResult?.(result);
    }
    await worker?.close();
  };
  await Promise.all(Array.from({ length: Math.min(options.workers ?? 2, cases.length) }, drain));
  results.sort((a, b) => a.case < b.case ? -1 : 1);
  const list = (outcome: CaseResult["outcome"]) =>
    results.filter((r) => r.outcome === outcome).map((r) => ({ case: r.case, reason: r.reason ?? "" }));
  const [failures, skipped] = [list("failed"), list("unsupported")];
  return {
    passed: results.length - failures.length - skipped.length,
    failed: failures.length,
    unsupported: skipped.length,
    failures,
    skipped,
  };
}

type Answer = Omit<CaseResult, "case">;

/** A process that runs cases one after another: a folder a line in, an Answer a line out. */
class CaseWorker {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;
  ended = false;

  constructor({ rtol, atol }: Tolerance) {
    const config = `${PROJECT_ROOT}/deno.json`;
    const file = new URL(import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", "--config", config, file, String(rtol), String(atol)],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#lines = lines(this.#process.stdout);
  }

  /** A case's answer; a hang or the end of the process is a failure of it, and `ended` tells. */
  async run(path: string, seconds: number): Promise<Answer> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), 1000 * seconds));
    const ask = async (): Promise<string> => {
      await this.#input.write(new TextEncoder().encode(`${path}\n`));
      return (await this.#lines.next()).value ?? "";
    };
    const line = await Promise.race([ask().catch(() => ""), late]);
    clearTimeout(timer);
    if (line) return JSON.parse(line);
    this.ended = true;
    if (line === null) this.#process.kill("SIGKILL");
    const { code } = await this.#process.status;
    const reason = line === null ? `no result after ${seconds} s` : `the process ended with code ${code}`;
    return { outcome: "failed", reason };
  }

  async close(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#process.status;
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}

/** Runs one case: all its data sets. Throws what goes wrong, nothing where all outputs fit. */
async function runCase(gpu: Gpu, folder: string, tolerance: Tolerance): Promise<void> {
  const model = await loadModel(`${folder}/model.onnx`);
  const sets = [...Deno.readDirSync(folder)].filter((e) => e.name.startsWith("test_data_set_")).map((e) => e.name);
  for (const set of sets.sort()) {
    const read = (kind: string) =>
      [...Deno.readDirSync(`${folder}/${set}`)].filter((e) => e.name.startsWith(`${kind}_`)).map((e) => e.name)
        .sort((a, b) => parseInt(a.slice(kind.length + 1)) - parseInt(b.slice(kind.length + 1)))
        .map((name) => decodeTensorFile(`${folder}/${set}/${name}`).tensor);
    const inputs = new Map<string, HostTensor>(read("input").map((t, i) => [model.inputs[i]!.name, t]));
    const got = await runModel(gpu, model, inputs);
    read("output").forEach((want, i) => {
      const name = model.outputs[i]!.name;
      const { shape, data } = got.get(name)!;
      if (shape.join() !== want.shape.join()) throw new Error(`${name} has shape [${shape}], expected [${want.shape}]`);
      compare(name, data, want.data, tolerance);
    });
  }
}

/** Throws with the worst difference where values differ by more than the tolerance; NaN equals NaN. */
export function compare(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { rtol, atol }: Tolerance,
): void {
  if (got.length !== want.length) throw new Error(`${name}: ${got.length} values, expected ${want.length}`);
  let bad = 0;
  let worst = { excess: -1, text: "" };
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i]!, want[i]!];
    if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    const excess = Math.abs(g - w) - atol - rtol * Math.abs(w);
    if (excess <= 0) continue;
    bad++;
    if (bad === 1 || excess > worst.excess) worst = { excess, text: `at ${i}: got ${g}, expected ${w}` };
  }
  if (bad) throw new Error(`${name}: ${bad} of ${want.length} values differ, most ${worst.text}`);
}

async function answer(gpu: Gpu, folder: string, tolerance: Tolerance): Promise<Answer> {
  try {
    await runCase(gpu, folder, tolerance);
    return { outcome: "passed" };
  } catch (error) {
    const reason = messageOf(error).replaceAll(`${folder}/model.onnx: `, "").trim().replace(/\s*\n\s*/g, " ");
    return { outcome: error instanceof UnsupportedError ? "unsupported" : "failed", reason };
  }
}

if (import.meta.main) {
  const [rtol, atol] = Deno.args.map(Number) as [number, number];
  let gpu: Gpu | null = null;
  for await (const folder of lines(Deno.stdin.readable)) {
    gpu ??= await openGpu();
    console.log(JSON.stringify(await answer(gpu, folder, { rtol, atol })));
  }
  Deno.exit(0);
}
