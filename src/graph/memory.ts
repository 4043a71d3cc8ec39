/**
 * The buffers and textures of a program under construction. Each value of the work gets a buffer of its own at first, and
 * each twin a texture; when it is known how long each is needed, they are laid together (assign.ts). Pieces are used whole,
 * never in parts: wgpu refuses one buffer bound both read-only and read-write in a dispatch even when the ranges are
 * disjoint. A texture twin of a buffer's values is remembered until these change.
 */

import { assign, type Lifetime } from "./assign.ts";
import { type BufferInfo, type BufferRange, TEXTURE_WIDTH, type TextureInfo } from "./program.ts";
import { paddedBytes } from "./tensor.ts";

const TEXTURE_ROW_BYTES = TEXTURE_WIDTH * 16;

/** What a program allocates, and the numbers that what was taken has in it. */
export interface Layout {
  readonly buffers: BufferInfo[];
  readonly textures: TextureInfo[];
  readonly bufferAt: readonly number[];
  readonly textureAt: readonly number[];
}

/** A value of the work in memory; `end` is set when it is released. */
interface Life extends Lifetime {
  readonly name: string;
  end: number;
}

/** What a program allocates. Moments are nodes: what two nodes need may lie in the same place. */
export class Memory {
  readonly #buffers: (BufferInfo | Life)[] = [];
  readonly #textures: Life[] = [];
  /** Buffers, and textures, that the prologue fills for all runs. */
  readonly #kept = new Set<number>();
  readonly #keptTextures = new Set<number>();
  /** Texture that holds the values of a range, by buffer and range. */
  readonly #twins = new Map<number, Map<string, number>>();
  #now = 0;

  /** The next node begins. */
  tick(): void {
    this.#now++;
  }

  /** Everything laid together; nothing can be taken afterwards. */
  layout(): Layout {
    const buffers: BufferInfo[] = [];
    const bufferAt = lay(
      this.#buffers,
      (i) => this.#kept.has(i) || "role" in this.#buffers[i]! ? null : this.#buffers[i] as Life,
      (i, size) => {
        const one = this.#buffers[i]!;
        const { name } = one;
        const role = this.#kept.has(i) ? "kept" : "work";
        return buffers.push("role" in one ? one : { role, name, bytes: size ?? one.size }) - 1;
      },
    );
    const textures: TextureInfo[] = [];
    const textureAt = lay(
      this.#textures,
      (i) => this.#keptTextures.has(i) ? null : this.#textures[i]!,
      (i, size) => textures.push({ rows: size ?? this.#textures[i]!.size, kept: this.#keptTextures.has(i) }) - 1,
    );
    return { buffers, textures, bufferAt, textureAt };
  }

  /** A buffer that is no work memory. */
  add(info: BufferInfo): number {
    return this.#buffers.push(info) - 1;
  }

  /** A work buffer from now until its release. */
  take(bytes: number, name: string): number {
    return this.#buffers.push({ size: paddedBytes(bytes), name, begin: this.#now, end: Infinity }) - 1;
  }

  /** Ends the use of a work buffer with this node; lasting ones stay as they are. */
  release(buffer: number): void {
    const life = this.#buffers[buffer]!;
    if ("role" in life || this.#kept.has(buffer)) return;
    this.forget(buffer);
    life.end = this.#now;
  }

  /** Keeps a buffer's values from the prologue for all runs. */
  keep(buffer: number): void {
    this.#kept.add(buffer);
  }

  /** A buffer of its own for what the prologue leaves. */
  addKept(bytes: number, name: string): number {
    const buffer = this.take(bytes, name);
    this.keep(buffer);
    return buffer;
  }

  /** The texture that holds a range's values, where there is one. */
  twin(range: BufferRange): number | undefined {
    return this.#twins.get(range.buffer)?.get(keyOf(range));
  }

  /** A texture for the values of a range, which it holds until they are forgotten. */
  addTwin(range: BufferRange): number {
    const texture = this.#texture(range.bytes);
    let twins = this.#twins.get(range.buffer);
    if (!twins) this.#twins.set(range.buffer, twins = new Map());
    twins.set(keyOf(range), texture);
    return texture;
  }

  /** A texture of its own, for so many bytes that the prologue leaves. */
  addKeptTexture(bytes: number): number {
    const texture = this.#texture(bytes);
    this.#keptTextures.add(texture);
    return texture;
  }

  #texture(bytes: number): number {
    return this.#textures.push({ size: rowsOf(bytes), name: "", begin: this.#now, end: Infinity }) - 1;
  }

  /** Lets the twins of a buffer serve others, since its values change or nobody will read them soon. */
  forget(buffer: number): void {
    for (const texture of this.#twins.get(buffer)?.values() ?? []) this.#textures[texture]!.end = this.#now;
    this.#twins.delete(buffer);
  }
}

/**
 * The new number of each thing: those that live for a time are laid together, the others (null) stay alone. `make` makes
 * number i anew, as large as the largest that shares its place, and gives its new number.
 */
function lay(
  all: readonly unknown[],
  lifeOf: (i: number) => Lifetime | null,
  make: (i: number, size: number | null) => number,
): number[] {
  const living = [...all.keys()].filter((i) => lifeOf(i));
  const { pieces, sizes } = assign(living.map((i) => lifeOf(i)!));
  const pieceOf = new Map(living.map((i, k) => [i, pieces[k]!]));
  const made = new Map<number, number>();
  return [...all.keys()].map((i) => {
    const piece = pieceOf.get(i);
    if (piece === undefined) return make(i, null);
    const known = made.get(piece) ?? make(i, sizes[piece]!);
    made.set(piece, known);
    return known;
  });
}

/** Rows of a texture for so many bytes. */
export function rowsOf(bytes: number): number {
  return Math.ceil(bytes / TEXTURE_ROW_BYTES);
}

function keyOf({ offset, bytes }: BufferRange): string {
  return `${offset}+${bytes}`;
}
