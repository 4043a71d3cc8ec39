/** The peers: what they are, what they take, how their processes are begun. */

import { WorkError } from "../../../errors.ts";
import { PROJECT_ROOT } from "../../../paths.ts";
import type { Peer } from "./process.ts";

const FOLDER = `${PROJECT_ROOT}/src/studies/benchmark/peers`;
/** Whatever Python has torch: on this path, or Debian's own where another one stands in front of it. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** Every peer, in the order of the tables. */
export const PEERS: readonly Peer[] = [
  inDeno("onnxruntime-web WebGPU", ["generator"], "onnxruntime.ts", "webgpu"),
  inDeno("onnxruntime-web WASM", ["generator"], "onnxruntime.ts", "wasm"),
  inDeno("onnxruntime-node CPU", ["generator"], "onnxruntime.ts", "cpu"),
  inDeno("tfjs WebGPU", ["step", "product", "convolution"], "tfjs.ts"),
  inDeno("jax-js WebGPU", ["step", "product", "convolution"], "jax.ts"),
  inPython("PyTorch CPU", "cpu"),
  inPython("PyTorch CUDA f32", "cuda"),
  inPython("PyTorch CUDA TF32", "cuda-tf32"),
];

/** A peer of npm packages, away from this project's settings and lock file. */
function inDeno(name: string, kinds: Peer["kinds"], file: string, ...args: string[]): Peer {
  return {
    name,
    kinds,
    command: () => {
      const options = ["--allow-all", "--no-config", "--no-lock", "--no-check", "--node-modules-dir=none"];
      return Promise.resolve(piped(Deno.execPath(), ["run", ...options, `${FOLDER}/${file}`, ...args]));
    },
  };
}

function inPython(name: string, mode: string): Peer {
  return {
    name,
    kinds: ["step", "product", "convolution"],
    command: async () => piped(await findPython(), [`${FOLDER}/pytorch.py`, mode]),
  };
}

function piped(program: string, args: string[]): Deno.Command {
  return new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" });
}

async function findPython(): Promise<string> {
  for (const python of PYTHONS) {
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", "import torch"],
        stdout: "null",
        stderr: "null",
      })
        .output();
      if (success) return python;
    } catch { /* no such program */ }
  }
  throw new WorkError("no python3 with torch is here: Debian's python3-torch has it");
}
