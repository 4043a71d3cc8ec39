/** Compute pipelines, made once for each specialised shader text and entry point, and kept with the device. */

import type { DispatchStep } from "../graph/program.ts";
import { type Gpu, scoped } from "./device.ts";
import { type BindingKind, bindingKinds, narrowed, type ParamField, paramFields, specialize } from "./shader.ts";

/** A pipeline with what is needed to bind it. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly kinds: readonly BindingKind[];
  readonly params: readonly ParamField[];
}

const caches = new WeakMap<GPUDevice, Map<string, Promise<Pipeline>>>();

/** The pipeline of a dispatch; the node that first asks is named in errors. */
export function getPipeline(gpu: Gpu, step: DispatchStep): Promise<Pipeline> {
  let cache = caches.get(gpu.device);
  if (!cache) caches.set(gpu.device, cache = new Map());
  const key = JSON.stringify([step.shader, step.entry, Object.entries(step.constants).sort(), halves(step)]);
  let pipeline = cache.get(key);
  if (!pipeline) cache.set(key, pipeline = makePipeline(gpu.device, step));
  return pipeline;
}

/** Numbers of the bindings at which a dispatch finds values of f16. */
function halves({ bindings }: DispatchStep): number[] {
  return bindings.flatMap((binding, i) => binding.kind !== "nothing" && binding.half ? [i] : []);
}

async function makePipeline(device: GPUDevice, step: DispatchStep): Promise<Pipeline> {
  const { shader, entry, constants, node: user } = step;
  const code = narrowed(shader, specialize(shader, constants), halves(step));
  const kinds = bindingKinds(code);
  const what = `Shader ${shader}.wgsl (${entry}) for ${user}`;
  return await scoped(device, what, async () => {
    const module = device.createShaderModule({ code, label: shader });
    const messages = (await module.getCompilationInfo()).messages.filter((m) => m.type === "error");
    if (messages.length) {
      const { lineNum, linePos, message } = messages[0]!;
      throw new TypeError(`${what}, line ${lineNum}:${linePos}: ${message.split("\n")[0]}`);
    }
    const layout = device.createBindGroupLayout({ label: shader, entries: kinds.map(layoutEntry) });
    const pipeline = device.createComputePipeline({
      label: shader,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: entry },
    });
    return { pipeline, layout, kinds, params: paramFields(code) };
  });
}

function layoutEntry(kind: BindingKind, binding: number): GPUBindGroupLayoutEntry {
  const visibility = GPUShaderStage.COMPUTE;
  switch (kind) {
    case "read":
      return { binding, visibility, buffer: { type: "read-only-storage" } };
    case "write":
      return { binding, visibility, buffer: { type: "storage" } };
    case "uniform":
      return { binding, visibility, buffer: { type: "uniform" } };
    case "texture":
      return { binding, visibility, storageTexture: { access: "read-only", format: "rgba32float" } };
    case "half texture":
      return { binding, visibility, storageTexture: { access: "read-only", format: "rgba16float" } };
    default:
      kind satisfies never;
      throw new TypeError(`internal: binding kind ${kind}`);
  }
}
