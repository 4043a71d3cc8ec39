/** The works of the kernel laboratory: ResNet-50's shapes, operators with their losing forms, and f64 sums. */

import { type AnyOp, type Candidate, cover, input, type Node, type Op, output, texture } from "../graph/op.ts";
import { sizeOf } from "../graph/tensor.ts";
import { convOp, convOutputSize, convWeightOp } from "../ops/conv.ts";
import { type ConvAttrs, convFlops, type ConvGeometry, convParams } from "../ops/conv_geometry.ts";
import { convTransposeOp } from "../ops/conv_transpose.ts";
import { tileGroup } from "../ops/lowering.ts";
import { matmulOp } from "../ops/matmul.ts";
import { PRODUCT, textureProduct } from "../ops/matmul_kernels.ts";
import type { LabWork } from "./kernel_lab.ts";

/** ci, co, kernel, stride and the side of the input, for images of 128 pixels. */
const CONVOLUTIONS = [
  [3, 64, 7, 2, 128],
  [64, 64, 1, 1, 32],
  [64, 64, 3, 1, 32],
  [64, 256, 1, 1, 32],
  [256, 64, 1, 1, 32],
  [256, 128, 1, 1, 32],
  [128, 128, 3, 2, 32],
  [128, 128, 3, 1, 16],
  [128, 512, 1, 1, 16],
  [256, 512, 1, 2, 32],
  [256, 256, 3, 1, 8],
  [1024, 256, 1, 1, 8],
  [512, 512, 3, 1, 4],
  [512, 2048, 1, 1, 4],
] as const;
const BATCH = 8;

/** batch, m, n, k, transA, transB. */
const PRODUCTS = [
  [1, 1024, 1024, 1024, false, false],
  [1, 1024, 1024, 1024, true, false],
  [1, 1024, 1024, 1024, false, true],
  [1, 256, 128, 2048, false, true],
  [4, 256, 256, 64, false, true],
] as const;

const ELEMENTS = 2 ** 22;
const CHANNELS = 256;

/** The works of some groups. */
export function labWorks(groups: readonly string[]): LabWork[] {
  const all = [...CONVOLUTIONS.flatMap(convWorks), ...PRODUCTS.map(matmulWork), tilesWork(), addWork(), sumsWork()];
  return all.filter((work) => groups.includes(work.group));
}

/** Forward, and the gradients to the input and to the weights, of one layer. */
function convWorks([ci, co, k, stride, size]: typeof CONVOLUTIONS[number]): LabWork[] {
  const pad = k >> 1;
  const attrs: ConvAttrs = { strides: [stride, stride], pads: [pad, pad, pad, pad], dilations: [1, 1], group: 1 };
  const x = [BATCH, size, size, ci];
  const w = [k, k, ci, co];
  const y = [BATCH, ...convOutputSize(x, w, attrs), co];
  const geometry: ConvGeometry = { ...attrs, x, w, y };
  const name = `conv ${k}x${k}${stride > 1 ? ` /${stride}` : ""} ${ci}>${co} @${size}`;
  const common = { group: "conv" as const, amount: convFlops(geometry) };
  const fast = [
    ...stride === 1 && k === 3 ? ["winograd"] : [],
    ...stride === 1 && k === 1 ? ["pointwise"] : [],
    "igemm",
  ];
  const buffers = ci % 4 === 0 ? ["buffers", "x from buffer", "planes"] : [];
  return [
    {
      ...common,
      name: `${name} forward`,
      op: labConv,
      attrs,
      shapes: [x, w],
      candidates: ["tile", ...fast, ...buffers],
      expect: ([a, b], i, candidate) => {
        const at = candidate === "planes" ? pixelIndex(y, i) : i;
        return convAt(geometry, candidate === "planes" ? planesOf(x, a!) : (j) => a![j]!, b!, at);
      },
    },
    {
      ...common,
      name: `${name} dX`,
      op: convTransposeOp,
      attrs: { ...attrs, size: [size, size] },
      shapes: [y, w],
      candidates: stride > 1 ? fast : ["tile", ...fast],
      expect: ([dy, b], i) => inputGradientAt(geometry, dy!, b!, i),
    },
    {
      ...common,
      name: `${name} dW`,
      op: convWeightOp,
      attrs: { ...attrs, kernel: [k, k] },
      shapes: [x, y],
      candidates: stride > 1 ? fast : ["tile", ...fast],
      expect: ([a, dy], i) => weightGradientAt(geometry, a!, dy!, i),
    },
  ];
}

