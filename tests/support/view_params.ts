/** Twin of shaders/random_view_params.wgsl: the same words, and the same f32 values bit for bit. */

import { fixedLaw, type RandomViewParamsAttrs } from "../../src/augment/view_params.ts";
import { below, mulHi, philox4x32 } from "../../src/generators/random.ts";

const f32 = Math.fround;

/** The row of 16 numbers of image `row`. */
export function viewParamsRow(
  rng: ArrayLike<number>,
  row: number,
  { stream, height, width, law }: RandomViewParamsAttrs,
): number[] {
  const fixed = fixedLaw(law, height, width);
  const draw = (block: number) => philox4x32([block, row, rng[2], stream], [rng[0], rng[1]]);
  const words = draw(fixed.tries);
  const factors = draw(fixed.tries + 1);
  const blur = draw(fixed.tries + 2);
  return [
    ...box(draw, fixed, height, width),
    Number(happens(words[0], fixed.flip)),
    Number(happens(words[1], fixed.gray)),
    happens(blur[0], fixed.blur) ? between(blur[1], fixed.sigma_low, fixed.sigma_span) : 0,
    0,
    ...(happens(words[2], fixed.jitter) ? order(words[3]) : [0, 0, 0, 0]),
    ...factors.map((word, i) => between(word, fixed.factor_low[i], fixed.factor_span[i])),
  ];
}

function box(
  draw: (block: number) => number[],
  fixed: ReturnType<typeof fixedLaw>,
  height: number,
  width: number,
): number[] {
  for (let t = 0; t < fixed.tries; t++) {
    const words = draw(t);
    const area = f32(f32(height * width) * between(words[0], fixed.scale_low, fixed.scale_span));
    const y = below(words[1], fixed.log_ratio);
    const w = roundRoot(f32(f32(area * f32(fixed.ratio_low)) * expFixed(y)));
    const h = roundRoot(f32(f32(area * f32(fixed.inverse_high)) * expFixed(fixed.log_ratio - y)));
    if (w > 0 && w <= width && h > 0 && h <= height) {
      return [below(words[2], height - h + 1), below(words[3], width - w + 1), h, w];
    }
  }
  return fixed.fallback;
}

function between(word: number, low: number, span: number): number {
  return (low + below(word, span)) / 2 ** 20;
}

function happens(word: number, chance: number): boolean {
  return word >>> 8 < chance;
}

function expFixed(y: number): number {
  let sum = 2 ** 29;
  for (let k = 12; k > 0; k--) sum = 2 ** 29 + Math.floor(mulHi(sum, y) / k);
  return (sum >>> 7) / 2 ** 22;
}

function roundRoot(v: number): number {
  const c = Math.round(Math.sqrt(v));
  if (f32((c - 0.5) ** 2) > v && c > 0) return c - 1;
  return f32((c + 0.5) ** 2) <= v ? c + 1 : c;
}

function order(word: number): number[] {
  let code = below(word, 24);
  const order = [1, 2, 3, 4];
  for (let i = 3; i > 0; i--) {
    const j = code % (i + 1);
    code = Math.floor(code / (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
