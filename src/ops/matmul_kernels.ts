/** The matrix product of texture twins as a kernel, for products and for what is lowered to them. */

import { cover, type Kernel, type Ref, type Target, texture } from "../graph/op.ts";
import { finishing, registerTile, tileFinishing, tileGroup } from "./lowering.ts";

/** c [slices, batch, m, n] = a b, as matmul_texture.wgsl has it: whole vec4 of the columns that are stored. */
export interface Product {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
  /** Whether all of the batch share one a, or one b. */
  readonly sharesA: boolean;
  readonly sharesB: boolean;
}

/** A single product of matrices as they are. */
export const PRODUCT = { batch: 1, transA: false, transB: false, sharesA: false, sharesB: false } as const;

/** The product of a and b into c, the sum cut into slices. */
export function textureProduct(product: Product, slices: number, target: Target, [a, b, c]: readonly Ref[]): Kernel {
  const { batch, m, n, transA, transB } = product;
  const { invocations, ...tile } = registerTile(m, n / 4, batch * slices);
  const size = tileGroup(target);
  return finishing({
    shader: "matmul_texture",
    constants: { TRANS_A: Number(transA), TRANS_B: Number(transB), ...tile, WG_SIZE: size },
    params: { ...productParams(product), slices },
    bindings: [texture(a!), texture(b!), c!],
    workgroups: cover(invocations, size),
  }, tileFinishing(tile, target));
}

/** Invocations of a product whose sum is not cut. */
export function productInvocations({ batch, m, n }: Product): number {
  return registerTile(m, n / 4, batch).invocations;
}

/** The fields that all kernels of products take. */
export function productParams({ batch, m, n, k, sharesA, sharesB }: Product): Record<string, number> {
  return { batch, m, n, k, a_batch: sharesA ? 0 : m * k, b_batch: sharesB ? 0 : k * n };
}