/** Conv with the forms that lost: both operands or x from buffers, and planes (NCHW) instead of pixels. */
const labConv: Op<ConvAttrs> = {
  ...convOp,
  candidates: [
    ...convOp.candidates.slice(0, -1),
    labCandidate("buffers", "lab/conv_nhwc_buffer", (node) => ({
      bindings: [input(0), input(1), output(0)],
      invocations: tilesOf(node),
    })),
    labCandidate("x from buffer", "lab/conv_nhwc_mixed", (node) => ({
      bindings: [input(0), texture(input(1)), output(0)],
      invocations: tilesOf(node),
    })),
    labCandidate("planes", "lab/conv_nchw_buffer", (node) => {
      const [n, oh, ow, co] = node.outputs[0]!.shape as [number, number, number, number];
      return { bindings: [input(0), input(1), output(0)], invocations: Math.ceil(ow / 4) * oh * n * co / 8 };
    }),
    ...convOp.candidates.slice(-1),
  ],
};

type Shape4 = readonly [number, number, number, number];

function tilesOf(node: Node): number {
  const y = node.outputs[0]!.shape;
  return Math.ceil(y[3]! / 16) * Math.ceil(y[0]! * y[1]! * y[2]! / 8);
}

function labCandidate(
  name: string,
  shader: string,
  kernel: (node: Node) => { bindings: Parameters<typeof texture>[0][]; invocations: number },
): Candidate {
  return {
    name,
    accepts: () => true,
    lower: (node) => {
      const { bindings, invocations } = kernel(node);
      const geometry = { ...node.attrs, x: node.inputs[0]!.shape, w: node.inputs[1]!.shape, y: node.outputs[0]!.shape };
      return { kernels: [{ shader, params: convParams(geometry, 1), bindings, workgroups: cover(invocations, 16) }] };
    },
  };
}

/** Where element i of [n, c, h, w] lies in [n, h, w, c] of shape `to`. */
function pixelIndex(to: readonly number[], i: number): number {
  const [, h, w, c] = to as Shape4;
  const column = i % w, row = Math.floor(i / w) % h, channel = Math.floor(i / (w * h)) % c;
  return ((Math.floor(i / (w * h * c)) * h + row) * w + column) * c + channel;
}

/** Reads [n, c, h, w] data by the index of [n, h, w, c]. */
function planesOf([, h, w, c]: readonly number[], data: Float32Array): (i: number) => number {
  return (i) => {
    const channel = i % c!, pixel = Math.floor(i / c!);
    const plane = w! * h!;
    return data[(Math.floor(pixel / plane) * c! + channel) * plane + pixel % plane]!;
  };
}

function convAt(g: ConvGeometry, x: (i: number) => number, w: Float32Array, i: number): number {
  const [[, h, width, ci], [kh, kw], [, oh, ow, co]] = [g.x as Shape4, g.w as Shape4, g.y as Shape4];
  const o = i % co, column = Math.floor(i / co) % ow, row = Math.floor(i / (co * ow)) % oh;
  const n = Math.floor(i / (co * ow * oh));
  let sum = 0;
  for (let a = 0; a < kh; a++) {
    for (let b = 0; b < kw; b++) {
      const ih = row * g.strides[0] + a - g.pads[0], iw = column * g.strides[1] + b - g.pads[1];
      if (ih < 0 || iw < 0 || ih >= h || iw >= width) continue;
      for (let c = 0; c < ci; c++) {
        sum += x(((n * h + ih) * width + iw) * ci + c) * w[((a * kw + b) * ci + c) * co + o]!;
      }
    }
  }
  return sum;
}

