/**
 * Draws how each image of a step is cut and coloured (RandomViewParams), by the laws of torchvision's
 * RandomResizedCrop, RandomHorizontalFlip, RandomApply(ColorJitter), RandomGrayscale and GaussianBlur.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { checkDraw } from "../ops/random_normal.ts";
import { VIEW_PARAMS } from "./params.ts";

/** Laws of the draws. Ranges are [low, high], chances from 0 to 1. */
export interface ViewLaw {
  /** Share of the image's area that a crop has. */
  readonly scale: readonly [number, number];
  /** Aspect ratio, log-uniform. */
  readonly ratio: readonly [number, number];
  /** Crops that are tried for a fit before the centre is taken. */
  readonly tries: number;
  readonly flip: number;
  /** Chance of the four colour changes, in random order. */
  readonly jitter: number;
  readonly brightness: readonly [number, number];
  readonly contrast: readonly [number, number];
  readonly saturation: readonly [number, number];
  /** In turns. */
  readonly hue: readonly [number, number];
  readonly gray: number;
  /** Chance of a Gaussian blur, and its sigma in pixels of the view. */
  readonly blur: number;
  readonly sigma: readonly [number, number];
}

/** GenRep's views (its main_unified.py, after SupContrast): no blur. */
export const SIMCLR_LAW: ViewLaw = {
  scale: [0.2, 1],
  ratio: [3 / 4, 4 / 3],
  tries: 10,
  flip: 0.5,
  jitter: 0.8,
  brightness: [0.6, 1.4],
  contrast: [0.6, 1.4],
  saturation: [0.6, 1.4],
  hue: [-0.1, 0.1],
  gray: 0.2,
  blur: 0,
  sigma: [0.1, 2],
};

/** Attributes of RandomViewParams. */
export interface RandomViewParamsAttrs {
  readonly stream: number;
  readonly rows: number;
  /** Size of the images. */
  readonly height: number;
  readonly width: number;
  readonly law: ViewLaw;
}

/** Input rng u32 [4] (seed lo, seed hi, step, 0); output [rows, 16], a function of (seed, step, stream, row). */
export const RandomViewParams: Op<RandomViewParamsAttrs> = {
  name: "RandomViewParams",
  infer: ([rng], { rows, height, width, law }) => {
    checkDraw(rng);
    checkLaw(law);
    if (height < 1 || width < 1) throw new RangeError(`images of ${height} x ${width} pixels cannot be cut`);
    return [{ shape: [rows, VIEW_PARAMS], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { stream, rows, height, width, law } = node.attrs as RandomViewParamsAttrs;
    return {
      kernels: [{
        shader: "random_view_params",
        params: { rows, height, width, stream, ...fixedLaw(law, height, width) },
        bindings: [input(0), output(0)],
        workgroups: cover(rows, 64),
      }],
    };
  }),
};

/** Adds the rows of random views of images [rows, height, width, c]. */
export function randomViewParams(g: Graph, rng: Tensor, attrs: RandomViewParamsAttrs): Tensor {
  return g.apply(RandomViewParams, [rng], attrs);
}

/** A law in the whole numbers of shaders/random_view_params.wgsl: ranges in 2^-20, chances in 2^-24. */
export function fixedLaw(law: ViewLaw, height: number, width: number) {
  const chance = (p: number) => Math.round(p * 2 ** 24);
  const low = (range: readonly [number, number]) => Math.round(range[0] * 2 ** 20);
  const span = (range: readonly [number, number]) => Math.round(range[1] * 2 ** 20) - low(range);
  const factors = [law.brightness, law.contrast, law.saturation, law.hue];
  return {
    fallback: fallbackBox(law.ratio, height, width),
    factor_low: factors.map(low),
    factor_span: factors.map(span),
    tries: law.tries,
    scale_low: low(law.scale),
    scale_span: span(law.scale),
    log_ratio: Math.floor(Math.log(law.ratio[1] / law.ratio[0]) * 2 ** 32),
    ratio_low: law.ratio[0],
    inverse_high: 1 / law.ratio[1],
    flip: chance(law.flip),
    jitter: chance(law.jitter),
    gray: chance(law.gray),
    blur: chance(law.blur),
    sigma_low: low(law.sigma),
    sigma_span: span(law.sigma),
  };
}

/** The centre crop that torchvision takes when no try fits: the whole image brought within the ratios. */
export function fallbackBox([low, high]: readonly [number, number], height: number, width: number): number[] {
  const h = Math.min(height, Math.max(1, width / height < low ? Math.round(width / low) : height));
  const w = Math.min(width, Math.max(1, width / height > high ? Math.round(height * high) : width));
  return [Math.floor((height - h) / 2), Math.floor((width - w) / 2), h, w];
}

function checkLaw(law: ViewLaw): void {
  for (const name of ["flip", "jitter", "gray", "blur"] as const) {
    if (!(law[name] >= 0 && law[name] <= 1)) throw new RangeError(`${name} ${law[name]} is no chance from 0 to 1`);
  }
  for (const name of ["scale", "ratio", "brightness", "contrast", "saturation", "hue", "sigma"] as const) {
    const [low, high] = law[name];
    if (!(low <= high && Math.abs(low) <= 16 && high <= 16 && (low >= 0 || name === "hue"))) {
      throw new RangeError(`${name} [${law[name]}] is no range within 0 and 16`);
    }
  }
  const { ratio, scale, sigma, tries } = law;
  if (!(ratio[0] > 0 && Math.log(ratio[1] / ratio[0]) < 1)) {
    throw new RangeError(`ratio [${ratio}] spans a factor of e or more`);
  }
  if (!(scale[1] > 0 && scale[1] <= 1)) throw new RangeError(`scale [${scale}] is no share of an area`);
  if (law.blur > 0 && !(sigma[0] > 0)) throw new RangeError(`sigma [${sigma}] is not above 0`);
  if (!Number.isInteger(tries) || tries < 0) throw new RangeError(`tries ${tries} is no whole number from 0`);
}
