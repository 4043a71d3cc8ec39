/** Time of every dispatch of a program, by timestamp queries, and the search for the first non-finite value. */

import type { DispatchStep } from "../graph/program.ts";
import { copyToTexture, record, type Session } from "./session.ts";
import { readBuffer } from "./transfer.ts";

/** Dispatches whose times are taken in one submit (two queries each; a set holds 4096). */
const CHUNK = 1024;

/** Time of one dispatch. */
export interface DispatchTime {
  readonly step: DispatchStep;
  readonly ms: number;
}

/** A line of a profile: all dispatches of one kernel. */
export interface ProfileRow {
  readonly op: string;
  readonly shader: string;
  readonly count: number;
  readonly ms: number;
  readonly share: number;
  readonly gflops: number;
  /** Bytes bound, each once, per second: an upper bound of what is read and written. */
  readonly gbps: number;
}

/** Runs the program once with a timestamp around every dispatch. Throws when the adapter has no timestamps. */
export async function timeDispatches(session: Session): Promise<DispatchTime[]> {
  const { device } = session.gpu;
  if (!device.features.has("timestamp-query")) throw new TypeError("The adapter offers no timestamp queries");
  const set = device.createQuerySet({ type: "timestamp", count: 2 * CHUNK });
  const resolved = device.createBuffer({
    size: 16 * CHUNK,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const times: DispatchTime[] = [];
  for (let start = 0; start < session.work.length; start += CHUNK) {
    const items = session.work.slice(start, start + CHUNK);
    const encoder = device.createCommandEncoder();
    const steps: DispatchStep[] = [];
    for (const item of items) {
      if ("source" in item) {
        copyToTexture(encoder, item);
        continue;
      }
      const at = 2 * steps.push(item.step) - 2;
      const pass = encoder.beginComputePass({
        timestampWrites: { querySet: set, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
      });
      record(pass, item);
      pass.end();
    }
    encoder.resolveQuerySet(set, 0, 2 * CHUNK, resolved, 0);
    device.queue.submit([encoder.finish()]);
    const stamps = new BigUint64Array(await readBuffer(session.gpu, resolved, 0, 16 * CHUNK));
    steps.forEach((step, i) => times.push({ step, ms: Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1e6 }));
  }
  set.destroy();
  resolved.destroy();
  return times;
}

/** Sums dispatch times by operator and shader, slowest first. */
export function profileTable(times: readonly DispatchTime[]): ProfileRow[] {
  const total = times.reduce((sum, t) => sum + t.ms, 0);
  const groups = Map.groupBy(times, (t) => `${t.step.op} ${t.step.shader}`);
  const rows = [...groups.values()].map((group) => {
    const ms = group.reduce((sum, t) => sum + t.ms, 0);
    const flops = group.reduce((sum, t) => sum + t.step.flops, 0);
    const bytes = group.reduce(
      (sum, t) => sum + t.step.bindings.reduce((b, x) => b + (x.kind === "buffer" ? x.bytes : 0), 0),
      0,
    );
    const { op, shader } = group[0]!.step;
    return { op, shader, count: group.length, ms, share: ms / total, gflops: flops / ms / 1e6, gbps: bytes / ms / 1e6 };
  });
  return rows.sort((a, b) => b.ms - a.ms);
}

/** The table as text, one line a kernel. */
export function printProfile(rows: readonly ProfileRow[]): string {
  const head = `${"operator".padEnd(28)} ${"shader".padEnd(26)} count       ms  share  GFLOP/s   GB/s`;
  const lines = rows.map((r) =>
    `${r.op.padEnd(28)} ${r.shader.padEnd(26)} ${String(r.count).padStart(5)} ${r.ms.toFixed(2).padStart(8)} ` +
    `${(100 * r.share).toFixed(1).padStart(5)}% ${r.gflops ? r.gflops.toFixed(1).padStart(8) : "       -"} ${
      r.gbps.toFixed(1).padStart(6)
    }`
  );
  return [head, ...lines].join("\n");
}

/** Where the first NaN or Inf arises when the program is run step by step; null when everything is finite. */
export async function firstNonFinite(session: Session): Promise<{ node: string; op: string; shader: string } | null> {
  const { device } = session.gpu;
  for (const item of session.work) {
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
    for (const { range, dtype } of item.step.writes) {
      if (dtype !== "f32") continue;
      const values = new Float32Array(
        await readBuffer(session.gpu, session.buffers[range.buffer]!, range.offset, range.bytes),
      );
      if (!values.every(Number.isFinite)) return item.step;
    }
  }
  return null;
}
