/** Pad (ONNX 18): constant, reflect and edge; negative pads cut. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { type DType, sizeOf, specText, stridesOf, type Tensor } from "../graph/tensor.ts";
import { leading } from "./broadcast.ts";
import { slice } from "./slice.ts";

const WG_SIZE = 256;
const MODES = ["constant", "reflect", "edge"] as const;

/** How the border is filled. */
export type PadMode = typeof MODES[number];

/** Elements put before and after each dimension; negative ones are cut. */
export interface PadAttrs {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly mode: PadMode;
  readonly value: number;
}

/** A value as its element type lies in memory. */
function bitsOf(value: number, dtype: DType): number {
  return dtype === "f32" ? new Uint32Array(Float32Array.of(value).buffer)[0]! : value >>> 0;
}

/** Fills borders of tensors of any type. */
export const Pad: Op<PadAttrs> = {
  name: "Pad",
  infer: ([x], { begins, ends, mode }) => {
    const shape = x!.shape.map((d, i) => d + begins[i]! + ends[i]!);
    if (shape.some((d) => d < 0)) throw new RangeError(`pads ${begins} and ${ends} cut more than ${specText(x!)} has`);
    if (mode === "reflect" && x!.shape.some((d, i) => Math.max(begins[i]!, ends[i]!) >= d)) {
      throw new RangeError(`reflecting pads ${begins} and ${ends} reach past ${specText(x!)}`);
    }
    return [{ shape, dtype: x!.dtype }];
  },
  candidates: plain((node) => {
    const { begins, mode, value } = node.attrs as PadAttrs;
    const [x, y] = [node.inputs[0]!, node.outputs[0]!];
    return {
      kernels: [{
        shader: "pad",
        constants: { MODE: MODES.indexOf(mode) },
        params: {
          count: sizeOf(y.shape),
          value: bitsOf(value, y.dtype),
          dims: leading(y.shape, 1),
          begins: leading(begins, 0),
          sizes: leading(x.shape, 1),
          strides: leading(stridesOf(x.shape), 0),
        },
        bindings: [input(0), output(0)],
        workgroups: cover(sizeOf(y.shape), WG_SIZE),
      }],
    };
  }),
  splitInputs: (node) => [node.attrs.begins[0] === 0 && node.attrs.ends[0] === 0],
  gradient: (g, node, [dy]) => [g.apply(PadGradient, [dy!], { ...node.attrs, shape: node.inputs[0]!.shape })],
};

/** dy of the padded shape to dx: each element adds up the places that it was copied to. */
const PadGradient: Op<PadAttrs & { readonly shape: readonly number[] }> = {
  name: "PadGradient",
  infer: (_, { shape }) => [{ shape, dtype: "f32" }],
  candidates: plain((node) => {
    const { begins, mode, shape } = node.attrs;
    const padded = node.inputs[0]!.shape;
    return {
      kernels: [{
        shader: "pad_grad",
        constants: { MODE: MODES.indexOf(mode) },
        params: {
          count: sizeOf(shape),
          dims: leading(shape, 1),
          begins: leading(begins, 0),
          sizes: leading(padded, 1),
          strides: leading(stridesOf(padded), 0),
        },
        bindings: [input(0), output(0)],
        workgroups: cover(sizeOf(shape), WG_SIZE),
      }],
    };
  }),
};

/** x with borders; `pads` in ONNX's order, all begins and then all ends. A constant pad that only cuts is a slice. */
export function pad(g: Graph, x: Tensor, pads: readonly number[], mode: PadMode = "constant", value = 0): Tensor {
  const rank = x.shape.length;
  if (pads.length !== 2 * rank) throw new TypeError(`takes ${2 * rank} pads for ${specText(x)}, got ${pads.length}`);
  const [begins, ends] = [pads.slice(0, rank), pads.slice(rank)];
  if (pads.every((p) => p <= 0)) {
    return slice(g, x, { starts: begins.map((b) => -b), ends: x.shape.map((d, i) => d + ends[i]!) });
  }
  return g.apply(Pad, [x], { begins, ends, mode, value });
}
