/** Exact foldings of what a published network computes anew at every pass. Sums are in f64. */

/** A matrix [rows, columns], row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array | Float64Array;
}

/** A weight [out, ...rest] as the matrix [out, rest] of spectral normalisation. */
export function asMatrix(data: Float32Array, rows: number): Matrix {
  return { rows, columns: data.length / rows, data };
}

/** W v. */
export function times({ rows, columns, data }: Matrix, v: ArrayLike<number>): Float64Array {
  const result = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += data[r * columns + c]! * v[c]!;
    result[r] = sum;
  }
  return result;
}

/** W^T u. */
function timesTransposed({ rows, columns, data }: Matrix, u: ArrayLike<number>): Float64Array {
  const result = new Float64Array(columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c] = result[c]! + data[r * columns + c]! * u[r]!;
  }
  return result;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** x / max(|x|, eps), as torch's normalize. */
function normalized(x: Float64Array, eps: number): Float64Array {
  const norm = Math.max(Math.sqrt(dot(x, x)), eps);
  return x.map((v) => v / norm);
}

/** The singular value that torch's spectral_norm divides by at evaluation: u^T W v of the stored vectors. */
export function storedSigma(w: Matrix, u: ArrayLike<number>, v: ArrayLike<number>): number {
  return dot(u, times(w, v));
}

/** The singular value after one power iteration from u, which BigGAN-PyTorch runs at every pass, not keeping u. */
export function iteratedSigma(w: Matrix, u: ArrayLike<number>, eps: number): number {
  const v = normalized(timesTransposed(w, u), eps);
  const wv = times(w, v);
  return dot(wv, normalized(wv, eps));
}

/** Every value times a factor. */
export function scaled(data: ArrayLike<number>, factor: number): Float32Array {
  const result = new Float32Array(data.length); // Float32Array.from would go through a list
  for (let i = 0; i < data.length; i++) result[i] = data[i]! * factor;
  return result;
}

/** Gain and offset of a normalisation, as affine functions of a condition c: scale = G c + g, shift = S c + s. */
export interface FoldedNorm {
  readonly scale: Matrix & { readonly bias: Float32Array };
  readonly shift: Matrix & { readonly bias: Float32Array };
}

/**
 * Conditional batch norm with fixed statistics, folded: with d = sqrt(variance + eps),
 *   (x - mean) / d * (gain + W_g c) + (offset + W_o c)
 *     = x * (gain + W_g c) / d + (offset + W_o c) - mean (gain + W_g c) / d.
 */
export function foldNorm(
  norm: {
    readonly mean: ArrayLike<number>;
    readonly variance: ArrayLike<number>;
    readonly eps: number;
    readonly gain: Matrix;
    readonly offset: Matrix;
    readonly gainBias: ArrayLike<number>;
    readonly offsetBias: ArrayLike<number>;
  },
): FoldedNorm {
  const { gain, offset, mean, variance, eps } = norm;
  const { rows, columns } = gain;
  const scale = new Float32Array(rows * columns);
  const shift = new Float32Array(rows * columns);
  const scaleBias = new Float32Array(rows);
  const shiftBias = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const rate = 1 / Math.sqrt(variance[r]! + eps);
    scaleBias[r] = rate * norm.gainBias[r]!;
    shiftBias[r] = norm.offsetBias[r]! - mean[r]! * rate * norm.gainBias[r]!;
    for (let c = 0; c < columns; c++) {
      const i = r * columns + c;
      scale[i] = rate * gain.data[i]!;
      shift[i] = offset.data[i]! - mean[r]! * rate * gain.data[i]!;
    }
  }
  return {
    scale: { rows, columns, data: scale, bias: scaleBias },
    shift: { rows, columns, data: shift, bias: shiftBias },
  };
}
