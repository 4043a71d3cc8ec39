/**
 * Normal numbers of numpy's legacy RandomState(seed).randn: MT19937 (Matsumoto and Nishimura, 1998) under the polar
 * method, so that noise maps drawn by numpy programs can be drawn again.
 */

const N = 624;
const M = 397;

/** A stream of normal numbers, in f64. */
export class NumpyNormal {
  readonly #state = new Uint32Array(N);
  #at = N;
  #spare: number | null = null;

  /** seed: a whole number below 2^32. */
  constructor(seed: number) {
    const s = this.#state;
    s[0] = seed;
    for (let i = 1; i < N; i++) s[i] = Math.imul(1812433253, s[i - 1]! ^ (s[i - 1]! >>> 30)) + i;
  }

  /** The next number. */
  next(): number {
    if (this.#spare !== null) {
      const value = this.#spare;
      this.#spare = null;
      return value;
    }
    let x: number, y: number, r: number;
    do {
      x = 2 * this.#uniform() - 1;
      y = 2 * this.#uniform() - 1;
      r = x * x + y * y;
    } while (r >= 1 || r === 0);
    const factor = Math.sqrt(-2 * Math.log(r) / r);
    this.#spare = factor * x; // numpy gives the second of a pair first
    return factor * y;
  }

  /** Uniform in [0, 1), of 53 bits. */
  #uniform(): number {
    const high = this.#word() >>> 5;
    const low = this.#word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  #word(): number {
    if (this.#at === N) this.#refill();
    let y = this.#state[this.#at++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9D2C5680;
    y ^= (y << 15) & 0xEFC60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill(): void {
    const s = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (s[i]! & 0x80000000) | (s[(i + 1) % N]! & 0x7FFFFFFF);
      s[i] = s[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908B0DF : 0);
    }
    this.#at = 0;
  }
}
