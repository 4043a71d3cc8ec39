/**
 * Runs a program: buffers, pipelines and bind groups are made once; a run is one submit in which nothing is
 * allocated, compiled or waited for. Results of a run can be asked for without stopping the next one.
 */

import {
  type Binding,
  type BufferRange,
  type DispatchStep,
  type Program,
  type TensorPlace,
  TEXTURE_WIDTH,
  textureRowBytes,
} from "../graph/program.ts";
import { bytesOf, type HostArray, sizeOf } from "../graph/tensor.ts";
import { type Gpu, scoped } from "./device.ts";
import { getPipeline, type Pipeline } from "./pipeline.ts";
import { packParams } from "./shader.ts";
import { type StateStore, STORAGE_USAGE } from "./store.ts";
import { readBuffer } from "./transfer.ts";
import { makeTexture, type WorkPool } from "./work_pool.ts";

const UNIFORM_STRIDE = 256;
/** Read-backs of one output that may be under way at once. */
const STAGING_RING = 8;

interface Dispatch {
  readonly step: DispatchStep;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

interface TextureCopy {
  readonly source: GPUBuffer;
  readonly from: BufferRange;
  readonly texture: GPUTexture;
  /** Whether the values are f16. */
  readonly half: boolean;
}

/** A program ready to run on a device. Make it with `Session.create`. */
export class Session {
  readonly #staging = new Map<string, { free: GPUBuffer[]; all: GPUBuffer[] }>();

  private constructor(
    readonly gpu: Gpu,
    readonly program: Program,
    readonly buffers: readonly GPUBuffer[],
    readonly textures: readonly GPUTexture[],
    readonly work: readonly (Dispatch | TextureCopy)[],
    readonly uniforms: GPUBuffer,
    readonly pooled: boolean,
  ) {}

  /**
   * Allocates and compiles. Errors of the driver name the node. With a pool, work memory is shared with its other
   * sessions: outputs are those of a run that asks for them (`later`), not of `read` after another session's run.
   */
  static async create(
    gpu: Gpu,
    program: Program,
    store: StateStore,
    pool: WorkPool | null = null,
  ): Promise<Session> {
    const { device } = gpu;
    const total = program.buffers.reduce((sum, b) => sum + b.bytes, 0);
    const buffers = await scoped(
      device,
      `Memory for a program of ${Math.ceil(total / 2 ** 20)} MiB (a smaller batch takes less)`,
      () => {
        const shared = pool?.buffers(program);
        return program.buffers.map((info, i) => {
          if (info.role === "state") return store.open(info);
          if (shared?.has(i)) return shared.get(i)!;
          return device.createBuffer({ size: info.bytes, usage: STORAGE_USAGE, label: info.name });
        });
      },
    );
    await uploadConstants(device, program, buffers);
    const shared = pool?.textures(program);
    const textures = program.textures.map((info, i) => shared?.get(i) ?? makeTexture(device, info, `texture ${i}`));
    const steps = [...program.prologue, ...program.steps];
    const dispatches = steps.filter((s): s is DispatchStep => s.kind === "dispatch");
    const pipelines = new Map<DispatchStep, Pipeline>();
    for (const step of dispatches) {
      pipelines.set(step, await getPipeline(gpu, step));
    }
    const uniforms = device.createBuffer({
      size: UNIFORM_STRIDE * Math.max(1, dispatches.length),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      label: "params",
    });
    const views = textures.map((t) => t.createView());
    const work: (Dispatch | TextureCopy)[] = [];
    let slot = 0;
    for (const step of steps) {
      if (step.kind === "texture") {
        const { half } = program.textures[step.texture]!;
        work.push({ source: buffers[step.from.buffer]!, from: step.from, texture: textures[step.texture]!, half });
        continue;
      }
      const p = pipelines.get(step)!;
      const offset = UNIFORM_STRIDE * slot++;
      const group = await scoped(
        device,
        `${step.op} ${step.node} (${step.shader}.wgsl)`,
        () => bind(device, step, p, buffers, views, uniforms, offset),
      );
      work.push({ step, pipeline: p.pipeline, group });
    }
    const once = program.prologue.length;
    if (once > 0) submit(device, work.slice(0, once));
    // Weights that runs read as textures alone, or as what the prologue made of them.
    for (const i of idleConstants(program)) buffers[i]!.destroy();
    return new Session(gpu, program, buffers, textures, work.slice(once), uniforms, pool !== null);
  }

