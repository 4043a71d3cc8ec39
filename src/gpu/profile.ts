/** Time of every dispatch of a program, by timestamp queries, and the search for the first non-finite value. */

import type { Binding, DispatchStep } from "../graph/program.ts";
import { copyToTexture, record, type Session } from "./session.ts";
import { readBuffer } from "./transfer.ts";

/** Dispatches whose times are taken in one submit (two queries each; a set holds 4096). */
const CHUNK = 1024;

/** Time of one dispatch, or of the copies into textures that stand before one. */
export interface StepTime {
  /** Null for copies. */
  readonly step: DispatchStep | null;
  readonly ms: number;
  /** Steps of the program that this is the time of. */
  readonly count: number;
  /** Bytes bound, each once: an upper bound of what is read and written. Those of copies are read and written. */
  readonly bytes: number;
}

/** A line of a profile: all dispatches of one kernel, or all copies into textures. */
export interface ProfileRow {
  readonly op: string;
  readonly shader: string;
  readonly count: number;
  readonly ms: number;
  readonly share: number;
  readonly gflops: number;
  readonly gbps: number;
}

/**
 * Runs the program once with a timestamp around every dispatch. Copies have none of their own: theirs is the time from
 * the end of one dispatch to the begin of the next. Throws when the adapter has no timestamps.
 */
export async function timeSteps(session: Session): Promise<StepTime[]> {
  const { device } = session.gpu;
  if (!device.features.has("timestamp-query")) throw new TypeError("The adapter offers no timestamp queries");
  const set = device.createQuerySet({ type: "timestamp", count: 2 * CHUNK });
  const resolved = device.createBuffer({
    size: 16 * CHUNK,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const times: StepTime[] = [];
  const filled = new Map<GPUTexture, number>();
  for (let start = 0; start < session.work.length; start += CHUNK) {
    const items = session.work.slice(start, start + CHUNK);
    const encoder = device.createCommandEncoder();
    const timed: { step: DispatchStep; bytes: number; copies: number; copied: number }[] = [];
    let [copies, copied] = [0, 0];
    for (const item of items) {
      if ("source" in item) {
        copyToTexture(encoder, item);
        copies++;
        copied += 2 * item.from.bytes;
        filled.set(item.texture, item.from.bytes);
        continue;
      }
      const bytes = boundBytes(item.step, (texture) => filled.get(session.textures[texture]!) ?? 0);
      const at = 2 * timed.push({ step: item.step, bytes, copies, copied }) - 2;
      [copies, copied] = [0, 0];
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: set, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
      });
      record(pass, item);
      pass.end();
    }
    encoder.resolveQuerySet(set, 0, 2 * CHUNK, resolved, 0);
    device.queue.submit([encoder.finish()]);
    const stamps = new BigUint64Array(await readBuffer(session.gpu, resolved, 0, 16 * CHUNK));
    const between = (from: number, to: number) => Math.max(0, Number(stamps[to]! - stamps[from]!) / 1e6);
    timed.forEach(({ step, bytes, copies, copied }, i) => {
      const ms = i === 0 ? 0 : between(2 * i - 1, 2 * i); // what a submit begins with is seen by no timestamp
      if (copies > 0) times.push({ step: null, ms, count: copies, bytes: copied });
      times.push({ step, ms: between(2 * i, 2 * i + 1), count: 1, bytes });
    });
  }
  set.destroy();
  resolved.destroy();
  return times;
}

function boundBytes({ bindings }: DispatchStep, ofTexture: (texture: number) => number): number {
  const bytes = (b: Binding) => b.kind === "buffer" ? b.bytes : b.kind === "texture" ? ofTexture(b.texture) : 0;
  return bindings.reduce((sum, b) => sum + bytes(b), 0);
}

/**
 * Operations of each dispatch. All those of a node are its longest dispatch's: the others bring operands into shape or
 * sum up parts.
 */
function operations(times: readonly StepTime[]): Map<StepTime, number> {
  const result = new Map<StepTime, number>();
  const dispatches = times.filter(({ step }) => step);
  for (let from = 0, to = 0; from < dispatches.length; from = to) {
    while (to < dispatches.length && dispatches[to]!.step!.node === dispatches[from]!.step!.node) to++;
    const node = dispatches.slice(from, to);
    const longest = node.reduce((a, b) => b.ms > a.ms ? b : a);
    result.set(longest, node.reduce((sum, { step }) => sum + step!.flops, 0));
  }
  return result;
}

