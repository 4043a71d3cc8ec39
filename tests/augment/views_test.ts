/** Pixel views as a whole: every order of colours, odd images, hostile parameters, and what a step sees. */

import assert from "node:assert/strict";
import { COLOR_CHANGES, type ColorChange, IMAGENET, packViewParams, UNIT } from "../../src/augment/params.ts";
import { ColorJitter, GaussianBlur, ResizedCrop } from "../../src/augment/pixel_ops.ts";
import { toImage } from "../../src/augment/to_image.ts";
import { SIMCLR_LAW } from "../../src/augment/view_params.ts";
import { applyViews, centerViews, type SimclrOptions, simclrViews } from "../../src/augment/views.ts";
import { rngValues } from "../../src/generators/random.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute, targetOf } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import { sizeOf, type Tensor } from "../../src/graph/tensor.ts";
import { assertClose } from "../support/close.ts";
import { gpuTest } from "../support/gpu.ts";
import { noise } from "../support/op_cases.ts";

/** Numbers in [0, 1). */
const pixels = (shape: readonly number[], seed = 1) => noise(sizeOf(shape), seed).map((v) => (v + 1) / 2);

async function run(
  gpu: Gpu,
  shape: readonly number[],
  x: Float32Array,
  build: (g: Graph, x: Tensor) => Tensor,
  inputs: Record<string, Float32Array | Uint32Array> = {},
): Promise<Float32Array> {
  const g = new Graph();
  g.output("y", build(g, g.input("x", shape)));
  return (await execute(gpu, g, { x, ...inputs })).y as Float32Array;
}

const random = (gpu: Gpu, shape: readonly number[], options: SimclrOptions, stream = 6, step = 0) =>
  run(gpu, shape, pixels(shape), (g, x) => simclrViews(g, x, g.input("rng", [4], "u32"), stream, options), {
    rng: rngValues(1, step),
  });

/** All orders of a list. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, i) => orders(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]));
}

const clamp = (v: number) => Math.min(1, Math.max(0, v));
const grayOf = ([r, g, b]: number[]) => 0.2989 * r + 0.587 * g + 0.114 * b;

/** torchvision's adjust_hue in f64, sector by sector. */
function turnHue([r, g, b]: number[], turn: number): number[] {
  const high = Math.max(r, g, b), low = Math.min(r, g, b);
  const s = high === 0 ? 0 : (high - low) / high;
  const d = high === low ? 1 : high - low;
  let h = high === r ? (g - b) / d : high === g ? 2 + (b - r) / d : 4 + (r - g) / d;
  h = ((h / 6 + turn) % 1 + 1) % 1;
  const i = Math.floor(6 * h), f = 6 * h - i;
  const p = high * (1 - s), q = high * (1 - s * f), t = high * (1 - s * (1 - f));
  return [[high, t, p], [q, high, p], [p, high, t], [p, q, high], [t, p, high], [high, p, q]][i % 6];
}

function jitter(image: number[][], order: readonly ColorChange[], factors: Record<ColorChange, number>): number[][] {
  return order.reduce((at, name) => {
    const f = factors[name];
    const mean = at.reduce((sum, p) => sum + grayOf(p), 0) / at.length;
    return at.map((p) => {
      const other = { brightness: 0, contrast: mean, saturation: grayOf(p), hue: 0 }[name];
      return name === "hue" ? turnHue(p, f) : p.map((v) => clamp(f * v + (1 - f) * other));
    });
  }, image);
}

gpuTest("colour changes equal torchvision's formulas in all 24 orders, and where some are left out", async (gpu) => {
  const factors = { brightness: 1.35, contrast: 0.65, saturation: 1.4, hue: 0.09 };
  const cases = [...orders([...COLOR_CHANGES]), ["contrast", "hue"], ["hue", "contrast"], ["saturation"], []];
  const shape = [cases.length, 13, 11, 3];
  const x = pixels(shape);
  x.fill(0.5, 0, 300); // gray pixels have no hue
  x.fill(0, 300, 420);
  const views = packViewParams(cases.map((order) => ({ box: [0, 0, 13, 11], order: order as ColorChange[], factors })));
  const g = new Graph();
  g.output("y", g.apply(ColorJitter, [g.input("x", shape), g.input("views", [shape[0], 16])], UNIT));
  const size = 13 * 11 * 3;
  for (const kind of ["cpu", "gpu"] as const) {
    const target = { ...targetOf(gpu.info), kind };
    const y = (await execute(gpu, g, { x, views }, { target })).y as Float32Array;
    for (const [i, order] of cases.entries()) {
      const image = Array.from({ length: 13 * 11 }, (_, p) => [...x.subarray(i * size + 3 * p, i * size + 3 * p + 3)]);
      const want = jitter(image, order as ColorChange[], factors).flat();
      assertClose(y.subarray(i * size, (i + 1) * size), want, { rtol: 0, atol: 2e-6 }, `${kind} ${order.join()}`);
    }
  }
});

