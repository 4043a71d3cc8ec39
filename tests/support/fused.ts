/** Runs of a graph as it was built and with its nodes joined. */

import { fuse } from "../../src/graph/fuse.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Node, Target } from "../../src/graph/op.ts";
import type { HostArray } from "../../src/graph/tensor.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";

/** Output y of a graph, joined and not; `force` names candidates of the joined one, planned for `kind`. */
export async function bothWays(
  gpu: Gpu,
  g: Graph,
  inputs: Readonly<Record<string, HostArray>>,
  force: Readonly<Record<string, string>> = {},
  kind: Target["kind"] = gpu.info.kind,
): Promise<{ joined: Float32Array; plain: Float32Array }> {
  const run = async (target: ReturnType<typeof targetOf>) =>
    (await execute(gpu, g, inputs, { target })).y as Float32Array;
  return {
    joined: await run({ ...targetOf(gpu.info, force), kind }),
    plain: await run({ ...targetOf(gpu.info), fuse: false }),
  };
}

/** The nodes of a graph with its nodes joined for an adapter of a kind, views left out. */
export function joinedNodes(g: Graph, kind: Target["kind"] = "cpu"): Node[] {
  const target: Target = {
    kind,
    maxBindingBytes: 2 ** 27,
    maxTextureRows: 16384,
    maxIterations: 65535,
    maxBuffers: 8,
  };
  return fuse(g, target).nodes.filter(({ op }) => !op.alias);
}

/** The operators of them. */
export function joinedOps(g: Graph, kind: Target["kind"] = "cpu"): string[] {
  return joinedNodes(g, kind).map(({ op }) => op.name);
}
