/**
 * The buffers and textures of a program under construction. Each value of the work gets a buffer of its own at first, and
 * each twin a texture; when it is known how long each is needed, they are laid together (assign.ts). Values that a dispatch
 * binds lie in different buffers: wgpu refuses one that is bound both read-only and read-write in a dispatch, even where
 * the ranges are disjoint. A texture twin of a buffer's values is remembered until these change.
 */

import { assign, type Lifetime } from "./assign.ts";
import { type BufferInfo, type BufferRange, type Step, type TextureInfo, textureRowBytes } from "./program.ts";
import { paddedBytes } from "./tensor.ts";
import { fullestMoment, type Moment } from "./timeline.ts";

/** What a program allocates, and where in it lies what was taken. */
export interface Layout {
  readonly buffers: BufferInfo[];
  readonly textures: TextureInfo[];
  readonly bufferAt: readonly Place[];
  readonly textureAt: readonly Place[];
}

/** A number in what is allocated, and where a value begins in it. */
export interface Place {
  readonly index: number;
  readonly offset: number;
}

/** A value of the work in memory; `end` is set when it is released. */
interface Life extends Lifetime {
  readonly name: string;
  /** What made it. */
  readonly op: string;
  end: number;
}

/** A texture twin; those of f16 lie apart from the others. */
interface TextureLife extends Life {
  readonly half: boolean;
}

/** What a program allocates. Moments are nodes: what two nodes need may lie in the same place. */
export class Memory {
  readonly #buffers: (BufferInfo | Life)[] = [];
  readonly #textures: TextureLife[] = [];
  /** Buffers, and textures, that the prologue fills for all runs. */
  readonly #kept = new Set<number>();
  readonly #keptTextures = new Set<number>();
  /** Texture that holds the values of a range, by buffer and range. */
  readonly #twins = new Map<number, Map<string, number>>();
  /** Names of the nodes so far: the moments. */
  readonly #nodes: string[] = [];

  get #now(): number {
    return this.#nodes.length - 1;
  }

  /** The next node begins. */
  tick(node: string): void {
    this.#nodes.push(node);
  }

  /** When most is in work buffers. */
  fullest(): Moment | null {
    return fullestMoment(
      this.#buffers.filter((one, i): one is Life => !("role" in one || this.#kept.has(i))),
      this.#nodes,
    );
  }

  /** Everything laid together, so that these steps can run; nothing can be taken afterwards. */
  layout(steps: readonly Step[]): Layout {
    const buffers: BufferInfo[] = [];
    const bufferAt = lay(
      this.#buffers.map((one, i) => "role" in one || this.#kept.has(i) ? null : one),
      (i, size) => {
        const one = this.#buffers[i]!;
        const { name } = one;
        const role = this.#kept.has(i) ? "kept" : "work";
        return buffers.push("role" in one ? one : { role, name, bytes: size ?? one.size }) - 1;
      },
      boundTogether(steps, this.#buffers.length),
    );
    return { buffers, bufferAt, ...this.#layTextures() };
  }

  #layTextures(): Pick<Layout, "textures" | "textureAt"> {
    const textures: TextureInfo[] = [];
    const textureAt: Place[] = [];
    for (const half of [false, true]) {
      const own = [...this.#textures.keys()].filter((i) => this.#textures[i]!.half === half);
      const places = lay(
        own.map((i) => this.#keptTextures.has(i) ? null : this.#textures[i]!),
        (k, size) => {
          const i = own[k]!;
          return textures.push({ rows: size ?? this.#textures[i]!.size, kept: this.#keptTextures.has(i), half }) - 1;
        },
        null,
      );
      places.forEach((place, k) => textureAt[own[k]!] = place);
    }
    return { textures, textureAt };
  }

  /** A buffer that is no work memory. */
  add(info: BufferInfo): number {
    return this.#buffers.push(info) - 1;
  }

  /** A work buffer from now until its release. */
  take(bytes: number, name: string, op: string): number {
    return this.#buffers.push({ size: paddedBytes(bytes), name, op, begin: this.#now, end: Infinity }) - 1;
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
    const buffer = this.take(bytes, name, "");
    this.keep(buffer);
    return buffer;
  }

  /** The texture that holds a range's values, where there is one. */
  twin(range: BufferRange): number | undefined {
    return this.#twins.get(range.buffer)?.get(keyOf(range));
  }

  /** A texture for the values of a range, which it holds until they are forgotten; `half`: values of f16. */
  addTwin(range: BufferRange, half: boolean): number {
    const texture = this.#texture(range.bytes, half);
    let twins = this.#twins.get(range.buffer);
    if (!twins) this.#twins.set(range.buffer, twins = new Map());
    twins.set(keyOf(range), texture);
    return texture;
  }

  /** A texture of its own, for so many bytes that the prologue leaves. */
  addKeptTexture(bytes: number, half: boolean): number {
    const texture = this.#texture(bytes, half);
    this.#keptTextures.add(texture);
    return texture;
  }

  #texture(bytes: number, half: boolean): number {
    const life = { size: rowsOf(bytes, half), name: "", op: "", begin: this.#now, end: Infinity, half };
    return this.#textures.push(life) - 1;
  }

  /** Lets the twins of a buffer serve others, since its values change or nobody will read them soon. */
  forget(buffer: number): void {
    for (const texture of this.#twins.get(buffer)?.values() ?? []) this.#textures[texture]!.end = this.#now;
    this.#twins.delete(buffer);
  }
}

/**
 * Where each thing lies: those that live for a time are laid together, the others (null) stay alone. `make` makes number i
 * anew, as large as the piece that it is the first of, and gives its new number.
 */
function lay(
  lives: readonly (Lifetime | null)[],
  make: (i: number, size: number | null) => number,
  apart: readonly ReadonlySet<number>[] | null,
): Place[] {
  const living = [...lives.keys()].filter((i) => lives[i]);
  const order = new Map(living.map((i, k) => [i, k]));
  const others = apart && living.map((i) => [...apart[i]!].flatMap((other) => order.get(other) ?? []));
  const { pieces, offsets, sizes } = assign(living.map((i) => lives[i]!), others);
  const made = new Map<number, number>();
  return lives.map((_, i) => {
    const k = order.get(i);
    if (k === undefined) return { index: make(i, null), offset: 0 };
    const piece = pieces[k]!;
    if (!made.has(piece)) made.set(piece, make(i, sizes[piece]!));
    return { index: made.get(piece)!, offset: offsets[k]! };
  });
}

/** For each buffer the others that a dispatch binds beside it. */
function boundTogether(steps: readonly Step[], count: number): Set<number>[] {
  const sets = Array.from({ length: count }, () => new Set<number>());
  for (const step of steps) {
    if (step.kind !== "dispatch") continue;
    const bound = new Set(step.bindings.flatMap((b) => b.kind === "buffer" ? [b.buffer] : []));
    for (const a of bound) for (const b of bound) if (a !== b) sets[a]!.add(b);
  }
  return sets;
}

/** Rows of a texture for so many bytes, of f16 or of f32. */
export function rowsOf(bytes: number, half: boolean): number {
  return Math.ceil(bytes / textureRowBytes(half));
}

function keyOf({ offset, bytes }: BufferRange): string {
  return `${offset}+${bytes}`;
}
