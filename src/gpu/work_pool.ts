/**
 * Work memory that the sessions of several programs use in turn. Runs follow each other on the queue and no work value is
 * needed after its run, so that the memory is that of the largest program, not that of all.
 */

import { type Program, TEXTURE_WIDTH } from "../graph/program.ts";
import { STORAGE_USAGE } from "./store.ts";
import type { Gpu } from "./device.ts";

/** Buffers and textures by rank of their size; programs take them largest to largest. Whoever makes it closes it. */
export class WorkPool {
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures: GPUTexture[] = [];
  /** Too small for a program that came later, but bound by those before it. */
  readonly #outgrown: (GPUBuffer | GPUTexture)[] = [];

  constructor(readonly gpu: Gpu) {}

  /** The buffers of a program's work, by their number in it. */
  buffers({ buffers }: Program): Map<number, GPUBuffer> {
    const work = [...buffers.keys()].filter((i) => buffers[i]!.role === "work");
    const ranked = work.sort((a, b) => buffers[b]!.bytes - buffers[a]!.bytes);
    return new Map(ranked.map((i, rank) => [i, this.#buffer(rank, buffers[i]!.bytes)]));
  }

  /** The textures of a program's work, by their number in it. */
  textures({ textures }: Program): Map<number, GPUTexture> {
    const work = [...textures.keys()].filter((i) => !textures[i]!.kept);
    const ranked = work.sort((a, b) => textures[b]!.rows - textures[a]!.rows);
    return new Map(ranked.map((i, rank) => [i, this.#texture(rank, textures[i]!.rows)]));
  }

  /** Frees everything; sessions that use it must be closed. */
  close(): void {
    for (const memory of [...this.#buffers, ...this.#textures, ...this.#outgrown]) memory.destroy();
  }

  #buffer(rank: number, size: number): GPUBuffer {
    const known = this.#buffers[rank];
    if (known && known.size >= size) return known;
    if (known) this.#outgrown.push(known);
    const buffer = this.gpu.device.createBuffer({ size, usage: STORAGE_USAGE, label: `work ${rank}` });
    return this.#buffers[rank] = buffer;
  }

  #texture(rank: number, rows: number): GPUTexture {
    const known = this.#textures[rank];
    if (known && known.height >= rows) return known;
    if (known) this.#outgrown.push(known);
    return this.#textures[rank] = makeTexture(this.gpu.device, rows, `texture ${rank}`);
  }
}

/** A texture for twins of buffers, so many rows high. */
export function makeTexture(device: GPUDevice, rows: number, label: string): GPUTexture {
  return device.createTexture({
    size: [TEXTURE_WIDTH, rows],
    format: "rgba32float",
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    label,
  });
}