  /** Fills an input for the runs to come. Throws RangeError for an unknown name or a wrong length. */
  write(name: string, data: HostArray): void {
    const place = this.program.inputs.get(name);
    if (!place) return; // an input that no node reads takes no memory
    if (data.length !== sizeOf(place.shape)) {
      throw new RangeError(
        `Input ${name} of shape [${place.shape}] takes ${sizeOf(place.shape)} values, got ${data.length}`,
      );
    }
    if (data.length === 0) return; // Deno's writeBuffer panics on no bytes
    const whole = data.byteLength % 4 === 0 ? data : Float16Array.of(...data, 0); // the queue takes whole words
    this.gpu.device.queue.writeBuffer(this.buffers[place.range.buffer]!, 0, whole as Float32Array<ArrayBuffer>);
  }

  /** Submits one run. Outputs in `later` are copied out in the same submit and arrive when it is done. */
  run(later: readonly string[] = []): Promise<Record<string, HostArray>> {
    this.gpu.check();
    const encoder = this.gpu.device.createCommandEncoder();
    recordAll(encoder, this.work);
    const reads = later.map((name) => this.#copyOut(encoder, name));
    this.gpu.device.queue.submit([encoder.finish()]);
    return this.#collect(later, reads);
  }

  /** The values of an output or a state after all runs submitted so far. */
  async read(name: string): Promise<HostArray> {
    const place = this.place(name);
    const bytes = await readBuffer(
      this.gpu,
      this.buffers[place.range.buffer]!,
      place.range.offset,
      bytesOf(place),
    );
    return typed(place, bytes);
  }

  /** Where an output, state or input lies. Throws RangeError with the names there are. */
  place(name: string): TensorPlace {
    const { outputs, states, inputs } = this.program;
    const place = outputs.get(name) ?? states.get(name) ?? inputs.get(name);
    if (!place) throw new RangeError(`There is no output ${name}; there are ${[...outputs.keys()].join(", ")}`);
    return place;
  }

  /** Frees everything but the states and what is a pool's. */
  close(): void {
    const others = this.pooled ? ["state", "work"] : ["state"];
    this.program.buffers.forEach(({ role }, i) => others.includes(role) || this.buffers[i]!.destroy());
    this.program.textures.forEach(({ kept }, i) => (this.pooled && !kept) || this.textures[i]!.destroy());
    for (const { all } of this.#staging.values()) all.forEach((b) => b.destroy());
    this.uniforms.destroy();
  }

  #copyOut(encoder: GPUCommandEncoder, name: string): GPUBuffer {
    const place = this.place(name);
    let ring = this.#staging.get(name);
    if (!ring) {
      const all = Array.from({ length: STAGING_RING }, () =>
        this.gpu.device.createBuffer({
          size: Math.max(4, Math.ceil(bytesOf(place) / 4) * 4),
          usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
          label: `read-back of ${name}`,
        }));
      this.#staging.set(name, ring = { free: all.slice(), all });
    }
    const staging = ring.free.pop();
    if (!staging) throw new RangeError(`internal: more than ${STAGING_RING} reads of ${name} are under way`);
    encoder.copyBufferToBuffer(this.buffers[place.range.buffer]!, place.range.offset, staging, 0, staging.size);
    return staging;
  }

  async #collect(names: readonly string[], stagings: readonly GPUBuffer[]): Promise<Record<string, HostArray>> {
    const result: Record<string, HostArray> = {};
    for (const [i, staging] of stagings.entries()) {
      await Promise.race([staging.mapAsync(GPUMapMode.READ), this.gpu.failed]);
      const place = this.place(names[i]!);
      result[names[i]!] = typed(place, staging.getMappedRange().slice(0, bytesOf(place)));
      staging.unmap();
      this.#staging.get(names[i]!)!.free.push(staging);
    }
    return result;
  }
}

/** Bytes that may wait in the device's staging memory, which is the host's. */
const MOST_STAGED = 32 * 2 ** 20;

/** Fills the buffers of constants; large ones in pieces, so that staging memory stays small beside the weights. */
async function uploadConstants(device: GPUDevice, program: Program, buffers: readonly GPUBuffer[]): Promise<void> {
  let staged = 0;
  for (const [i, { role, data }] of program.buffers.entries()) {
    if (role === "state" || !data) continue;
    for (let at = 0; at < data.byteLength; at += MOST_STAGED) {
      const bytes = Math.min(MOST_STAGED, data.byteLength - at);
      if (staged + bytes > MOST_STAGED) {
        device.queue.submit([]);
        await device.queue.onSubmittedWorkDone();
        staged = 0;
      }
      device.queue.writeBuffer(buffers[i]!, at, data.buffer as ArrayBuffer, data.byteOffset + at, bytes);
      staged += bytes;
    }
  }
}

/** Numbers of the constants that neither a step nor the host reads. */
function idleConstants({ buffers, steps, outputs }: Program): number[] {
  const read = steps.flatMap((step) => step.kind === "texture" ? [step.from.buffer] : step.bindings.flatMap(bufferOf));
  const used = new Set([...read, ...[...outputs.values()].map(({ range }) => range.buffer)]);
  return [...buffers.keys()].filter((i) => buffers[i]!.role === "constant" && !used.has(i));
}

function bufferOf(binding: Binding): number[] {
  return binding.kind === "buffer" ? [binding.buffer] : [];
}

/** Runs work once. */
function submit(device: GPUDevice, work: readonly (Dispatch | TextureCopy)[]): void {
  const encoder = device.createCommandEncoder();
  recordAll(encoder, work);
  device.queue.submit([encoder.finish()]);
}

/** Records work in order: dispatches share a pass, which ends where a texture is filled. */
function recordAll(encoder: GPUCommandEncoder, work: readonly (Dispatch | TextureCopy)[]): void {
  let pass: GPUComputePassEncoder | null = null;
  for (const item of work) {
    if ("source" in item) {
      pass?.end();
      pass = null;
      copyToTexture(encoder, item);
      continue;
    }
    pass ??= encoder.beginComputePass();
    record(pass, item);
  }
  pass?.end();
}

/** Records one dispatch. */
export function record(pass: GPUComputePassEncoder, { step, pipeline, group }: Dispatch): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...step.workgroups);
}

