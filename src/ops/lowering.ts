/** Steps that lowerings share: padding matrices to whole vec4, turning them, and choosing register tiles. */

import { cover, type Kernel, type Lowering, type Ref, scratch, texture } from "../graph/op.ts";

/** [batch, rows, columns]. */
export type MatrixShape = readonly [number, number, number];

/** The next multiple of 4. */
export function roundUp4(n: number): number {
  return Math.ceil(n / 4) * 4;
}

/** Relative cost of a result in tiles of 1, 2 and 4 vec4 an invocation, measured on lavapipe. */
const TILE_COST = [[4, 1], [2, 1.2], [1, 1.7]] as const;

/** The number of vec4 an invocation (4, 2 or 1) that covers `vectors` at least cost. */
export function tileFor(vectors: number): number {
  const cost = ([tile, each]: readonly [number, number]) => Math.ceil(vectors / tile) * tile * each;
  return TILE_COST.reduce((best, next) => cost(next) < cost(best) ? next : best)[0];
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
