/**
 * Random numbers as a function of (seed, stream, step, element), the same on the host as in the shaders:
 * the twin of shaders/shared/philox.wgsl, shaders/shared/normal.wgsl, shaders/sample_keys.wgsl and
 * shaders/random_coefficients.wgsl.
 *
 * Words are whole numbers from 0 to 2^32 - 1. The key of Philox is the seed (lo, hi); its counter is
 * (block of 4 elements, sample or row, variant or step, stream), and element e is word e % 4 of block e / 4.
 */

import { normalCdf, type RandomNormalAttrs } from "../ops/random_normal.ts";
import type { CoefficientLaw, RandomCoefficientsAttrs } from "../ops/random_coefficients.ts";
import { halfBits, type SampleKeysAttrs } from "../ops/sample_keys.ts";
import { sizeOf } from "../graph/tensor.ts";

/** What draws are for: each use has a stream of its own, and its number is part of what a seed means. */
export const STREAMS = {
  anchor: 1,
  neighbor: 2,
  label: 3,
  shuffle: 4,
  neighborChoice: 5,
  pixelView: 6,
  initialization: 7,
  dataOrder: 8,
  storedOrder: 16,
  steering: 24,
  probeCrop: 40,
  subset: 41,
  detectionOrder: 48,
  detectionView: 49,
  detectionAnchors: 50,
  detectionRegions: 51,
} as const;

/** The values of the graph input `rng` u32 [4] for a step. Throws RangeError for a seed that 53 bits do not hold. */
export function rngValues(seed: number, step: number): Uint32Array {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`Seed ${seed} is no whole number from 0`);
  return Uint32Array.of(seed, Math.floor(seed / 2 ** 32), step, 0);
}

/** High 32 bits of the product of two words. */
export function mulHi(a: number, b: number): number {
  const al = a & 0xffff, ah = a >>> 16, bl = b & 0xffff, bh = b >>> 16;
  const low = ah * bl + ((al * bl) >>> 16); // below 2^32, as every sum here
  const high = al * bh + (low % 65536);
  return ah * bh + Math.floor(low / 65536) + Math.floor(high / 65536);
}

