/** A peer seen from here: a process of its own for each work, asked by lines of JSON, with a limit on each answer. */

import { stripVTControlCharacters } from "node:util";
import { WorkError } from "../../../errors.ts";
import type { Engine, Round, Started } from "../engine.ts";
import type { Work } from "../works.ts";
import { lines, MARK } from "./serve.ts";

/** A peer of the list. */
export interface Peer {
  readonly name: string;
  readonly kinds: readonly Work["spec"]["kind"][];
  /** The command of its process; a WorkError says why there is none here. */
  command(): Promise<Deno.Command>;
}

/** The longest wait for an answer: packages may have to be fetched, and a training step of tfjs takes minutes. */
const LIMIT_MS = 15 * 60_000;
/** Lines of stderr that are kept to say why a process ended. */
const KEPT_LINES = 40;
/** Deno's notes about packages are no reason of anything. */
const NOISE = /^\s*$|^\s*[╭│╰]|^Download|^\s+at /;

/** A peer as an engine. */
export function peerEngine(peer: Peer, limitMs = LIMIT_MS): Engine {
  return {
    name: peer.name,
    takes: ({ spec }) => peer.kinds.includes(spec.kind),
    start: async ({ work }, folder): Promise<Started> => {
      const child = new Child(await peer.command(), limitMs);
      try {
        const result = `${folder}/${peer.name.replaceAll(/\W+/g, "-")}.f32`;
        const { about } = await child.ask<{ about: string }>({ folder, result }, `start ${work.work}`);
        const first = new Float32Array((await Deno.readFile(result)).buffer);
        return {
          about,
          first,
          run: (count) => child.ask<Round>({ count }, `run ${work.work} ${count} times`),
          close: () => child.close(),
        };
      } catch (error) {
        await child.close();
        throw error;
      }
    },
  };
}

/** A running process. */
class Child {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<string>;
  readonly #said: string[] = [];
  readonly #silent: Promise<void>;

  constructor(command: Deno.Command, readonly limitMs: number) {
    this.#process = command.spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#answers = lines(this.#process.stdout);
    this.#silent = this.#listen();
  }

  /** Sends a request and waits for its answer. WorkError for an error, an end of the process, or none in time. */
  async ask<T>(request: unknown, what: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const minutes = Number((this.limitMs / 60_000).toPrecision(2));
      timer = setTimeout(() => reject(new WorkError(`took longer than ${minutes} minutes to ${what}`)), this.limitMs);
    });
    try {
      await this.#writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n")).catch(() => {}); // it has ended
      return await Promise.race([this.#answer<T>(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process, whatever it is doing. */
  async close(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch { /* it has ended */ }
    await this.#process.status;
    await this.#silent;
    await this.#writer.abort().catch(() => {});
    await this.#answers.return(undefined);
  }

  async #answer<T>(): Promise<T> {
    while (true) {
      const { value, done } = await this.#answers.next();
      if (done) throw new WorkError(await this.#lastWords());
      if (!value.startsWith(MARK)) continue;
      const answer = JSON.parse(value.slice(MARK.length));
      if (answer.error !== undefined) throw new WorkError(oneLine(answer.error));
      return answer;
    }
  }

  async #lastWords(): Promise<string> {
    const { code, signal } = await this.#process.status;
    await this.#silent;
    const errors = this.#said.filter((line) => !NOISE.test(line));
    const why = errors.findLast((line) => /error/i.test(line)) ?? errors.at(-1);
    return `its process ended with ${signal ?? `code ${code}`}${why ? `: ${oneLine(why)}` : ""}`;
  }

  async #listen(): Promise<void> {
    for await (const line of lines(this.#process.stderr)) {
      this.#said.push(stripVTControlCharacters(line));
      if (this.#said.length > KEPT_LINES) this.#said.shift();
    }
  }
}

/** A message without colours and breaks, of bearable length. */
function oneLine(text: string): string {
  const plain = stripVTControlCharacters(text).replaceAll(/\s+/g, " ").trim();
  return plain.length > 240 ? `${plain.slice(0, 239)}…` : plain;
}