gpuTest("views are made by three dispatches, five with blur, and lie in the images' range", async (gpu) => {
  const shape = [12, 40, 36, 3];
  for (const law of [SIMCLR_LAW, { ...SIMCLR_LAW, blur: 0.5 }]) {
    const g = new Graph();
    g.output("y", simclrViews(g, g.input("x", shape), g.input("rng", [4], "u32"), 6, { size: 32, law }));
    assert.equal(plan(g, targetOf(gpu.info)).steps.length, law.blur ? 5 : 3);
    const y = await random(gpu, shape, { size: 32, law });
    assert.equal(y.length, 12 * 32 * 32 * 3);
    y.forEach((v, i) => {
      const x = v * IMAGENET.std[i % 3] + IMAGENET.mean[i % 3];
      assert(x > -1e-6 && x < 1 + 1e-6, `value ${x} at ${i}`);
    });
  }
});

gpuTest("views follow from seed, step and stream, and do not depend on how the batch is cut", async (gpu) => {
  const shape = [16, 20, 20, 3];
  const first = await random(gpu, shape, { size: 16 });
  assert.deepEqual(await random(gpu, shape, { size: 16 }), first);
  assert.notDeepEqual(await random(gpu, shape, { size: 16 }, 6, 1), first);
  assert.notDeepEqual(await random(gpu, shape, { size: 16 }, 7), first);
  const g = new Graph();
  g.output("y", simclrViews(g, g.input("x", shape), g.input("rng", [4], "u32"), 6, { size: 16 }));
  const target = { ...targetOf(gpu.info), maxBindingBytes: 24000 };
  assert.deepEqual((await execute(gpu, g, { x: pixels(shape), rng: rngValues(1, 0) }, { target })).y, first);
});

gpuTest("gray images become three equal channels", async (gpu) => {
  const shape = [6, 28, 28, 1];
  const rgb = [6, 28, 28, 3];
  const x = pixels(shape);
  const three = Float32Array.from({ length: sizeOf(rgb) }, (_, i) => x[Math.floor(i / 3)]);
  const rng = { rng: rngValues(1, 0) };
  const build = (g: Graph, t: Tensor) => simclrViews(g, t, g.input("rng", [4], "u32"), 6, { size: 32 });
  const gray = await run(gpu, shape, x, build, rng);
  assertClose(gray, await run(gpu, rgb, three, build, rng), { rtol: 0, atol: 1e-6 });
  const center = (g: Graph, t: Tensor) => centerViews(g, t, { size: 20 });
  assert.deepEqual(await run(gpu, shape, x, center), await run(gpu, rgb, three, center));
});

gpuTest("a crop of one pixel is one colour, and no parameters read outside an image", async (gpu) => {
  const shape = [9, 5, 7, 3];
  const x = pixels(shape);
  const boxes = [
    [4, 6, 1, 1],
    [0, 0, 0, 0],
    [-3, -9, 2, 2],
    [100, 100, 100, 100],
    [4, 6, 50, 50],
    [NaN, NaN, NaN, NaN],
    [Infinity, -Infinity, 1e30, -1e30],
    [2.7, 3.9, 0.4, 0.2],
    [0, 0, 5, 7],
  ];
  const views = packViewParams(boxes.map((box) => ({ box })));
  const y = await run(
    gpu,
    shape,
    x,
    (g, t) => g.apply(ResizedCrop, [t, g.input("views", [9, 16])], { height: 4, width: 4, antialias: true }),
    { views },
  );
  const at = (image: number, row: number, column: number) => {
    const i = 3 * ((image * 5 + row) * 7 + column);
    return Array.from({ length: 16 }, () => [...x.subarray(i, i + 3)]).flat();
  };
  assertClose(y.subarray(0, 48), at(0, 4, 6), { rtol: 1e-6, atol: 0 }, "last pixel");
  assertClose(y.subarray(48, 96), at(1, 0, 0), { rtol: 1e-6, atol: 0 }, "no pixel");
  assertClose(y.subarray(144, 192), at(3, 4, 6), { rtol: 1e-6, atol: 0 }, "outside");
  assertClose(y.subarray(336, 384), at(7, 2, 3), { rtol: 1e-6, atol: 0 }, "part of a pixel");
  assert(y.every((v) => v >= 0 && v <= 1 + 1e-6));
});