/** Philox4x32-10: four words. */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>): [number, number, number, number] {
  let c0 = counter[0] >>> 0, c1 = counter[1] >>> 0, c2 = counter[2] >>> 0, c3 = counter[3] >>> 0;
  let k0 = key[0] >>> 0, k1 = key[1] >>> 0;
  for (let round = 0; round < 10; round++) {
    const h0 = mulHi(0xD2511F53, c0), l0 = Math.imul(0xD2511F53, c0) >>> 0;
    const h1 = mulHi(0xCD9E8D57, c2), l1 = Math.imul(0xCD9E8D57, c2) >>> 0;
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + 0x9E3779B9) >>> 0;
    k1 = (k1 + 0xBB67AE85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** A whole number below n. */
export function below(word: number, n: number): number {
  return mulHi(word, n);
}

/** Uniform in the open interval (0, 1), of 2^23 steps. */
export function uniformOpen(word: number): number {
  return ((word >>> 9) + 0.5) * 2 ** -23;
}

/** The x with P(X < x) = p of a standard normal: PPND16 of algorithm AS 241 (Wichura 1988), 1e-15 relative. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  return p < 0.5 ? -normalUpper(p, 0.5 - p) : normalUpper(1 - p, p - 0.5);
}

/** The normal value of a word, within +-truncation (null: no cut), in f64. */
export function normalOfWord(word: number, truncation: number | null): number {
  const cut = truncation === null ? 0 : normalCdf(-truncation);
  const upper = word >= 2 ** 31;
  const tail = ((upper ? 2 ** 32 - 1 - word : word) + 0.5) / 2 ** 32;
  const x = normalUpper(cut + (1 - 2 * cut) * tail, (1 - 2 * cut) * (0.5 - tail));
  return upper ? x : -x;
}

/** Twin of RandomNormal: the draw of one sample, in f64. */
export function normalDraw(
  rng: ArrayLike<number>,
  [sample, variant]: readonly [number, number],
  { stream, shape, scale, truncation, variants }: RandomNormalAttrs,
): Float64Array {
  const key = [rng[0], rng[1]];
  const values = new Float64Array(sizeOf(shape));
  for (let block = 0; 4 * block < values.length; block++) {
    const words = philox4x32([block, sample, variants ? variant : 0, stream], key);
    for (let e = 0; e < 4 && 4 * block + e < values.length; e++) {
      values[4 * block + e] = scale * normalOfWord(words[e], truncation);
    }
  }
  return values;
}

/** Twin of RandomCoefficients: the draw of one sample, a value a column. */
export function coefficientDraw(
  rng: ArrayLike<number>,
  [sample, variant]: readonly [number, number],
  { stream, laws, rot3dFactor }: RandomCoefficientsAttrs,
): number[] {
  const draw = (block: number) => philox4x32([block, sample, variant, stream], [rng[0], rng[1]]);
  const [color, turn, shift] = [draw(0), draw(1), draw(2)];
  const step = (word: number, n: number) => (below(word, 2 * n + 1) - n) / n;
  const values: Record<CoefficientLaw, number> = {
    color0: uniformOpen(color[0]) - 0.5,
    color1: uniformOpen(color[1]) - 0.5,
    color2: uniformOpen(color[2]) - 0.5,
    rot3d: rot3dFactor * step(turn[0], 6),
    rot2d: step(turn[1], 6),
    zoom: Math.log(turn[2] >= 2 ** 31 ? 1 + 3 * uniformOpen(turn[3]) : 0.25 + 0.75 * uniformOpen(turn[3])),
    shiftx: step(shift[0], 10),
    shifty: step(shift[1], 10),
  };
  return laws.map((law) => values[law]);
}

/** Twin of SampleKeys: (sample, variant) of a row of the output. */
export function sampleKey(rng: ArrayLike<number>, index: number, attrs: SampleKeysAttrs): [number, number] {
  const { batch, samples, shuffle, neighbors, images, shuffleStream, neighborStream } = attrs;
  const key = [rng[0], rng[1]];
  const view = Math.floor(index / batch);
  const row = index % batch;
  const position = (Math.imul(rng[2], batch) + row) >>> 0;
  let sample = position;
  if (samples !== null) {
    const epoch = Math.floor(position / samples);
    sample = position % samples;
    if (shuffle) sample = permute(sample, samples, philox4x32([0, epoch, 0, shuffleStream], key));
  }
  if (neighbors === null) return [sample, (Math.imul(rng[2], images) + view) >>> 0];
  const first = below(philox4x32([0, row, rng[2], neighborStream], key)[0], neighbors);
  return [sample, (first + view) % neighbors];
}

/** A pseudo-random permutation of range(samples): see shaders/sample_keys.wgsl. */
export function permute(index: number, samples: number, keys: readonly number[]): number {
  const bits = halfBits(samples);
  const mask = 2 ** bits - 1;
  let x = index;
  do {
    let left = x >>> bits, right = x & mask;
    for (let round = 0; round < 8; round++) {
      const word = (right + keys[round & 3] + Math.imul(round, 0x9E3779B9)) >>> 0;
      [left, right] = [right, (left ^ (mix(word) & mask)) >>> 0];
    }
    x = ((left << bits) | right) >>> 0;
  } while (x >= samples);
  return x;
}

/** The last mixing steps of MurmurHash3. */
function mix(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85EBCA6B);
  h = Math.imul(h ^ (h >>> 13), 0xC2B2AE35);
  return (h ^ (h >>> 16)) >>> 0;
}

const CENTER = [
  [
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
  ],
  [
    1,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
  ],
];
const TAIL = [
  [
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
  ],
  [
    1,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
  ],
];
const FAR_TAIL = [
  [
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
  ],
  [
    1,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
  ],
];

/** The x >= 0 with P(X > x) = tail = 1/2 - center. */
function normalUpper(tail: number, center: number): number {
  if (center <= 0.425) return center * ratio(CENTER, 0.180625 - center * center);
  const r = Math.sqrt(-Math.log(tail));
  return r <= 5 ? ratio(TAIL, r - 1.6) : ratio(FAR_TAIL, r - 5);
}

function ratio([p, q]: readonly (readonly number[])[], x: number): number {
  const at = (c: readonly number[]) => c.reduceRight((sum, a) => sum * x + a, 0);
  return at(p) / at(q);
}
