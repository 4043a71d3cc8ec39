/** The pixel views of a step: images in [0, 1] to normalised squares for the encoder. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { IMAGENET, type Normalization, UNIT } from "./params.ts";
import { CenterView, ColorJitter, GaussianBlur, ResizedCrop } from "./pixel_ops.ts";
import { randomViewParams, SIMCLR_LAW, type ViewLaw } from "./view_params.ts";

/** What views look like. */
export interface ViewOptions {
  /** Side of the square views in pixels. */
  readonly size: number;
  /** By default ImageNet's. */
  readonly normalization?: Normalization;
}

/** What random views look like. */
export interface SimclrOptions extends ViewOptions {
  /** Laws of the draws; by default GenRep's. */
  readonly law?: ViewLaw;
  /**
   * Whether crops that shrink are low-passed. True by default: the authors augment PIL images, and PIL always
   * does, while torchvision on tensors does so only when asked.
   */
  readonly antialias?: boolean;
  /** Odd pixels of the blur's kernel along an axis, where the law has a blur; by default a tenth of the size. */
  readonly blurKernel?: number;
}

/**
 * Random views [n, size, size, 3] of images [n, h, w, 1 or 3] in [0, 1]: crop, resize, flip, colour changes in
 * random order, gray, blur where the law has one, normalisation. Three dispatches, five with blur.
 * Rows of a batch have draws of their own; other views of the same images take another `stream`.
 * Unlike the authors' PIL images, views are not rounded to bytes between the steps.
 */
export function simclrViews(g: Graph, images: Tensor, rng: Tensor, stream: number, options: SimclrOptions): Tensor {
  const [rows, height, width] = images.shape;
  const law = options.law ?? SIMCLR_LAW;
  const views = randomViewParams(g, rng, { stream, rows, height, width, law });
  const { blurKernel, ...rest } = options;
  const kernel = law.blur > 0 ? blurKernel ?? defaultKernel(options.size) : undefined;
  return applyViews(g, images, views, kernel === undefined ? rest : { ...rest, blurKernel: kernel });
}

/** The views that given rows [n, 16] describe (see params.ts); blurred only where `blurKernel` is there. */
export function applyViews(g: Graph, images: Tensor, views: Tensor, options: Omit<SimclrOptions, "law">): Tensor {
  const { size, normalization = IMAGENET, antialias = true, blurKernel } = options;
  const crops = g.apply(ResizedCrop, [images, views], { height: size, width: size, antialias });
  if (blurKernel === undefined) return g.apply(ColorJitter, [crops, views], normalization);
  const colored = g.apply(ColorJitter, [crops, views], UNIT);
  return g.apply(GaussianBlur, [colored, views], { ...normalization, kernel: blurKernel });
}

/**
 * The centre [n, size, size, 3] of images [n, h, w, 1 or 3] in [0, 1], normalised and not flipped. A smaller
 * image is padded with black, as torchvision's CenterCrop does.
 */
export function centerViews(g: Graph, images: Tensor, { size, normalization = IMAGENET }: ViewOptions): Tensor {
  return g.apply(CenterView, [images], { ...normalization, height: size, width: size });
}

/** An odd number near a tenth of the size, at least 3: SimCLR's kernel. */
function defaultKernel(size: number): number {
  return Math.max(3, 2 * Math.floor(size / 20) + 1);
}
