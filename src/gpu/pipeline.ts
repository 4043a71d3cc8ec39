/** Compute pipelines, made once for each specialised shader text and entry point, and kept with the device. */

import { type Gpu, scoped } from "./device.ts";
import { type BindingKind, bindingKinds, type ParamField, paramFields, specialize } from "./shader.ts";

/** A pipeline with what is needed to bind it. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly kinds: readonly BindingKind[];
  readonly params: readonly ParamField[];
}

const caches = new WeakMap<GPUDevice, Map<string, Promise<Pipeline>>>();

/** The pipeline of a shader with these constants; `user` is the node that first asks and is named in errors. */
export function getPipeline(
  gpu: Gpu,
  shader: string,
  entry: string,
  constants: Readonly<Record<string, number>>,
  user: string,
): Promise<Pipeline> {
  let cache = caches.get(gpu.device);
  if (!cache) caches.set(gpu.device, cache = new Map());
  const key = JSON.stringify([shader, entry, Object.entries(constants).sort()]);
  let pipeline = cache.get(key);
  if (!pipeline) cache.set(key, pipeline = makePipeline(gpu.device, shader, entry, constants, user));
  return pipeline;
}

async function makePipeline(
  device: GPUDevice,
  shader: string,
  entry: string,
  constants: Readonly<Record<string, number>>,
  user: string,
): Promise<Pipeline> {
  const code = specialize(shader, constants);
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
    default:
      kind satisfies never;
      throw new TypeError(`internal: binding kind ${kind}`);
  }
}
