/**
 * The side of a peer's process: it reads a request a line from stdin (`start` with the work's folder, `run` with a count)
 * and answers a line on stdout behind MARK. Runs without this project's settings, so that a peer's packages never enter
 * them: only files without package imports may be imported from here.
 */

import process from "node:process";
import { readSafetensors } from "../../../data/safetensors.ts";
import type { Spec, Values } from "../works.ts";

/** What the answers begin with: libraries print lines of their own. */
export const MARK = "@answer ";
/** Files in a work's folder. */
export const FILES = { work: "work.json", tensors: "tensors.safetensors", model: "model.onnx" };

/** A work as it comes to a peer. */
export interface GivenWork {
  readonly spec: Spec;
  readonly tensors: Values;
  readonly model: Uint8Array | null;
}

/** A work that runs in a peer. */
export interface PeerWork {
  /** What computes it, such as the adapter's name. */
  readonly device: string;
  /** The result of the first run in our layout, or the loss. */
  readonly first: Float32Array;
  /** Runs `count` times and waits for the end; gives the last loss of a training step. */
  run(count: number): Promise<number | null>;
}

/** Packages of the peers, pinned: they are loaded by the processes of the peers alone. */
const VERSIONS = {
  "onnxruntime-web": "1.30.0",
  "onnxruntime-node": "1.30.0",
  "@tensorflow/tfjs-core": "4.22.0",
  "@tensorflow/tfjs-layers": "4.22.0",
  "@tensorflow/tfjs-backend-webgpu": "4.22.0",
  "@jax-js/jax": "0.1.25",
} as const;

/** Loads a package, or a module of it; Deno gets it where it is not there. The specifier is unknown to `deno check`. */
export async function load<T>(name: keyof typeof VERSIONS, module = ""): Promise<T> {
  return await import(`npm:${name}@${VERSIONS[name]}${module}`) as T;
}

/** Answers requests until stdin ends. `start` makes a work ready and runs it once. */
export async function serve(
  name: keyof typeof VERSIONS,
  start: (work: GivenWork) => Promise<PeerWork>,
): Promise<never> {
  let work: PeerWork | null = null;
  for await (const line of lines(Deno.stdin.readable)) {
    const request = JSON.parse(line) as { folder: string; result: string } | { count: number };
    try {
      if ("folder" in request) {
        work = await start(await readWork(request.folder));
        await Deno.writeFile(request.result, new Uint8Array(Float32Array.from(work.first).buffer));
        answer({ about: `${name} ${VERSIONS[name]}, ${work.device}` });
      } else {
        const [begun, used] = [performance.now(), process.cpuUsage()];
        const loss = await work!.run(request.count);
        const { user, system } = process.cpuUsage(used);
        answer({ ms: performance.now() - begun, cpuMs: (user + system) / 1000, loss });
      }
    } catch (error) {
      answer({ error: error instanceof Error ? error.message : String(error) });
    }
  }
  Deno.exit(0);
}

/** The lines of a stream. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
  if (rest !== "") yield rest;
}

/** The adapter's name as it is offered to everyone on this machine. */
export async function adapterName(): Promise<string> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("no WebGPU adapter answers");
  return adapter.info.description || adapter.info.device;
}

async function readWork(folder: string): Promise<GivenWork> {
  const { spec, model } = JSON.parse(await Deno.readTextFile(`${folder}/${FILES.work}`));
  const { tensors } = await readSafetensors(`${folder}/${FILES.tensors}`);
  return {
    spec,
    tensors: tensors as Values,
    model: model ? await Deno.readFile(`${folder}/${FILES.model}`) : null,
  };
}

function answer(value: unknown): void {
  console.log(MARK + JSON.stringify(value));
}
