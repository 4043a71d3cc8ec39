/**
 * Normal numbers of numpy's legacy RandomState(seed).randn, so that noise maps that numpy programs draw can be drawn
 * again: the Mersenne Twister under Marsaglia's polar method.
 */

import { mersenne } from "pure-rand/generator/mersenne";

/** A stream of normal numbers, in f64. */
export class NumpyNormal {
  readonly #words: ReturnType<typeof mersenne>;
  #spare: number | null = null;

  /** seed: a whole number below 2^32. */
  constructor(seed: number) {
    this.#words = mersenne(seed);
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
    const high = this.#words.next() >>> 5;
    const low = this.#words.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }
}