function inputGradientAt(g: ConvGeometry, dy: Float32Array, w: Float32Array, i: number): number {
  const [[, h, width, ci], [kh, kw], [, oh, ow, co]] = [g.x as Shape4, g.w as Shape4, g.y as Shape4];
  const c = i % ci, column = Math.floor(i / ci) % width, row = Math.floor(i / (ci * width)) % h;
  const n = Math.floor(i / (ci * width * h));
  let sum = 0;
  for (let a = 0; a < kh; a++) {
    for (let b = 0; b < kw; b++) {
      const y = (row + g.pads[0] - a) / g.strides[0], x = (column + g.pads[1] - b) / g.strides[1];
      if (!Number.isInteger(y) || !Number.isInteger(x) || y < 0 || x < 0 || y >= oh || x >= ow) continue;
      for (let o = 0; o < co; o++) {
        sum += dy[((n * oh + y) * ow + x) * co + o]! * w[((a * kw + b) * ci + c) * co + o]!;
      }
    }
  }
  return sum;
}

function weightGradientAt(g: ConvGeometry, x: Float32Array, dy: Float32Array, i: number): number {
  const [[n, h, width, ci], [, kw], [, oh, ow, co]] = [g.x as Shape4, g.w as Shape4, g.y as Shape4];
  const o = i % co, c = Math.floor(i / co) % ci, tap = Math.floor(i / (co * ci));
  let sum = 0;
  for (let m = 0; m < n * oh * ow; m++) {
    const ih = Math.floor(m / ow) % oh * g.strides[0] + Math.floor(tap / kw) - g.pads[0];
    const iw = m % ow * g.strides[1] + tap % kw - g.pads[1];
    if (ih < 0 || iw < 0 || ih >= h || iw >= width) continue;
    sum += x[((Math.floor(m / (ow * oh)) * h + ih) * width + iw) * ci + c]! * dy[m * co + o]!;
  }
  return sum;
}

function matmulWork([batch, m, n, k, transA, transB]: typeof PRODUCTS[number]): LabWork {
  return {
    group: "matmul",
    name: `matmul ${batch} x ${m} x ${n} x ${k}${transA ? " A'" : ""}${transB ? " B'" : ""}`,
    op: matmulOp,
    attrs: { transA, transB },
    shapes: [transA ? [batch, k, m] : [batch, m, k], transB ? [batch, n, k] : [batch, k, n]],
    candidates: m * n * k * batch < 2 ** 28 ? ["tile", "texture", "plain"] : ["tile", "texture"],
    amount: 2 * batch * m * n * k,
    expect: ([a, b], i) => {
      const column = i % n, row = Math.floor(i / n) % m, first = Math.floor(i / (n * m));
      let sum = 0;
      for (let j = 0; j < k; j++) {
        sum += a![first * m * k + (transA ? j * m + row : row * k + j)]! *
          b![first * k * n + (transB ? column * k + j : j * n + column)]!;
      }
      return sum;
    },
  };
}

