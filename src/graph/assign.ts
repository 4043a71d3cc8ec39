/** Which pieces of memory serve several values one after another, once it is known when each value lives. */

/** A value's bytes (or rows of a texture), and the first and last moment at which it is there. */
export interface Lifetime {
  readonly size: number;
  readonly begin: number;
  readonly end: number;
}

/** The piece of each lifetime, by its number, and the sizes of the pieces. */
export interface Assignment {
  readonly pieces: readonly number[];
  readonly sizes: readonly number[];
}

/**
 * Gives every lifetime a whole piece that no other one uses at the same time: from the largest to the smallest, each
 * takes the smallest piece that is free for as long ("greedy by size" of Pisarchyk and Lee 2020, who find it near the
 * least memory that is possible without cutting pieces up).
 */
export function assign(lifetimes: readonly Lifetime[]): Assignment {
  const order = [...lifetimes.keys()].sort((a, b) => {
    const [x, y] = [lifetimes[a]!, lifetimes[b]!];
    return y.size - x.size || x.begin - y.begin;
  });
  /** The lifetimes of each piece, in the order of time; pieces are made from the largest to the smallest. */
  const users: Lifetime[][] = [];
  const sizes: number[] = [];
  const pieces = new Array<number>(lifetimes.length);
  for (const i of order) {
    const life = lifetimes[i]!;
    let piece = users.findLastIndex((others) => isFree(others, life));
    if (piece < 0) {
      piece = users.push([]) - 1;
      sizes.push(life.size);
    }
    const others = users[piece]!;
    others.splice(after(others, life.begin), 0, life);
    pieces[i] = piece;
  }
  return { pieces, sizes };
}

/** Whether none of some lifetimes, which do not overlap and are in the order of time, overlaps `life`. */
function isFree(others: readonly Lifetime[], { begin, end }: Lifetime): boolean {
  const next = after(others, begin);
  return (others[next - 1]?.end ?? -Infinity) < begin && end < (others[next]?.begin ?? Infinity);
}

/** How many of them begin before a moment. */
function after(others: readonly Lifetime[], moment: number): number {
  let [low, high] = [0, others.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (others[middle]!.begin < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
