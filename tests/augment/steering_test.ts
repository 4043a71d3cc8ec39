/**
 * Warps, masks and loss of steering against the authors' code on OpenCV, and affine, perspective and rotated images
 * against torchvision: ../shared/golden/steering and augment, or the copies in tests/fixtures.
 */

import assert from "node:assert/strict";
import { mat3d } from "wgpu-matrix";
import {
  amountOf,
  exactPart,
  rot2dMap,
  rot3dMap,
  type Size,
  steeringTarget,
  type WarpName,
  warpOf,
  wholePart,
  zoomShiftRow,
} from "../../src/augment/steering.ts";
import { type Map3, warp, warpRow } from "../../src/augment/warp_grid.ts";
import { execute } from "../../src/gpu/execute.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { Graph } from "../../src/graph/graph.ts";
import { steeringLoss } from "../../src/losses/steering.ts";
import { grad } from "../../src/ops/gradients.ts";
import { assertClose } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import { nhwc, noise, permute, type Values } from "../support/op_cases.ts";

const SIZE: Size = { height: 32, width: 32 };

/** A map from its rows. */
const fromRows = (rows: readonly (readonly number[])[]): Map3 =>
  mat3d.transpose(mat3d.create(...rows.flat().concat(rows.length === 2 ? [0, 0, 1] : [])));

/** Images [n, h, w, c] after warps, each a name and rows for all images, and the mask. */
async function warped(
  gpu: Gpu,
  { shape, data }: Values,
  warps: readonly { name: WarpName; rows: readonly (readonly number[])[] }[],
  rule: "paper" | "code" = "code",
) {
  const g = new Graph();
  const n = shape[0]!;
  const inputs = warps.map(({ name }, i) => ({ name, maps: g.input(`maps${i}`, [n, 16]) }));
  const { target, mask } = steeringTarget(g, g.input("x", shape), null, inputs, rule);
  g.output("target", target);
  g.output("mask", mask!);
  const all = (rows: readonly (readonly number[])[]) => rows.length === n ? rows : new Array(n).fill(rows[0]);
  const maps = warps.map(({ rows }, i) => [`maps${i}`, Float32Array.from(all(rows).flat())] as const);
  const result = await execute(gpu, g, { x: data, ...Object.fromEntries(maps) });
  return { target: result.target as Float32Array, mask: result.mask as Float32Array };
}

/** Masks [..., 1] against stored ones of 3 equal channels; some pixels at the border may be another's rounding. */
function assertMask(got: Float32Array, want: ArrayLike<number>, what: string, share = 0.01): void {
  const wrong = got.filter((v, i) => v !== Number(want[3 * i] !== 0)).length;
  assert(wrong <= share * got.length, `${what}: ${wrong} of ${got.length} pixels differ`);
}

const asValues = (tensor: { shape: readonly number[]; data: ArrayLike<number | bigint> }): Values => ({
  shape: tensor.shape,
  data: Float32Array.from(tensor.data as ArrayLike<number>),
});

/** The warp of a case of gan_steerability for one alpha. */
function rowOf({ op }: GoldenCase, alpha: number): { name: WarpName; row: number[]; map: Map3 | null } {
  switch (op) {
    case "steer_target_zoom":
      return { name: "zoomshift", row: zoomShiftRow(wholePart(alpha, SIZE), [0, 0], SIZE), map: null };
    case "steer_target_shiftx":
    case "steer_target_shifty": {
      const by: [number, number] = op.endsWith("x") ? [alpha, 0] : [0, alpha];
      const row = zoomShiftRow(wholePart(1, SIZE), by, SIZE);
      return { name: "zoomshift", row, map: Float64Array.from(row.slice(0, 12)) };
    }
    case "steer_target_rotate2d": {
      const map = rot2dMap(alpha, SIZE);
      return { name: "rot2d", row: warpRow(map), map };
    }
    case "steer_target_rotate3d": {
      const map = rot3dMap(alpha, 0, SIZE, 1);
      return { name: "rot3d", row: warpRow(map), map };
    }
    default:
      throw new TypeError(`No test of ${op}`);
  }
}