/** One product by every register tile, from which TILES of lowering.ts has its times. */
function tilesWork(): LabWork {
  const [m, n, k] = [1536, 1536, 768];
  const sizes = [16, 8].flatMap((ROWS) => [8, 4, 2, 1].map((TILE) => ({ ROWS, TILE })));
  const name = ({ ROWS, TILE }: typeof sizes[number]) => `${ROWS} x ${4 * TILE}`;
  const op: AnyOp = {
    name: "LabTiles",
    infer: () => [{ shape: [m, n], dtype: "f32" }],
    candidates: sizes.map((tile) => ({
      name: name(tile),
      accepts: () => true,
      lower: (_, target) => {
        const kernel = textureProduct({ ...PRODUCT, m, n, k }, 1, target, [input(0), input(1), output(0)]);
        const workgroups = cover(m * n / (4 * tile.ROWS * tile.TILE), tileGroup(target));
        return { kernels: [{ ...kernel, constants: { ...kernel.constants, ...tile }, workgroups }] };
      },
    })),
  };
  return {
    group: "matmul",
    name: `register tiles, ${m} x ${n} x ${k}`,
    op,
    attrs: {},
    shapes: [[m, k], [k, n]],
    candidates: sizes.map(name),
    amount: 2 * m * n * k,
    expect: ([a, b], i) => {
      let sum = 0;
      for (let j = 0; j < k; j++) sum += a![Math.floor(i / n) * k + j]! * b![j * n + i % n]!;
      return sum;
    },
  };
}

/** Addition of two tensors: the shader, the elements an invocation and the workgroup's size. */
function addWork(): LabWork {
  const forms: [string, string, number, number][] = [
    ["f32, workgroup 64", "lab/add_f32", 1, 64],
    ["f32, workgroup 256", "lab/add_f32", 1, 256],
    ["vec4, workgroup 16", "lab/add_vec4", 4, 16],
    ["vec4, workgroup 64", "lab/add_vec4", 4, 64],
    ["vec4, workgroup 256", "lab/add_vec4", 4, 256],
    ["texture twins, workgroup 256", "lab/add_texture", 4, 256],
  ];
  const op: AnyOp = {
    name: "LabAdd",
    infer: ([a]) => [a!],
    candidates: forms.map(([name, shader, width, size]) => ({
      name,
      accepts: () => true,
      lower: () => ({
        kernels: [{
          shader,
          constants: { WG_SIZE: size },
          params: { count: ELEMENTS / width },
          bindings: [...[input(0), input(1)].map((r) => shader.endsWith("texture") ? texture(r) : r), output(0)],
          workgroups: cover(ELEMENTS / width, size),
        }],
      }),
    })),
  };
  return {
    group: "elementwise",
    name: "add of 16 MiB",
    op,
    attrs: {},
    shapes: [[ELEMENTS], [ELEMENTS]],
    candidates: forms.map(([name]) => name),
    amount: 12 * ELEMENTS,
    expect: ([a, b], i) => a![i]! + b![i]!,
  };
}

/** Sums of each channel over slabs of pixels, the inner part of batch statistics. */
function sumsWork(): LabWork {
  const pixels = ELEMENTS / CHANNELS;
  const slab = 256;
  const forms = [["buffer", "lab/channel_sums_buffer"], ["texture twin", "lab/channel_sums_texture"]] as const;
  const op: AnyOp = {
    name: "LabSums",
    infer: () => [{ shape: [pixels / slab, CHANNELS], dtype: "f32" }],
    candidates: forms.map(([name, shader]) => ({
      name,
      accepts: () => true,
      lower: (node) => ({
        kernels: [{
          shader,
          params: { channels4: CHANNELS / 4, pixels, slab },
          bindings: [name === "buffer" ? input(0) : texture(input(0)), output(0)],
          workgroups: cover(sizeOf(node.outputs[0]!.shape) / 4, 16),
        }],
      }),
    })),
  };
  return {
    group: "elementwise",
    name: `sums of ${CHANNELS} channels, 16 MiB`,
    op,
    attrs: {},
    shapes: [[pixels, CHANNELS]],
    candidates: forms.map(([name]) => name),
    amount: 4 * ELEMENTS,
    expect: ([x], i) => {
      const first = Math.floor(i / CHANNELS) * slab;
      let sum = 0;
      for (let p = first; p < first + slab; p++) sum += x![p * CHANNELS + i % CHANNELS]!;
      return sum;
    },
  };
}
