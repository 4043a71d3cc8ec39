/** How one view is cut and coloured, as a row of 16 numbers: the tensor between the draw and the kernels. */

/** Numbers of a row: box 4, flip, gray, sigma, 0, order 4, factors 4; see shaders/shared/view_params.wgsl. */
export const VIEW_PARAMS = 16;

/** The colour changes, by the number they have in a row (from 1; 0 is no change). */
export const COLOR_CHANGES = ["brightness", "contrast", "saturation", "hue"] as const;
export type ColorChange = typeof COLOR_CHANGES[number];

/** One view; what is left out does nothing. */
export interface ViewParams {
  /** [top, left, height, width] of the crop in pixels of the image. */
  readonly box: readonly number[];
  readonly flip?: boolean;
  /** Colour changes in the order they are made, each at most once. */
  readonly order?: readonly ColorChange[];
  /** Factors of brightness, contrast and saturation (1 changes nothing); hue in turns (0 changes nothing). */
  readonly factors?: Readonly<Partial<Record<ColorChange, number>>>;
  readonly gray?: boolean;
  /** Std of the Gaussian blur in pixels of the view; 0: none. */
  readonly sigma?: number;
}

/** Rows [n, 16] for the kernels. */
export function packViewParams(views: readonly ViewParams[]): Float32Array {
  const rows = views.map(({ box, flip, order = [], factors = {}, gray, sigma = 0 }) => [
    ...box,
    Number(flip ?? false),
    Number(gray ?? false),
    sigma,
    0,
    ...Array.from({ length: 4 }, (_, i) => order[i] ? COLOR_CHANGES.indexOf(order[i]) + 1 : 0),
    ...COLOR_CHANGES.map((name) => factors[name] ?? (name === "hue" ? 0 : 1)),
  ]);
  return Float32Array.from(rows.flat());
}

/** Mean and std of each channel, by which views are normalised: y = (x - mean) / std. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Of ImageNet, as every torchvision model expects. */
export const IMAGENET: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
/** Leaves values as they are. */
export const UNIT: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

/** Shader parameters `mean` and `inverse_std`. */
export function normalizationParams({ mean, std }: Normalization): { mean: number[]; inverse_std: number[] } {
  return { mean: [...mean, 0], inverse_std: [...std.map((s) => 1 / s), 0] };
}
