/**
 * The buffers and textures of a program under construction. Both are reused whole, never in parts: wgpu refuses one buffer
 * bound both read-only and read-write in a dispatch even when the ranges are disjoint, so that a tensor gets a buffer which
 * no live tensor holds. A texture twin of a buffer's values is remembered until these change.
 */

import { type BufferInfo, type BufferRange, TEXTURE_WIDTH, type TextureInfo } from "./program.ts";
import { paddedBytes } from "./tensor.ts";

const TEXTURE_ROW_BYTES = TEXTURE_WIDTH * 16;

/** What a program allocates. */
export class Memory {
  readonly #buffers: BufferInfo[] = [];
  readonly #textures: TextureInfo[] = [];
  readonly #free = new Set<number>();
  readonly #freeTextures = new Set<number>();
  /** Buffers that the prologue fills for all runs. */
  readonly #kept = new Set<number>();
  /** Texture that holds the values of a range, by buffer and range. */
  readonly #twins = new Map<number, Map<string, number>>();

  /** What was allocated, in the order of the numbers. */
  infos(): { buffers: BufferInfo[]; textures: TextureInfo[] } {
    return {
      buffers: this.#buffers.map((info, i) => this.#kept.has(i) ? { ...info, role: "kept" } : info),
      textures: this.#textures,
    };
  }

  /** A buffer that is no work memory. */
  add(info: BufferInfo): number {
    return this.#buffers.push(info) - 1;
  }

  /** The smallest free work buffer that is large enough, or the largest free one made larger, or a new one. */
  take(bytes: number, name: string): number {
    const size = paddedBytes(bytes);
    const found = bestOf(this.#free, size, (i) => this.#buffers[i]!.bytes);
    if (found === null) return this.add({ role: "work", name, bytes: size });
    this.#free.delete(found);
    const info = this.#buffers[found]!;
    info.bytes = Math.max(info.bytes, size);
    return found;
  }

  /** Lets a work buffer serve others; lasting ones stay as they are. */
  release(buffer: number): void {
    if (this.#buffers[buffer]!.role !== "work" || this.#kept.has(buffer)) return;
    this.forget(buffer);
    this.#free.add(buffer);
  }

  /** Keeps a buffer's values from the prologue for all runs; it must have served no step. */
  keep(buffer: number): void {
    this.#kept.add(buffer);
  }

  /** A buffer of its own for what the prologue leaves. */
  addKept(bytes: number, name: string): number {
    const buffer = this.add({ role: "work", name, bytes: paddedBytes(bytes) });
    this.keep(buffer);
    return buffer;
  }

  /** The texture that holds a range's values, where there is one. */
  twin(range: BufferRange): number | undefined {
    return this.#twins.get(range.buffer)?.get(keyOf(range));
  }

  /** A texture for the values of a range, which it holds until they are forgotten. */
  addTwin(range: BufferRange): number {
    const texture = this.#takeTexture(rowsOf(range.bytes));
    let twins = this.#twins.get(range.buffer);
    if (!twins) this.#twins.set(range.buffer, twins = new Map());
    twins.set(keyOf(range), texture);
    return texture;
  }

  /** A texture of its own, for so many bytes that the prologue leaves. */
  addKeptTexture(bytes: number): number {
    return this.#textures.push({ rows: rowsOf(bytes), kept: true }) - 1;
  }

  #takeTexture(rows: number): number {
    const found = bestOf(this.#freeTextures, rows, (i) => this.#textures[i]!.rows);
    if (found === null) return this.#textures.push({ rows, kept: false }) - 1;
    this.#freeTextures.delete(found);
    this.#textures[found]!.rows = Math.max(this.#textures[found]!.rows, rows);
    return found;
  }

  /** Lets the twins of a buffer serve others, since its values change or nobody will read them soon. */
  forget(buffer: number): void {
    for (const texture of this.#twins.get(buffer)?.values() ?? []) this.#freeTextures.add(texture);
    this.#twins.delete(buffer);
  }
}

/** Rows of a texture for so many bytes. */
export function rowsOf(bytes: number): number {
  return Math.ceil(bytes / TEXTURE_ROW_BYTES);
}

function keyOf({ offset, bytes }: BufferRange): string {
  return `${offset}+${bytes}`;
}

/** The smallest that is large enough, else the largest; null where there is none. */
function bestOf(candidates: Iterable<number>, size: number, sizeOf: (candidate: number) => number): number | null {
  let best: number | null = null;
  for (const candidate of candidates) {
    if (best === null) {
      best = candidate;
      continue;
    }
    const [have, old] = [sizeOf(candidate), sizeOf(best)];
    if (have >= size ? old < size || have < old : old < size && have > old) best = candidate;
  }
  return best;
}