/** Fills a texture twin: whole rows, then what is left of the last one. */
export function copyToTexture(encoder: GPUCommandEncoder, { source, from, texture, half }: TextureCopy): void {
  const bytesPerRow = textureRowBytes(half);
  const texels = Math.ceil(from.bytes / bytesPerRow * TEXTURE_WIDTH);
  const rows = Math.floor(texels / TEXTURE_WIDTH);
  const layout = { buffer: source, bytesPerRow };
  if (rows > 0) {
    encoder.copyBufferToTexture({ ...layout, offset: from.offset }, { texture }, [TEXTURE_WIDTH, rows]);
  }
  const rest = texels - rows * TEXTURE_WIDTH;
  if (rest > 0) {
    const offset = from.offset + rows * bytesPerRow;
    encoder.copyBufferToTexture({ ...layout, offset }, { texture, origin: [0, rows] }, [rest, 1]);
  }
}

function bind(
  device: GPUDevice,
  step: DispatchStep,
  p: Pipeline,
  buffers: readonly GPUBuffer[],
  views: readonly GPUTextureView[],
  uniforms: GPUBuffer,
  offset: number,
): GPUBindGroup {
  const entries: GPUBindGroupEntry[] = step.bindings.map((binding, i) => ({
    binding: i,
    resource: binding.kind === "texture"
      ? views[binding.texture]!
      : binding.kind === "buffer"
      ? { buffer: buffers[binding.buffer]!, offset: binding.offset, size: binding.bytes }
      : { buffer: uniforms, offset: 0, size: UNIFORM_STRIDE }, // for what is bound and not read
  }));
  if (p.params.length) {
    device.queue.writeBuffer(uniforms, offset, packParams(step.shader, p.params, step.params ?? {}));
    entries.push({ binding: entries.length, resource: { buffer: uniforms, offset, size: UNIFORM_STRIDE } });
  } else if (step.params) {
    throw new TypeError(`internal: shaders/${step.shader}.wgsl has no struct Params`);
  }
  if (entries.length !== p.kinds.length) {
    throw new TypeError(
      `internal: ${step.op} ${step.node} binds ${entries.length} of the ${p.kinds.length} bindings of ${step.shader}.wgsl`,
    );
  }
  return device.createBindGroup({ layout: p.layout, entries, label: step.node });
}

/** Bytes of a tensor in its own element type. */
export function typed(place: TensorPlace, bytes: ArrayBuffer): HostArray {
  return place.dtype === "f32"
    ? new Float32Array(bytes)
    : place.dtype === "i32"
    ? new Int32Array(bytes)
    : place.dtype === "f16"
    ? new Float16Array(bytes)
    : new Uint32Array(bytes);
}
