/** Steps that lowerings share: padding matrices to whole vec4, turning them, cutting long sums, register tiles, tails. */

import {
  cover,
  type Finishing,
  type Kernel,
  type Lowering,
  NOTHING,
  type Ref,
  scratch,
  type Target,
  texture,
} from "../graph/op.ts";
import { TEXTURE_WIDTH } from "../graph/program.ts";

/** [batch, rows, columns]. */
export type MatrixShape = readonly [number, number, number];

/** The next multiple of 4. */
export function roundUp4(n: number): number {
  return Math.ceil(n / 4) * 4;
}

/** Elements that a texture twin can hold. */
export function textureElements({ maxTextureRows }: Target): number {
  return 4 * TEXTURE_WIDTH * maxTextureRows;
}

/** Rows, vec4 of columns, and relative time of a result, for each register tile; measured on lavapipe (kernel-lab). */
const TILES = [[16, 8, 1], [16, 4, 1.25], [16, 2, 1.25], [16, 1, 1.6], [8, 8, 1.2], [8, 4, 1.25], [8, 2, 1.45], [
  8,
  1,
  1.8,
]] as const;
/** Fewer invocations than these leave lanes or cores of a software adapter idle. */
const FULL = 32;

/** Constants of register_tile.wgsl, and how many invocations cover a result. */
export interface RegisterTile {
  readonly ROWS: number;
  readonly TILE: number;
  readonly invocations: number;
}

/** The register tile that covers `copies` results of `rows` by `vectors` vec4 in the least time. */
export function registerTile(rows: number, vectors: number, copies = 1): RegisterTile {
  const options = TILES.map(([ROWS, TILE, time]) => {
    const invocations = copies * Math.ceil(rows / ROWS) * Math.ceil(vectors / TILE);
    return { ROWS, TILE, invocations, cost: Math.ceil(invocations / FULL) * ROWS * TILE * time };
  });
  const { cost: _, ...best } = options.reduce((a, b) => b.cost < a.cost ? b : a);
  return best;
}

/** Invocations of a workgroup where each has a register tile: one vector of a software adapter. */
export function tileGroup(target: Target): number {
  return target.kind === "gpu" ? 64 : 16;
}

/** A slice of a split sum is worth its extra pass from this length on; a software adapter is full with so many. */
const SLICE = { length: 256, invocations: 256, most: 16 };

/** How many parts a sum of `length` is cut into, where one part takes `invocations` and its result `bytes`. */
export function sliceCount(length: number, invocations: number, bytes: number, target: Target): number {
  const useful = target.kind === "gpu"
    ? Math.min(64, Math.ceil(2 ** 16 / invocations), Math.floor(length / 64))
    : Math.min(SLICE.most, Math.ceil(SLICE.invocations / invocations), Math.floor(length / SLICE.length));
  return Math.max(1, Math.min(useful, Math.floor(target.maxBindingBytes / bytes)));
}

/** A kernel of a shader that imports tail.wgsl, with nothing to finish so far. */
export function finishing(kernel: Kernel, finishes: Finishing): Kernel {
  const bindings = [...kernel.bindings, NOTHING, NOTHING, NOTHING];
  return { ...kernel, params: { ...kernel.params, sample: 1 }, bindings, finishes };
}

/**
 * How a register tile finishes. A rest is one more load for each of up to 128 stores, all written out: a software adapter
 * takes 4 to 11 s instead of 2 to 5 to compile that, once.
 */
export function tileFinishing({ ROWS, TILE }: Pick<RegisterTile, "ROWS" | "TILE">, target: Target): Finishing {
  return { rows: ROWS, restPays: target.kind === "gpu" || TILE <= 2 };
}

/** Collects the kernels and scratch memory of one lowering. */
export class LoweringBuilder {
  readonly kernels: Kernel[] = [];
  readonly #scratch: number[] = [];

  /** New scratch memory. */
  scratch(bytes: number): Ref {
    return scratch(this.#scratch.push(bytes) - 1);
  }

  /** The matrices with zero rows and columns added, or with some cut; `ref` itself where nothing changes. */
  resized(ref: Ref, from: MatrixShape, to: MatrixShape): Ref {
    if (from[1] === to[1] && from[2] === to[2]) return ref;
    const result = this.scratch(4 * to[0] * to[1] * to[2]);
    this.kernels.push(resize(ref, result, from, to));
    return result;
  }

  /** Each matrix transposed; rows and columns are multiples of 4. */
  turned(ref: Ref, [batch, rows, columns]: MatrixShape): Ref {
    const result = this.scratch(4 * batch * rows * columns);
    const blocks = batch * rows * columns / 16;
    this.kernels.push({
      shader: "turn_matrices",
      params: { blocks, rows4: rows / 4, columns4: columns / 4 },
      bindings: [texture(ref), result],
      workgroups: cover(blocks, 64),
    });
    return result;
  }

  /** Adds the kernel that makes matrices of shape `from`, and cuts them to `to` where these differ. */
  into(target: Ref, from: MatrixShape, to: MatrixShape, kernel: (result: Ref) => Kernel): void {
    if (from[1] === to[1] && from[2] === to[2]) {
      this.kernels.push(kernel(target));
      return;
    }
    const whole = this.scratch(4 * from[0] * from[1] * from[2]);
    this.kernels.push(kernel(whole));
    this.kernels.push(resize(whole, target, from, to));
  }

  /**
   * Adds the kernel that makes `slices` parts of a sum of `vectors` vec4, `columns` of them a row, in `result`; gives the
   * one that adds them up.
   */
  summed(result: Ref, vectors: number, columns: number, slices: number, kernel: (parts: Ref) => Kernel): Kernel {
    if (slices === 1) return kernel(result);
    const parts = this.scratch(16 * vectors * slices);
    this.kernels.push(kernel(parts));
    const params = { vectors, slices, columns };
    const sum = { shader: "sum_slices", params, bindings: [parts, result], workgroups: cover(vectors, 64) };
    return finishing(sum, { rows: 1, restPays: true });
  }

  lowering(): Lowering {
    return { scratch: this.#scratch, kernels: this.kernels };
  }
}

function resize(from: Ref, to: Ref, [, rows, columns]: MatrixShape, size: MatrixShape): Kernel {
  const vectors = Math.ceil(size[0] * size[1] * size[2] / 4);
  return {
    shader: "resize_matrices",
    params: { vectors, rows, columns, to_rows: size[1], to_columns: size[2] },
    bindings: [from, to],
    workgroups: cover(vectors, 64),
  };
}
