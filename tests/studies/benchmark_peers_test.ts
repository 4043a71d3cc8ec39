/** Comparing programs: peers in processes of their own, right ones and ones that fail in every way. */

import assert from "node:assert/strict";
import { WorkError } from "../../src/errors.ts";
import { compare, type EngineRow, TOLERANCE } from "../../src/studies/benchmark/compare.ts";
import { ownEngine } from "../../src/studies/benchmark/own.ts";
import { PEERS } from "../../src/studies/benchmark/peers/list.ts";
import { type Peer, peerEngine } from "../../src/studies/benchmark/peers/process.ts";
import { product, WORKS } from "../../src/studies/benchmark/works.ts";
import { gpuTest } from "../support/gpu.ts";

const SCRIPT = new URL("../fixtures/peers/slow_product.ts", import.meta.url).pathname;
const COMMAND = ["run", "-A", "--no-config", "--no-lock", "--no-check", SCRIPT];
const N = 24;

/** A peer for products by the script, with a fault or none. */
function scripted(name: string, fault?: string): Peer {
  const args = [...COMMAND, ...fault ? [fault] : []];
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "piped" });
  return { name, kinds: ["product"], command: () => Promise.resolve(command) };
}

gpuTest("peers that fail stand in the table with their reason beside those that do not", async (gpu) => {
  const absent: Peer = {
    name: "absent",
    kinds: ["product"],
    command: () => Promise.reject(new WorkError("no such program is here")),
  };
  const faults = ["dies", "differs", "refuses", "tires"];
  const peers = [scripted("right"), absent, ...faults.map((fault) => scripted(fault, fault))];
  const engines = [
    ownEngine(gpu),
    ...peers.map((peer) => peerEngine(peer)),
    peerEngine(scripted("late", "hangs"), 3000),
  ];
  const other: Peer = { ...scripted("of another kind"), kinds: ["step"] };
  const comparison = await compare(product(N, "forward"), [...engines, peerEngine(other)], () => {});
  assert.equal(comparison.flops, 2 * N ** 3);
  const rows = Object.fromEntries(comparison.rows.map((row) => [row.engine, row]));
  assert.deepEqual(Object.keys(rows), ["latent-views", "right", "absent", ...faults, "late"]);
  const reason = (name: string) => (rows[name] as Extract<EngineRow, { failed: string }>).failed;
  assert.equal(reason("absent"), "no such program is here");
  assert.equal(reason("dies"), "its process ended with code 3: error: the library is not there");
  const differs = rows.differs as Extract<EngineRow, { about: string }>;
  assert.ok(differs.difference > TOLERANCE && differs.rounds === 7, JSON.stringify(differs));
  assert.equal(reason("refuses"), "no kernel for this product");
  assert.equal(reason("tires"), "out of memory");
  assert.equal(reason("late"), "took longer than 0.05 minutes to start matmul");
  const right = rows.right as Extract<EngineRow, { about: string }>;
  assert.match(right.about, /^onnxruntime-web [\d.]+, loops$/);
  assert.ok(right.difference < 1e-6 && right.rounds === 7 && right.runs_per_round > 1, JSON.stringify(right));
  assert.ok(right.ms_min > 0 && right.ms_min <= right.ms_median && right.ms_median <= right.ms_max && right.gflops > 0);
  const own = rows["latent-views"] as Extract<EngineRow, { about: string }>;
  assert.ok(own.difference === 0 && own.dispatches! > 0 && own.mib !== undefined);
});

Deno.test("every work has peers, and no two peers share a name", () => {
  for (const { spec, work } of WORKS) assert.ok(PEERS.some(({ kinds }) => kinds.includes(spec.kind)), work);
  assert.equal(new Set(PEERS.map(({ name }) => name)).size, PEERS.length);
});

Deno.test("no package of a peer is among this project's imports", async () => {
  const text = await Deno.readTextFile(new URL("../../deno.json", import.meta.url));
  for (const name of ["onnxruntime", "tensorflow", "jax-js"]) assert.ok(!text.includes(name), name);
});