/** Whether two maps are the same up to a factor. */
function assertSameMap(got: ArrayLike<number>, want: ArrayLike<number>, what: string): void {
  const unit = (m: ArrayLike<number>) => [0, 1, 2, 4, 5, 6, 8, 9, 10].map((i) => m[i]! / m[10]!);
  assertClose(unit(got), unit(want), { rtol: 1e-9, atol: 1e-9 }, what);
}

const single = (c: GoldenCase) => /^steer_target_(zoom|shift|rotate)/.test(c.op);

for (const test of goldenCases("steering", single)) {
  gpuTest(`${test.name} is the authors' target and mask`, async (gpu) => {
    const tensors = await test.load();
    const x = asValues(tensors.get("x")!);
    for (const [i, alpha] of (test.attrs.alphas as number[]).entries()) {
      const { name, row, map } = rowOf(test, alpha);
      if (map && test.attrs.inverse_maps) {
        assertSameMap(map, fromRows(test.attrs.inverse_maps[i]), `${test.name} map ${i}`);
      }
      const { target, mask } = await warped(gpu, x, [{ name, rows: [row] }]);
      for (const [suffix, tol] of [["", test.tol.target ?? test.tol], ["_exact", test.tol.target_exact]] as const) {
        const want = tensors.get(`target${i}${suffix}`);
        if (!want || !tol) continue;
        assertClose(target, asValues(want).data, tol, `${test.name} ${alpha}${suffix}`);
        const exactly = test.op === "steer_target_zoom" || test.op.startsWith("steer_target_shift");
        assertMask(mask, asValues(tensors.get(`mask${i}${suffix}`)!).data, `mask of ${alpha}`, exactly ? 0 : 0.01);
      }
    }
  });
}

for (const test of goldenCases("steering", ({ op }) => op === "steer_target_color")) {
  gpuTest("color is added without a cut", async (gpu) => {
    const tensors = await test.load();
    const x = asValues(tensors.get("x")!);
    for (const [i, alpha] of (test.attrs.alphas as number[][]).entries()) {
      const g = new Graph();
      const { target, mask } = steeringTarget(g, g.input("x", x.shape), g.input("color", [1, 1, 1, 3]), []);
      assert.equal(mask, null);
      g.output("target", target);
      const result = await execute(gpu, g, { x: x.data, color: Float32Array.from(alpha) });
      assertClose(result.target as Float32Array, asValues(tensors.get(`target${i}`)!).data, test.tol, `color ${i}`);
    }
  });
}

for (const test of goldenCases("steering", ({ op }) => op === "steer_target_genrep")) {
  gpuTest(`${test.name} is GenRep's, stage by stage, with the masks of its last stages`, async (gpu) => {
    const tensors = await test.load();
    const at = (name: string) => nhwc(asValues(tensors.get(name)!));
    const { rot3d, rot2d, zoom, shiftx, shifty } = test.attrs as Record<string, number[]>;
    // At 32 pixels the authors' code still moves by a fifth of a pixel a degree.
    const rows = {
      rot3d: rot3d!.map((a) => warpRow(rot3dMap(a, -a / 5, SIZE, 1))),
      rot2d: rot2d!.map((a) => warpRow(rot2dMap(a, SIZE))),
      zoomshift: zoom!.map((a, i) => zoomShiftRow(wholePart(a, SIZE), [shiftx![i]!, shifty![i]!], SIZE)),
    };
    const stages: [WarpName, string, string, string][] = [
      ["rot3d", "after_color", "after_rot3d", "mask_rot3d"],
      ["rot2d", "after_rot3d", "after_rot2d", "mask_rot2d"],
      ["zoomshift", "after_rot2d", "target", "mask"],
    ];
    for (const [name, from, to, maskName] of stages) {
      if (test.attrs[name]?.every((a: number) => a === 0)) continue; // their code leaves such a stage out
      const { target, mask } = await warped(gpu, at(from), [{ name, rows: rows[name] }]);
      assertClose(target, at(to).data, test.tol, `${test.name} ${to}`);
      const off = target.map((v, i) => Math.abs(v - at(to).data[i]!)).sort();
      assert(off[off.length >> 1]! < 5e-3, `${to}: median ${off[off.length >> 1]}`);
      assertMask(mask, at(maskName).data, maskName);
    }
  });

  gpuTest(
    `${test.name}: composed, the mask keeps what the rotations lost, and in the code's rule it does not`,
    async (gpu) => {
      const tensors = await test.load();
      const x = nhwc(asValues(tensors.get("x")!));
      const { rot2d, zoom } = test.attrs as Record<string, number[]>;
      const warps = [
        { name: "rot2d" as const, rows: rot2d!.map((a) => warpRow(rot2dMap(a === 0 ? 20 : a, SIZE))) },
        { name: "zoomshift" as const, rows: zoom!.map((a) => zoomShiftRow(wholePart(a, SIZE), [0, 0], SIZE)) },
      ];
      const last = await warped(gpu, x, warps.slice(1));
      const code = await warped(gpu, x, warps, "code");
      const paper = await warped(gpu, x, warps, "paper");
      assert.deepEqual(code.mask, last.mask);
      assert(paper.mask.every((v, i) => v <= code.mask[i]!));
      assert(paper.mask.filter((v) => v === 0).length > code.mask.filter((v) => v === 0).length);
      // Where all four pixels of a sample are known in both warps the targets are the same.
      const same = paper.target.filter((v, i) => Math.abs(v - code.target[i]!) < 1e-5).length;
      assert(same > 0.7 * paper.target.length && same < paper.target.length, `${same} of ${paper.target.length}`);
    },
  );
}

