// Progress of long work on stderr: a bar on a terminal, a plain line every few seconds elsewhere.
import { SingleBar } from "cli-progress";
import process from "node:process";

/** What is being worked through. */
export interface ProgressOptions {
  /** The work's name, first on the line. */
  readonly label: string;
  /** Steps to do in all. */
  readonly total: number;
  /** Steps that an earlier run did already. */
  readonly done?: number;
  /** Units in a step, for the rate: 512 where a step takes 512 images. */
  readonly unitsPerStep?: number;
  /** The unit's name; "images" by default. */
  readonly unit?: string;
  /** Whether to draw a bar; by default where stderr is a terminal. */
  readonly bar?: boolean;
  /** Takes a plain line; stderr by default. */
  readonly write?: (line: string) => void;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

/** Progress under way. Always `stop` it, so that the cursor comes back. */
export interface Progress {
  /** Says that `done` steps of the total are done, with a note such as the loss. */
  update(done: number, note?: string): void;
  /** Writes a line without breaking the bar. */
  log(line: string): void;
  /** Units a second over the last seconds. */
  rate(): number;
  stop(): void;
}

const PLAIN_EVERY = 5_000; // ms between plain lines
const WINDOW = 15_000; // ms over which the rate is taken

/** Starts to show progress. */
export function startProgress(options: ProgressOptions): Progress {
  const { label, total, done: start = 0, unitsPerStep = 1, unit = "images" } = options;
  const now = options.now ?? (() => performance.now());
  const write = options.write ?? writeLine;
  const marks: { time: number; done: number }[] = [{ time: now(), done: start }];
  let done = start;
  let lastNote = "";
  let lastLine = now();

  const stepsPerMs = () => {
    const time = now();
    while (marks.length > 2 && time - marks[1].time > WINDOW) marks.shift();
    return (done - marks[0].done) / Math.max(1e-9, time - marks[0].time);
  };
  const rate = () => stepsPerMs() * unitsPerStep * 1000;
  const left = () => {
    const speed = stepsPerMs();
    return speed > 0 ? formatDuration((total - done) / speed / 1000) : "?";
  };
  const line = () =>
    [`${label} ${done}/${total}`, `${formatRate(rate())} ${unit}/s`, `${left()} left`, lastNote]
      .filter((part) => part !== "").join(", ");

  const bar = options.bar ?? Deno.stderr.isTerminal() ? drawBar(label, total, start) : undefined;
  const refresh = () => bar?.update(done, { rate: `${formatRate(rate())} ${unit}/s`, left: left(), note: lastNote });
  return {
    update(steps, note = lastNote) {
      if (steps !== done) marks.push({ time: now(), done: steps });
      [done, lastNote] = [steps, note];
      if (bar) return refresh();
      if (now() - lastLine < PLAIN_EVERY && done < total) return;
      lastLine = now();
      write(line());
    },
    log(text) {
      if (!bar) return write(text);
      process.stderr.write(`\r\x1b[K${text}\n`);
      refresh();
    },
    rate,
    stop: () => bar?.stop(),
  };
}

/** 75 is 1m 15s. */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${s % 60}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${Math.floor(s % 3600 / 60)}m`;
  return `${Math.floor(s / 86_400)}d ${Math.floor(s % 86_400 / 3600)}h`;
}

function formatRate(rate: number): string {
  return rate >= 100 ? rate.toFixed(0) : rate >= 1 ? rate.toFixed(1) : rate.toPrecision(2);
}

function drawBar(label: string, total: number, start: number): SingleBar {
  const bar = new SingleBar({
    format: `${label} [{bar}] {value}/{total} | {rate} | {left} left | {note}`,
    barsize: 24,
    hideCursor: true,
    stream: process.stderr,
  });
  bar.start(total, start, { rate: "-", left: "?", note: "" });
  return bar;
}

function writeLine(line: string): void {
  const bytes = new TextEncoder().encode(line + "\n");
  for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
}
