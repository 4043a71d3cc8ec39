/** Pixel views against torchvision's results in ../shared/golden/augment, or the few of them in tests/fixtures. */

import assert from "node:assert/strict";
import { type ColorChange, IMAGENET, packViewParams, UNIT, type ViewParams } from "../../src/augment/params.ts";
import { CenterView, ColorJitter, GaussianBlur, ResizedCrop } from "../../src/augment/pixel_ops.ts";
import { applyViews } from "../../src/augment/views.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { execute } from "../../src/gpu/execute.ts";
import { Graph } from "../../src/graph/graph.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { assertClose } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { nhwc, type Values } from "../support/op_cases.ts";

const cases = goldenCases("augment");

/** Runs `build` on x [n, c, h, w] and one row of parameters an image (or one for all). */
async function run(
  gpu: Gpu,
  { shape, data }: Values,
  rows: readonly ViewParams[],
  build: (g: Graph, x: Tensor, views: Tensor) => Tensor,
): Promise<Float32Array> {
  const g = new Graph();
  const n = shape[0];
  const x = g.input("x", shape);
  const views = g.input("views", [n, 16]);
  g.output("y", build(g, x, views));
  const all = rows.length === n ? rows : Array.from({ length: n }, () => rows[0]);
  const { y } = await execute(gpu, g, { x: data, views: packViewParams(all) });
  return y as Float32Array;
}

const jitter = (g: Graph, x: Tensor, views: Tensor) => g.apply(ColorJitter, [x, views], UNIT);

/** Warps, which are no part of SimCLR's views. */
const NOT_OURS = ["rotate", "affine", "perspective"];

/** The result of a case's output number `index`. */
function compute(gpu: Gpu, test: GoldenCase, x: Values, index: number): Promise<Float32Array> {
  const { op, attrs } = test;
  const [, h, w] = x.shape;
  const box = [0, 0, h, w];
  const one = (name: ColorChange) => [{ box, order: [name], factors: { [name]: attrs.factor[index] } }];
  switch (op) {
    case "resized_crop": {
      const [height, width] = attrs.size;
      const rows = attrs.boxes.map((b: number[]) => ({ box: b }));
      const { antialias } = attrs;
      return run(gpu, x, rows, (g, t, v) => g.apply(ResizedCrop, [t, v], { height, width, antialias }));
    }
    case "hflip":
      return run(
        gpu,
        x,
        [{ box, flip: true }],
        (g, t, v) => g.apply(ResizedCrop, [t, v], { height: h, width: w, antialias: true }),
      );
    case "adjust_brightness":
    case "adjust_contrast":
    case "adjust_saturation":
    case "adjust_hue":
      return run(gpu, x, one(op.replace("adjust_", "") as ColorChange), jitter);
    case "color_jitter":
      return run(gpu, x, [{ box, ...attrs }], jitter);
    case "rgb_to_grayscale":
      return run(gpu, x, [{ box, gray: true }], jitter);
    case "gaussian_blur":
      return run(
        gpu,
        x,
        [{ box, sigma: attrs.sigma[index] }],
        (g, t, v) => g.apply(GaussianBlur, [t, v], { ...UNIT, kernel: 13 }),
      );
    case "normalize":
      return run(gpu, x, [{ box }], (g, t, v) => g.apply(ColorJitter, [t, v], attrs));
    case "center_crop": {
      const [height, width] = attrs.size;
      return run(gpu, x, [{ box }], (g, t) => g.apply(CenterView, [t], { ...UNIT, height, width }));
    }
    case "simclr_view": {
      // deno-lint-ignore no-explicit-any
      const rows = attrs.per_image.map((p: any) => ({
        ...p,
        factors: p,
        order: p.jitter ? p.order : [],
        sigma: p.sigma ?? 0,
      }));
      const { size, antialias, per_image } = attrs;
      assert.deepEqual([attrs.mean, attrs.std], [IMAGENET.mean, IMAGENET.std]);
      return run(gpu, x, rows, (g, t, v) => applyViews(g, t, v, { size, antialias, blurKernel: per_image[0].kernel }));
    }
    default:
      throw new TypeError(`No test of ${op}`);
  }
}

gpuTest("views equal torchvision's", async (gpu, t) => {
  for (const test of cases.filter(({ op }) => !NOT_OURS.includes(op))) {
    await t.step(test.name, async () => {
      const tensors = await test.load();
      const x = nhwc(tensors.get("x") as Values);
      for (const [index, output] of test.outputs.entries()) {
        const y = await compute(gpu, test, x, index);
        const want = tensors.get(output) as Values;
        // Gray of one channel: ours has it three times.
        const got = want.shape[1] === 1 ? y.filter((_, i) => i % 3 === 0) : y;
        assertClose(got, nhwc(want).data, test.tol, `${test.name} ${output}`);
      }
    });
  }
});
