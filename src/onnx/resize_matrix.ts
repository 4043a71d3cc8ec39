/**
 * Resize (ONNX 19) of one axis as a matrix [out, size], in all of ONNX's modes: the forms that src/ops/resize.ts has
 * no kernel for (cubic, antialias, exclude_outside, tf_crop_and_resize, half_pixel_symmetric, more than two axes).
 */

/** How one axis is resized; the names are ONNX's. */
export interface AxisResize {
  readonly size: number;
  readonly out: number;
  /** out / size before out was rounded down. */
  readonly scale: number;
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: string;
  readonly nearestMode: string;
  readonly cubicCoeffA: number;
  readonly antialias: boolean;
  readonly excludeOutside: boolean;
  /** Begin and end of the region of interest, as parts of the axis (tf_crop_and_resize). */
  readonly roi: readonly [number, number];
}

/** Weights [out, size] in row-major order, and the outputs that lie outside of the axis (tf_crop_and_resize alone). */
export function resizeMatrix(axis: AxisResize): { matrix: Float32Array; outside: boolean[] } {
  const { size, out } = axis;
  const matrix = new Float32Array(out * size);
  const outside: boolean[] = [];
  for (let o = 0; o < out; o++) {
    const x = sourceOf(axis, o);
    // In f32, as others have it: the region's borders are f32, and a last place that rounds to the edge is inside.
    const place = Math.fround(x);
    outside.push(axis.coordinates === "tf_crop_and_resize" && (place < 0 || place > size - 1));
    for (const [i, weight] of weightsAt(axis, x)) {
      matrix[o * size + Math.min(Math.max(i, 0), size - 1)]! += weight; // the edge is repeated
    }
  }
  return { matrix, outside };
}

/** Where output o lies on the input axis. Throws RangeError for a coordinate_transformation_mode that is not ONNX's. */
function sourceOf({ size, out, scale, coordinates, roi: [begin, end] }: AxisResize, o: number): number {
  const length = scale * size;
  switch (coordinates) {
    case "half_pixel":
      return (o + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      // The part of the axis that whole outputs cover keeps its centre.
      return size / 2 * (1 - out / length) + (o + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return out === 1 ? 0 : (o + 0.5) / scale - 0.5;
    case "tf_half_pixel_for_nn": // opset 11 and 12 alone
      return (o + 0.5) / scale;
    case "asymmetric":
      return o / scale;
    case "align_corners": // of the length before it was rounded down, as the standard's own cases have it
      return length === 1 ? 0 : o * (size - 1) / (length - 1);
    case "tf_crop_and_resize":
      return out === 1
        ? (begin + end) / 2 * (size - 1)
        : begin * (size - 1) + o * (end - begin) * (size - 1) / (out - 1);
    default:
      throw new RangeError(`coordinate_transformation_mode ${coordinates} is not known`);
  }
}

/** The inputs (these may lie outside) that make up the value at x, with their weights. */
function weightsAt(axis: AxisResize, x: number): [number, number][] {
  const { mode, size, excludeOutside, cubicCoeffA } = axis;
  if (mode === "nearest") return [[nearest(axis, x), 1]];
  // An antialiased kernel is as much wider as the axis gets shorter, and sums to 1 again by division.
  const shrink = axis.antialias ? Math.min(axis.scale, 1) : 1;
  const reach = (mode === "linear" ? 1 : 2) / shrink;
  const found: [number, number][] = [];
  for (let i = Math.floor(x - reach) + 1; i < x + reach; i++) {
    const distance = Math.abs(i - x) * shrink;
    const weight = mode === "linear" ? 1 - distance : cubic(distance, cubicCoeffA);
    if (!excludeOutside || (i >= 0 && i < size)) found.push([i, weight]);
  }
  const sum = found.reduce((total, [, weight]) => total + weight, 0);
  return shrink < 1 || excludeOutside ? found.map(([i, weight]) => [i, weight / sum]) : found;
}

function nearest({ nearestMode, scale }: AxisResize, x: number): number {
  switch (nearestMode) {
    case "by_scale": // the rule of opset 10
      return scale < 1 ? Math.ceil(x) : Math.floor(x);
    case "round_prefer_floor":
      return Math.ceil(x - 0.5);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    default:
      throw new RangeError(`nearest_mode ${nearestMode} is not known`);
  }
}

/** Keys' cubic convolution kernel at a distance from 0 to 2 (IEEE Trans. ASSP 29, 1981), with slope a at 1. */
function cubic(d: number, a: number): number {
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}