for (const test of goldenCases("steering", ({ op }) => op === "steer_loss")) {
  gpuTest("the loss and its gradient are the authors'", async (gpu) => {
    const tensors = await test.load();
    const g = new Graph();
    const at = (name: string) => nhwc(asValues(tensors.get(name)!));
    const inputs = ["out", "target", "mask"].map((name) => g.input(name, at(name).shape));
    const loss = steeringLoss(g, inputs[0]!, inputs[1]!, inputs[2]!);
    g.output("loss", loss);
    g.output("grad", grad(g, loss, [inputs[0]!])[0]!);
    const data = Object.fromEntries(["out", "target", "mask"].map((name) => [name, at(name).data]));
    const result = await execute(gpu, g, data);
    assertClose(result.loss as Float32Array, [test.scalars_f64.loss!], test.tol, "loss");
    assertClose(result.grad as Float32Array, at("grad.out").data, { rtol: 1e-4, atol: 1e-8 }, "gradient");
  });
}

/** Warps images [n, c, h, w] by one map from pixel to pixel. */
async function warpAll(gpu: Gpu, x: Values, map: Map3): Promise<Float32Array> {
  const g = new Graph();
  const { shape, data } = nhwc(x);
  const n = shape[0]!;
  g.output("y", warp(g, g.input("x", shape), null, g.input("maps", [n, 16])).images);
  const maps = Float32Array.from(new Array(n).fill(warpRow(map)).flat());
  const y = (await execute(gpu, g, { x: data, maps })).y as Float32Array;
  return permute({ shape, data: y }, [0, 3, 1, 2]).data;
}

const torchWarps = ["rotate", "affine", "perspective"];

for (const test of goldenCases("augment", ({ op }) => torchWarps.includes(op))) {
  gpuTest(`${test.name} equals torchvision's`, async (gpu) => {
    const tensors = await test.load();
    const x = asValues(tensors.get("x")!);
    const [, , height, width] = x.shape as [number, number, number, number];
    const center = [(width - 1) / 2, (height - 1) / 2];
    const about = (map: Map3) =>
      mat3d.mul(mat3d.mul(mat3d.translation(center), map), mat3d.translation(center.map((v) => -v)));
    const m = test.attrs.inverse_matrix as number[] | undefined;
    const c = test.attrs.coeffs as number[] | undefined;
    const maps: Map3[] = m ? [about(fromRows([m.slice(0, 3), m.slice(3)]))] : c
      // Their coefficients are for pixel centres at halves.
      ? [
        mat3d.mul(
          mat3d.mul(mat3d.translation([-0.5, -0.5]), fromRows([c.slice(0, 3), c.slice(3, 6), [c[6]!, c[7]!, 1]])),
          mat3d.translation([0.5, 0.5]),
        ),
      ]
      : (test.attrs.angle as number[]).map((degrees) => about(mat3d.rotation(degrees * Math.PI / 180)));
    for (const [i, map] of maps.entries()) {
      const want = asValues(tensors.get(test.outputs[i]!)!);
      assertClose(await warpAll(gpu, x, map), want.data, test.tol, `${test.name} ${i}`);
    }
  });
}