/** Sums times by operator and shader, slowest first; the copies are one row. */
export function profileTable(times: readonly StepTime[]): ProfileRow[] {
  const sum = (group: readonly StepTime[], of: (t: StepTime) => number) => group.reduce((all, t) => all + of(t), 0);
  const total = sum(times, (t) => t.ms);
  const flops = operations(times);
  const groups = Map.groupBy(times, ({ step }) => step ? `${step.op} ${step.shader}` : "");
  const rows = [...groups.values()].map((group) => {
    const ms = sum(group, (t) => t.ms);
    const { op, shader } = group[0]!.step ?? { op: "copies", shader: "into textures" };
    return {
      op,
      shader,
      count: sum(group, (t) => t.count),
      ms,
      share: ms / total,
      gflops: sum(group, (t) => flops.get(t) ?? 0) / ms / 1e6,
      gbps: sum(group, (t) => t.bytes) / ms / 1e6,
    };
  });
  return rows.sort((a, b) => b.ms - a.ms);
}

/**
 * The table as text, one line a kernel, and below it what of `wallMs`, the time of a run without timestamps, is in no
 * line: the adapter's own time between dispatches, the submit and the wait.
 */
export function printProfile(rows: readonly ProfileRow[], wallMs: number): string {
  const line = (op: string, shader: string, cells: readonly [string, string, string, string, string]) =>
    [op.padEnd(28), shader.padEnd(26), ...cells.map((cell, i) => cell.padStart([5, 9, 6, 8, 7][i]!))].join(" ");
  const share = (part: number) => `${(100 * part).toFixed(1)}%`;
  const sum = (of: (row: ProfileRow) => number) => rows.reduce((all, row) => all + of(row), 0);
  const inside = sum((row) => row.ms);
  return [
    line("operator", "shader", ["count", "ms", "share", "GFLOP/s", "GB/s"]),
    ...rows.map((r) =>
      line(r.op, r.shader, [
        String(r.count),
        r.ms.toFixed(2),
        share(r.share),
        r.gflops ? r.gflops.toFixed(1) : "-",
        r.gbps.toFixed(1),
      ])
    ),
    line("all of these", "", [String(sum((row) => row.count)), inside.toFixed(2), "100%", "", ""]),
    line("a run without timestamps", "", ["", wallMs.toFixed(2), "", "", ""]),
    line("between dispatches, waiting", "", ["", Math.max(0, wallMs - inside).toFixed(2), "", "", ""]),
  ].map((text) => text.trimEnd()).join("\n");
}

/**
 * Where the first NaN or Inf arises when the program is run step by step; null when everything is finite. What a node
 * writes is looked at when all its dispatches are done: until then memory that others used before may be part of it.
 */
export async function firstNonFinite(session: Session): Promise<{ node: string; op: string; shader: string } | null> {
  const { device } = session.gpu;
  let node: DispatchStep[] = [];
  for (const [i, item] of session.work.entries()) {
    const encoder = device.createCommandEncoder();
    if ("source" in item) {
      copyToTexture(encoder, item);
      device.queue.submit([encoder.finish()]);
      continue;
    }
    const pass = encoder.beginComputePass();
    record(pass, item);
    pass.end();
    device.queue.submit([encoder.finish()]);
    node.push(item.step);
    const next = session.work.find((later, at): later is typeof item => at > i && "step" in later);
    if (next?.step.node === item.step.node) continue;
    for (const step of node) if (!(await writesFinite(session, step))) return step;
    node = [];
  }
  return null;
}

/** Whether everything is finite where a dispatch writes. */
async function writesFinite(session: Session, { writes }: DispatchStep): Promise<boolean> {
  for (const { range, dtype } of writes) {
    if (dtype !== "f32" && dtype !== "f16") continue;
    const bytes = await readBuffer(session.gpu, session.buffers[range.buffer]!, range.offset, range.bytes);
    const values: readonly number[] | Float32Array | Float16Array = dtype === "f32"
      ? new Float32Array(bytes)
      : new Float16Array(bytes);
    if (!values.every(Number.isFinite)) return false;
  }
  return true;
}
