/** The steps of a pixel view as operators: ResizedCrop, ColorJitter, GaussianBlur and CenterView. */

import { cover, input, type Op, output, plain, scratch } from "../graph/op.ts";
import { bytesOf, sizeOf, specText, type TensorSpec } from "../graph/tensor.ts";
import { type Normalization, normalizationParams, UNIT, VIEW_PARAMS } from "./params.ts";

/** Attributes of ResizedCrop. */
export interface ResizedCropAttrs {
  readonly height: number;
  readonly width: number;
  /** Whether a reduction averages over all pixels it covers, as PIL does, or takes 2 x 2 of them. */
  readonly antialias: boolean;
}

/** Inputs images [n, h, w, 1 or 3] and rows [n, 16]; output [n, height, width, 3]: crop, resize, flip. */
export const ResizedCrop: Op<ResizedCropAttrs> = {
  name: "ResizedCrop",
  infer: ([x, views], { height, width }) => {
    checkImages(x);
    checkViews(x, views);
    checkSize(height, width);
    return [{ shape: [x.shape[0], height, width, 3], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { height: oh, width: ow, antialias } = node.attrs as ResizedCropAttrs;
    const [n, h, w, channels] = node.inputs[0].shape;
    return {
      kernels: [{
        shader: "resized_crop",
        constants: { CHANNELS: channels },
        params: { n, h, w, oh, ow, antialias: Number(antialias) },
        bindings: [input(0), input(1), output(0)],
        workgroups: cover(n * oh * ow, 64),
      }],
    };
  }),
  splitInputs: () => [true, true],
};

/** Inputs images [n, h, w, 3] and rows [n, 16]; output the same shape: colour changes, gray, normalisation. */
export const ColorJitter: Op<Normalization> = {
  name: "ColorJitter",
  infer: ([x, views]) => {
    checkImages(x, [3]);
    checkViews(x, views);
    return [x];
  },
  candidates: plain((node, target) => {
    const [n, h, w] = node.inputs[0].shape;
    return {
      kernels: [{
        shader: "color_jitter",
        // Lavapipe, 512 views of 32 x 32: 8 ms with 16 invocations a group, 12 with 64, 26 with 256.
        constants: { WG_SIZE: target.kind === "cpu" ? 16 : 256 },
        params: { ...normalizationParams(node.attrs), n, pixels: h * w },
        bindings: [input(0), input(1), output(0)],
        workgroups: [Math.max(1, n), 1, 1],
      }],
    };
  }),
  splitInputs: () => [true, true],
};

/** Attributes of GaussianBlur. */
export interface GaussianBlurAttrs extends Normalization {
  /** Pixels of the kernel along an axis; odd. */
  readonly kernel: number;
}

/** Inputs images [n, h, w, 3] and rows [n, 16]; output the same shape: blur with each row's sigma, normalisation. */
export const GaussianBlur: Op<GaussianBlurAttrs> = {
  name: "GaussianBlur",
  infer: ([x, views], { kernel }) => {
    checkImages(x, [3]);
    checkViews(x, views);
    if (!Number.isInteger(kernel) || kernel % 2 !== 1 || kernel < 1) {
      throw new RangeError(`kernel ${kernel} is no odd number`);
    }
    const radius = (kernel - 1) / 2;
    if (radius >= x.shape[1] || radius >= x.shape[2]) {
      throw new RangeError(`kernel ${kernel} does not reflect in images of ${x.shape[1]} x ${x.shape[2]} pixels`);
    }
    return [x];
  },
  candidates: plain((node) => {
    const { kernel, ...normalization } = node.attrs as GaussianBlurAttrs;
    const [n, h, w] = node.inputs[0].shape;
    const axis = (vertical: 0 | 1) => ({
      shader: "gaussian_blur",
      params: {
        ...normalizationParams(vertical ? normalization : UNIT),
        ...{ n, h, w, radius: (kernel - 1) / 2, vertical },
      },
      bindings: vertical ? [scratch(0), input(1), output(0)] : [input(0), input(1), scratch(0)],
      workgroups: cover(n * h * w, 64),
    });
    return { scratch: [bytesOf(node.inputs[0])], kernels: [axis(0), axis(1)] };
  }),
  splitInputs: () => [true, true],
};

/** Attributes of CenterView. */
export interface CenterViewAttrs extends Normalization {
  readonly height: number;
  readonly width: number;
}

/** Input images [n, h, w, 1 or 3]; output [n, height, width, 3]: centre crop, normalisation. */
export const CenterView: Op<CenterViewAttrs> = {
  name: "CenterView",
  infer: ([x], { height, width }) => {
    checkImages(x);
    checkSize(height, width);
    return [{ shape: [x.shape[0], height, width, 3], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { height: oh, width: ow, ...normalization } = node.attrs as CenterViewAttrs;
    const [n, h, w, channels] = node.inputs[0].shape;
    const [top, left] = [centerOffset(h, oh), centerOffset(w, ow)];
    return {
      kernels: [{
        shader: "center_view",
        constants: { CHANNELS: channels },
        params: { ...normalizationParams(normalization), n, h, w, oh, ow, top, left },
        bindings: [input(0), output(0)],
        workgroups: cover(n * oh * ow, 64),
      }],
    };
  }),
  splitInputs: () => [true],
};

/**
 * Where a centre crop of `to` begins in `from` pixels, as torchvision's center_crop: round((from - to) / 2),
 * halves to even; of a smaller image, which it pads with zeros, minus (to - from) / 2 rounded down.
 */
export function centerOffset(from: number, to: number): number {
  if (to > from) return -Math.floor((to - from) / 2);
  const half = (from - to) / 2;
  return Number.isInteger(half) ? half : 2 * Math.round(half / 2);
}

function checkImages(x: TensorSpec, channels: readonly number[] = [1, 3]): void {
  if (x.dtype !== "f32" || x.shape.length !== 4 || !channels.includes(x.shape[3])) {
    throw new TypeError(`takes images f32[n,h,w,${channels.join(" or ")}], got ${specText(x)}`);
  }
  if (sizeOf(x.shape.slice(1)) === 0) throw new RangeError(`images ${specText(x)} have no pixels`);
}

function checkViews(x: TensorSpec, views: TensorSpec): void {
  if (views.dtype !== "f32" || views.shape[0] !== x.shape[0] || views.shape[1] !== VIEW_PARAMS) {
    throw new TypeError(`takes rows f32[${x.shape[0]},${VIEW_PARAMS}] for ${specText(x)}, got ${specText(views)}`);
  }
}

function checkSize(height: number, width: number): void {
  if (![height, width].every((size) => Number.isInteger(size) && size >= 1)) {
    throw new RangeError(`views of ${height} x ${width} pixels cannot be made`);
  }
}
