/** `deno task benchmark --peers`: works on this program and all peers, and the figures that are kept of them. */

import type { Gpu } from "../../gpu/device.ts";
import { compare } from "./compare.ts";
import { ownEngine } from "./own.ts";
import { PEERS } from "./peers/list.ts";
import { peerEngine } from "./peers/process.ts";
import { originOf, type StoredComparison } from "./results.ts";
import type { Work } from "./works.ts";

/** Compares the works in turn; each is told as soon as it is there, so that a run that is cut off has not been in vain. */
export async function* compareWithPeers(
  gpu: Gpu,
  works: readonly Work[],
  log: (line: string) => void,
): AsyncGenerator<StoredComparison> {
  const engines = [ownEngine(gpu), ...PEERS.map((peer) => peerEngine(peer))];
  const origin = await originOf(gpu.info.name);
  for (const work of works) yield { ...origin, ...await compare(work, engines, log) };
}
