/** Which pieces of memory serve several values, once it is known when each value lives. */

/** A value's bytes (or rows of a texture), and the first and last moment at which it is there. */
export interface Lifetime {
  readonly size: number;
  readonly begin: number;
  readonly end: number;
}

/** The piece of each value and where in it the value begins, and the sizes of the pieces. */
export interface Assignment {
  readonly pieces: readonly number[];
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

/** A value at its place in a piece. */
interface Placed extends Lifetime {
  readonly offset: number;
}

/** Where values begin in a piece, as WebGPU's default minStorageBufferOffsetAlignment. */
const ALIGN = 256;

/**
 * Places values from the largest to the smallest ("greedy by size" of Pisarchyk and Lee 2020): each into the narrowest gap
 * of a piece that is left for as long as it lives, else into a new piece of its own size. `apart` tells which values may
 * not share a piece with value i at any time; null: a piece holds one value at a time.
 */
export function assign(lifetimes: readonly Lifetime[], apart: readonly Iterable<number>[] | null): Assignment {
  const order = [...lifetimes.keys()].sort((a, b) => {
    const [x, y] = [lifetimes[a]!, lifetimes[b]!];
    return y.size - x.size || x.begin - y.begin;
  });
  const placed: Placed[][] = [];
  const sizes: number[] = [];
  const pieces = new Array<number>(lifetimes.length).fill(-1);
  const offsets = new Array<number>(lifetimes.length).fill(0);
  for (const i of order) {
    const life = lifetimes[i]!;
    const barred = new Set([...apart?.[i] ?? []].map((other) => pieces[other]!));
    let best: { piece: number; offset: number; left: number } | null = null;
    for (let piece = sizes.length - 1; piece >= 0; piece--) {
      if (barred.has(piece)) continue;
      const gap = narrowest(placed[piece]!, sizes[piece]!, life, apart === null);
      if (gap && (!best || gap.left < best.left)) best = { piece, ...gap };
    }
    best ??= { piece: sizes.push(life.size) - 1, offset: 0, left: 0 };
    pieces[i] = best.piece;
    offsets[i] = best.offset;
    (placed[best.piece] ??= []).push({ ...life, offset: best.offset });
  }
  return { pieces, offsets, sizes };
}

/** The narrowest gap of a piece that takes a value for its whole life, and what it leaves; null where there is none. */
function narrowest(
  placed: readonly Placed[],
  size: number,
  { size: need, begin, end }: Lifetime,
  whole: boolean,
): { offset: number; left: number } | null {
  const met = placed.filter((other) => other.begin <= end && begin <= other.end);
  if (whole) return met.length === 0 ? { offset: 0, left: size - need } : null;
  met.sort((a, b) => a.offset - b.offset);
  let best: { offset: number; left: number } | null = null;
  let from = 0;
  for (const { offset: to, size: taken } of [...met, { offset: size, size: 0 }]) {
    const left = to - from - need;
    if (left >= 0 && (!best || left < best.left)) best = { offset: from, left };
    from = Math.max(from, Math.ceil((to + taken) / ALIGN) * ALIGN);
  }
  return best;
}
