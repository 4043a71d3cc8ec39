/** Convolutions and pooling of volumes, which are composed of those of images, against plain loops. */

import { sizeOf } from "../../src/graph/tensor.ts";
import type { HostTensor } from "../../src/onnx/decode.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { modelOf, real, run, TYPE } from "../support/onnx_models.ts";
import { noise } from "../support/op_cases.ts";

const STRIDES = [2, 1, 2];
const DILATIONS = [1, 2, 1];
const BEGINS = [1, 0, 1];
const ENDS = [0, 1, 1];
const KERNEL = [2, 3, 2];

const attributes = [
  { name: "strides", type: 7, ints: STRIDES },
  { name: "dilations", type: 7, ints: DILATIONS },
  { name: "pads", type: 7, ints: [...BEGINS, ...ENDS] },
  { name: "kernel_shape", type: 7, ints: KERNEL },
];

const of = (shape: readonly number[], seed: number): HostTensor => {
  const values = noise(sizeOf(shape), seed);
  return real(shape, (i) => values[i]!);
};

/** Calls with every position of a shape. */
function each(shape: readonly number[], visit: (at: number[], flat: number) => void): void {
  for (let flat = 0; flat < sizeOf(shape); flat++) {
    visit(shape.map((d, i) => Math.floor(flat / sizeOf(shape.slice(i + 1))) % d), flat);
  }
}

const flatOf = (shape: readonly number[], at: readonly number[]) => at.reduce((sum, p, i) => sum * shape[i]! + p, 0);

/** The input position under tap k of the window at output o; null in the padding. */
function under(o: readonly number[], k: readonly number[], size: readonly number[]): number[] | null {
  const at = o.map((p, i) => p * STRIDES[i]! - BEGINS[i]! + k[i]! * DILATIONS[i]!);
  return at.every((p, i) => p >= 0 && p < size[i]!) ? at : null;
}

const x = of([2, 4, 5, 6, 7], 1);
const size = x.shape.slice(2);
const out = size.map((d, i) =>
  Math.floor((d + BEGINS[i]! + ENDS[i]! - DILATIONS[i]! * (KERNEL[i]! - 1) - 1) / STRIDES[i]!) + 1
);

/** y of a model with one node. */
async function only(
  gpu: Parameters<typeof run>[0],
  opType: string,
  inputs: Record<string, HostTensor>,
  extra: number[],
) {
  const group = extra.length ? [{ name: "group", type: 2, i: extra[0]! }] : [];
  const model = modelOf({
    nodes: [{ opType, name: "n", input: Object.keys(inputs), output: ["y"], attribute: [...attributes, ...group] }],
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, [TYPE.f32, shape]])),
    outputs: { y: [TYPE.f32, [2, "c", "d", "h", "w"]] },
  });
  return (await run(gpu, model, inputs)).get("y")!;
}

gpuTest("a convolution of volumes in groups, with strides, dilations and padding", async (gpu) => {
  const [w, b] = [of([6, 2, ...KERNEL], 2), of([6], 3)];
  const shape = [2, 6, ...out];
  const want = new Float64Array(sizeOf(shape));
  each(shape, ([n, o, ...at], flat) => {
    want[flat] = b.data[o!]!;
    each([2, ...KERNEL], ([c, ...k]) => {
      const source = under(at, k, size);
      if (!source) return;
      const channel = Math.floor(o! / 3) * 2 + c!;
      want[flat]! += x.data[flatOf(x.shape, [n!, channel, ...source])]! * w.data[flatOf(w.shape, [o!, c!, ...k])]!;
    });
  });
  const got = await only(gpu, "Conv", { x, w, b }, [2]);
  assertClose(got.data as Float32Array, want, { rtol: 1e-4, atol: 1e-5 }, "conv");
});

gpuTest("a transposed convolution of volumes is the transpose of the convolution", async (gpu) => {
  const [dy, w] = [of([2, 3, ...out], 4), of([3, 4, ...KERNEL], 5)];
  const full = out.map((d, i) => (d - 1) * STRIDES[i]! + DILATIONS[i]! * (KERNEL[i]! - 1) + 1 - BEGINS[i]! - ENDS[i]!);
  const shape = [2, 4, ...full];
  const want = new Float64Array(sizeOf(shape));
  each(dy.shape, ([n, o, ...at], flat) =>
    each([4, ...KERNEL], ([c, ...k]) => {
      const target = under(at, k, full);
      if (target) {
        want[flatOf(shape, [n!, c!, ...target])]! += dy.data[flat]! * w.data[flatOf(w.shape, [o!, c!, ...k])]!;
      }
    }));
  const got = await only(gpu, "ConvTranspose", { dy, w }, []);
  assertClose(got.data as Float32Array, want, { rtol: 1e-4, atol: 1e-5 }, "transposed conv");
});

for (const op of ["MaxPool", "AveragePool"]) {
  gpuTest(`${op} of volumes`, async (gpu) => {
    const shape = [2, 4, ...out];
    const want = new Float64Array(sizeOf(shape));
    each(shape, ([n, c, ...at], flat) => {
      const values: number[] = [];
      each(KERNEL, (k) => {
        const source = under(at, k, size);
        if (source) values.push(x.data[flatOf(x.shape, [n!, c!, ...source])]!);
      });
      want[flat] = op === "MaxPool" ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
    });
    assertClose((await only(gpu, op, { x }, [])).data as Float32Array, want, { rtol: 1e-5, atol: 1e-6 }, op);
  });
}