gpuTest("flip comes after the crop, and antialiasing keeps the mean where bilinear taps do not", async (gpu) => {
  const shape = [1, 64, 64, 3];
  const x = pixels(shape);
  const cut = (flip: boolean, antialias: boolean) =>
    run(
      gpu,
      shape,
      x,
      (g, t) =>
        g.apply(ResizedCrop, [t, g.constant(packViewParams([{ box: [0, 0, 64, 64], flip }]), [1, 16])], {
          height: 8,
          width: 8,
          antialias,
        }),
    );
  const plain = await cut(false, true);
  const flipped = await cut(true, true);
  const mirrored = flipped.map((_, i) => {
    const [row, column, c] = [Math.floor(i / 24), Math.floor(i / 3) % 8, i % 3];
    return plain[(row * 8 + 7 - column) * 3 + c];
  });
  assert.deepEqual(flipped, mirrored);
  const spread = (v: Float32Array) => v.reduce((sum, a) => sum + (a - 0.5) ** 2, 0) / v.length;
  // Of uniform noise of variance 1/12, 2 x 2 taps keep a quarter, triangles of 16 pixels a hundredth.
  assert(spread(plain) < 0.003 && spread(await cut(false, false)) > 0.012);
});

gpuTest("the centre of a smaller image is padded with black", async (gpu) => {
  const shape = [2, 3, 5, 3];
  const x = pixels(shape);
  const y = await run(gpu, shape, x, (g, t) => centerViews(g, t, { size: 6, normalization: UNIT }));
  // torchvision pads (6 - 3) / 2 = 1 row above and 2 below, 0 columns at the left and 1 at the right.
  const want = new Float32Array(2 * 6 * 6 * 3);
  for (let n = 0; n < 2; n++) {
    for (let r = 0; r < 3; r++) {
      const from = 3 * (n * 3 + r) * 5;
      want.set(x.subarray(from, from + 15), 3 * ((n * 6 + r + 1) * 6));
    }
  }
  assert.deepEqual(y, want);
});

gpuTest("a blur keeps one colour and images without sigma", async (gpu) => {
  const shape = [2, 16, 16, 3];
  const x = pixels(shape).fill(0.25, 0, 768);
  const views = packViewParams([{ box: [0, 0, 16, 16], sigma: 2 }, { box: [0, 0, 16, 16] }]);
  const y = await run(
    gpu,
    shape,
    x,
    (g, t) => g.apply(GaussianBlur, [t, g.constant(views, [2, 16])], { ...UNIT, kernel: 9 }),
  );
  assertClose(y, x, { rtol: 1e-6, atol: 0 });
});

Deno.test("images and rows that do not fit are named", () => {
  const g = new Graph();
  const rng = g.input("rng", [4], "u32");
  const x = (name: string, shape: number[]) => g.input(name, shape);
  const views = (images: Tensor) => () => simclrViews(g, images, rng, 6, { size: 32 });
  assert.throws(views(x("four", [2, 8, 8, 4])), /f32\[n,h,w,1 or 3\], got f32\[2,8,8,4\]/);
  assert.throws(views(x("empty", [2, 0, 8, 3])), /0 x 8 pixels/);
  assert.throws(() => centerViews(g, x("flat", [2, 8, 0, 3]), { size: 4 }), /no pixels/);
  assert.throws(() => centerViews(g, x("square", [2, 8, 8, 3]), { size: 0 }), /0 x 0 pixels/);
  assert.throws(() => applyViews(g, x("two", [2, 8, 8, 3]), x("three", [3, 16]), { size: 8 }), /rows f32\[2,16\]/);
  const law = { ...SIMCLR_LAW, blur: 1 };
  assert.throws(
    () => simclrViews(g, x("small", [2, 8, 8, 3]), rng, 6, { size: 4, law, blurKernel: 9 }),
    /kernel 9 does not reflect/,
  );
});

Deno.test("views become byte images", () => {
  const shape = [4, 1, 2, 3];
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
  const views = Float32Array.from(bytes, (b, i) => (b / 255 - IMAGENET.mean[i % 3]) / IMAGENET.std[i % 3]);
  assert.deepEqual(toImage(views, shape, 1, IMAGENET), {
    data: bytes.slice(6, 12),
    width: 2,
    height: 1,
    channels: 3,
  });
  const wild = toImage([-5, 0.5, 7, NaN], [1, 2, 2, 1], 0, UNIT);
  assert.deepEqual([...wild.data], [0, 128, 255, 0]);
  assert.throws(() => toImage(views, shape, 4, UNIT), RangeError);
});