Deno.test("coefficients stand for the paper's widths, which scale with the image", () => {
  const paper = { height: 256, width: 256 };
  assert.deepEqual(["rot3d", "rot2d", "zoom", "shiftx", "color1"].map((law) => amountOf(law as "zoom", 1, paper)), [
    ...[60, 30, Math.E, 100, 1],
  ]);
  assert.equal(amountOf("shiftx", -1, { height: 64, width: 32 }), -12.5);
  assert.equal(amountOf("shifty", 0.5, { height: 64, width: 32 }), 12.5);
  assert.deepEqual(exactPart(0.5, paper), { left: 64, top: 64, width: 128, height: 128 });
  assert.deepEqual(wholePart(0.8, SIZE), { left: 4, top: 4, width: 24, height: 24 });
  assert.deepEqual(wholePart(1.55, SIZE), { left: -8, top: -8, width: 49, height: 49 });
});

gpuTest("coefficients of 0 change nothing, and a shift by fractions and a zoom go where they should", async (gpu) => {
  const x = { shape: [1, 9, 12, 1], data: noise(108, 3) };
  const size = { height: 9, width: 12 };
  for (const rule of ["paper", "code"] as const) {
    const still = await warped(gpu, x, [
      ...(rule === "paper" ? [{ name: "rot3d" as const, rows: [warpOf("rot3d", {}, size, rule)] }] : []),
      { name: "rot2d", rows: [warpOf("rot2d", {}, size, rule)] },
      { name: "zoomshift", rows: [warpOf("zoomshift", {}, size, rule)] },
    ], rule);
    assertClose(still.target, x.data, { rtol: 0, atol: 1e-5 }, rule);
    assert(still.mask.every((v) => v === 1));
  }
  // What is known of a white image is white up to its border.
  const white = { shape: [1, 9, 12, 1], data: new Float32Array(108).fill(1) };
  const turned = await warped(gpu, white, [
    { name: "rot2d", rows: [warpOf("rot2d", { rot2d: 0.7 }, size)] },
    { name: "zoomshift", rows: [warpOf("zoomshift", { zoom: 0.4, shiftx: 0.3 }, size)] },
  ], "paper");
  assert(turned.mask.some((v) => v === 0));
  turned.target.forEach((v, i) => turned.mask[i] === 1 && assertClose([v], [1], { rtol: 0, atol: 1e-5 }, `${i}`));
  // A ramp x + 10 y, moved by 1.5 to the right and 1 down, and shown half as large.
  const ramp = { shape: [1, 9, 12, 1], data: Float32Array.from({ length: 108 }, (_, i) => i % 12 + 10 * (i / 12 | 0)) };
  const row = zoomShiftRow(exactPart(2, size), [1.5, 1], size);
  const { target, mask } = await warped(gpu, ramp, [{ name: "zoomshift", rows: [row] }], "paper");
  for (let y = 0; y < 9; y++) {
    for (let px = 0; px < 12; px++) {
      const from = [(px - 1.5 - 5.5) * 2 + 5.5, (y - 1 - 4) * 2 + 4];
      const inside = from[0]! > -1 && from[0]! < 12 && from[1]! > -1 && from[1]! < 9;
      const at = 12 * y + px;
      assert.equal(mask[at], Number(inside), `${px}, ${y}`);
      if (from[0]! < 0 || from[0]! > 11 || from[1]! < 0 || from[1]! > 8) continue;
      assertClose([target[at]!], [from[0]! + 10 * from[1]!], { rtol: 1e-4, atol: 1e-4 }, `${px}, ${y}`);
    }
  }
});

Deno.test("maps and targets of other shapes are refused with both", () => {
  const g = new Graph();
  const x = g.input("x", [2, 4, 4, 1]);
  assert.throws(() => warp(g, x, null, g.input("maps", [2, 12])), /maps are f32\[n,16\], got f32\[2,12\]/);
  assert.throws(() => steeringLoss(g, x, g.input("t", [2, 4, 4, 3]), null), /f32\[2,4,4,1\].*f32\[2,4,4,3\]/);
});
