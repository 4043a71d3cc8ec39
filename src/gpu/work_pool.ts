/**
 * Work memory that the sessions of several programs use in turn. Runs follow each other on the queue and no work value is
 * needed after its run, so that the memory is that of the largest program, not that of all.
 */

import { type Program, TEXTURE_WIDTH, type TextureInfo } from "../graph/program.ts";
import { STORAGE_USAGE } from "./store.ts";
import type { Gpu } from "./device.ts";

/** Buffers and textures by rank of their size; programs take them largest to largest. Whoever makes it closes it. */
export class WorkPool {
  readonly #buffers: GPUBuffer[] = [];
  readonly #textures = { f32: [] as GPUTexture[], f16: [] as GPUTexture[] };
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
    const ranked = (half: boolean) =>
      work.filter((i) => textures[i]!.half === half).sort((a, b) => textures[b]!.rows - textures[a]!.rows);
    return new Map(
      [ranked(false), ranked(true)].flatMap((ranks) =>
        ranks.map((i, rank) => [i, this.#texture(rank, textures[i]!)] as const)
      ),
    );
  }

  /** Frees everything; sessions that use it must be closed. */
  close(): void {
    const { f32, f16 } = this.#textures;
    for (const memory of [...this.#buffers, ...f32, ...f16, ...this.#outgrown]) memory.destroy();
  }

  #buffer(rank: number, size: number): GPUBuffer {
    const known = this.#buffers[rank];
    if (known && known.size >= size) return known;
    if (known) this.#outgrown.push(known);
    const buffer = this.gpu.device.createBuffer({ size, usage: STORAGE_USAGE, label: `work ${rank}` });
    return this.#buffers[rank] = buffer;
  }

  #texture(rank: number, info: TextureInfo): GPUTexture {
    const textures = this.#textures[info.half ? "f16" : "f32"];
    const known = textures[rank];
    if (known && known.height >= info.rows) return known;
    if (known) this.#outgrown.push(known);
    return textures[rank] = makeTexture(this.gpu.device, info, `texture ${rank}`);
  }
}

/** A texture for twins of buffers. */
export function makeTexture(device: GPUDevice, { rows, half }: TextureInfo, label: string): GPUTexture {
  return device.createTexture({
    size: [TEXTURE_WIDTH, rows],
    format: half ? "rgba16float" : "rgba32float",
    usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    label,
  });
}
