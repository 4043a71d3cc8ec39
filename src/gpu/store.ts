/** Lasting buffers by name (parameters, momenta, statistics), shared by the sessions of one device. */

import { type HostArray, paddedBytes, sizeOf } from "../graph/tensor.ts";
import type { BufferInfo } from "../graph/program.ts";
import type { Gpu } from "./device.ts";
import { readBuffer } from "./transfer.ts";

/** Every buffer of a program is bound by shaders and copied in both directions. */
export const STORAGE_USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** The states of a device. The first program to name a state creates it, with that program's first values. */
export class StateStore {
  readonly #buffers = new Map<string, { buffer: GPUBuffer; info: BufferInfo }>();

  constructor(readonly gpu: Gpu) {}

  /** The buffer of a state; made on first sight. Throws TypeError when two programs disagree on its size. */
  open(info: BufferInfo): GPUBuffer {
    const known = this.#buffers.get(info.name);
    if (known) {
      if (known.info.bytes !== info.bytes) {
        throw new TypeError(`internal: state ${info.name} has ${known.info.bytes} bytes here and ${info.bytes} there`);
      }
      return known.buffer;
    }
    const buffer = this.gpu.device.createBuffer({ size: info.bytes, usage: STORAGE_USAGE, label: info.name });
    if (info.data) this.gpu.device.queue.writeBuffer(buffer, 0, info.data as Float32Array<ArrayBuffer>);
    this.#buffers.set(info.name, { buffer, info });
    return buffer;
  }

  /** Opens a state that no program has named yet. */
  reserve(name: string, shape: readonly number[]): void {
    this.open({ role: "state", name, bytes: paddedBytes(4 * sizeOf(shape)) });
  }

  /** Names of all states. */
  names(): string[] {
    return [...this.#buffers.keys()];
  }

  /** Overwrites a state. Throws RangeError when it is not there or larger than its buffer. */
  write(name: string, data: HostArray): void {
    const { buffer, info } = this.#get(name);
    if (data.byteLength > info.bytes) {
      throw new RangeError(`State ${name} takes ${info.bytes} bytes, got ${data.byteLength}`);
    }
    this.gpu.device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  }

  /** The first `length` elements of a state, as f32. */
  async read(name: string, length: number): Promise<Float32Array> {
    const { buffer } = this.#get(name);
    return new Float32Array(await readBuffer(this.gpu, buffer, 0, 4 * length));
  }

  /** Frees every buffer. */
  close(): void {
    for (const { buffer } of this.#buffers.values()) buffer.destroy();
    this.#buffers.clear();
  }

  #get(name: string) {
    const found = this.#buffers.get(name);
    if (!found) throw new RangeError(`There is no state ${name}`);
    return found;
  }
}
