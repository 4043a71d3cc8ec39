/** Plans a graph for a device and runs it once: for tests, tools and short computations. */

import type { Graph } from "../graph/graph.ts";
import type { Target } from "../graph/op.ts";
import { plan } from "../graph/plan.ts";
import type { HostArray } from "../graph/tensor.ts";
import type { AdapterInfo, Gpu } from "./device.ts";
import { Session } from "./session.ts";
import { StateStore } from "./store.ts";

/** What the planner needs to know of an adapter. */
export function targetOf(info: AdapterInfo, force?: Readonly<Record<string, string>>): Target {
  return {
    kind: info.kind,
    maxBindingBytes: info.limits.maxStorageBufferBindingSize,
    maxTextureRows: info.limits.maxTextureDimension2D,
    maxBuffers: info.limits.maxStorageBuffersPerShaderStage,
    maxIterations: info.kind === "cpu" ? 65535 : Infinity,
    ...(force ? { force } : {}),
  };
}

/** Runs a graph once and returns all its outputs, and the states in `states`, by name. */
export async function execute(
  gpu: Gpu,
  g: Graph,
  inputs: Readonly<Record<string, HostArray>> = {},
  options: { target?: Target; states?: readonly string[] } = {},
): Promise<Record<string, HostArray>> {
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, options.target ?? targetOf(gpu.info)), store);
  try {
    for (const [name, data] of Object.entries(inputs)) session.write(name, data);
    await session.run();
    const result: Record<string, HostArray> = {};
    for (const name of [...session.program.outputs.keys(), ...(options.states ?? [])]) {
      result[name] = await session.read(name);
    }
    return result;
  } finally {
    session.close();
    store.close();
  }
}
