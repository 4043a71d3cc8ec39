/** The rows of the contrastive losses (NT-Xent of SimCLR, SupCon) on a matrix of dot products, with their gradient. */

import { input, type Op, output, plain } from "../graph/op.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { mul } from "./binary.ts";
import { reshape } from "./reshape.ts";

/** Temperature, and what each row's loss is multiplied by. */
export interface NtXentAttrs {
  readonly temperature: number;
  readonly scale: number;
}

/** Inputs dot products [m, m] and labels i32 [m]; outputs losses [m] and their gradients to the products [m, m]. */
export const NtXent: Op<NtXentAttrs> = {
  name: "NtXent",
  infer: ([s, labels]) => {
    const [m, n] = s!.shape;
    if (s!.shape.length !== 2 || m !== n) throw new TypeError(`takes a square matrix of products, got ${specText(s!)}`);
    if (labels!.shape[0] !== m || labels!.dtype !== "i32") {
      throw new TypeError(`takes i32[${m}] labels for ${specText(s!)}, got ${specText(labels!)}`);
    }
    return [{ shape: [m!], dtype: "f32" }, s!];
  },
  candidates: plain((node) => {
    const m = node.inputs[0]!.shape[0]!;
    const bindings = [input(0), input(1), output(0), output(1)];
    return { kernels: [{ shader: "nt_xent", params: { m, ...node.attrs }, bindings, workgroups: [m, 1, 1] }] };
  }),
  // Row i of the products has the gradient of loss i only: ds is scaled row by row.
  gradient: (g, node, [dloss]) => {
    const m = node.inputs[0]!.shape[0]!;
    return [mul(g, node.outputs[1] as Tensor, reshape(g, dloss!, [m, 1])), null];
  },
};
