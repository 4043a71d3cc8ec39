/**
 * ResNet-50 against torchvision's. The weights follow from a formula in the case; the file holds what came out: the
 * norm of each of the 161 gradients, some of their elements, and the gradient to the images.
 */

import assert from "node:assert/strict";
import { toTorchLayout } from "../../src/encoders/weights.ts";
import type { Session } from "../../src/gpu/session.ts";
import { StateStore } from "../../src/gpu/store.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { assertClose, relativeError } from "../support/close.ts";
import { type GoldenCase, goldenCases } from "../support/golden.ts";
import { gpuTest } from "../support/gpu.ts";
import {
  f32,
  fillStates,
  inferenceGraph,
  type Tensors,
  trainingGraph,
  viewMajor,
  withSession,
} from "../support/resnet_cases.ts";

/** A parameter of a case by its formula. */
interface Formula {
  readonly name: string;
  readonly shape: readonly number[];
  readonly seed: number;
  readonly offset: number;
  readonly scale: number;
  readonly gate?: number;
}

/**
 * What the cases' `tol` says in words. A ReLU input within rounding of 0 may flip and move every gradient behind it:
 * there are many of them in the first case; the second has biases that keep them away from 0.
 */
interface Bounds {
  /** Of |got / want - 1| of a gradient's norm. */
  readonly norms: { readonly median: number; readonly worst: number };
  /** Elements: |got - want| <= rtol |want| + ofNorm * norm / sqrt(elements), for so many of the 64. */
  readonly elements: { readonly rtol: number; readonly ofNorm: number; readonly atLeast: number };
  /** Relative error of the gradient to the images. */
  readonly images: number;
}

const BOUNDS: Readonly<Record<string, Bounds>> = {
  resnet50_classifier: {
    norms: { median: 2e-3, worst: 5e-2 },
    elements: { rtol: 2e-2, ofNorm: 6e-2, atLeast: 58 },
    images: 5e-2,
  },
  resnet50_gated_classifier: {
    norms: { median: 1e-3, worst: 5e-3 },
    elements: { rtol: 5e-3, ofNorm: 5e-3, atLeast: 63 },
    images: 5e-3,
  },
};

const CLASSES = 1000;

function mix(word: number): number {
  let x = word >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
  return (x ^ (x >>> 16)) >>> 0;
}

function valuesOf({ shape, seed, offset, scale, gate = 0 }: Formula): Float32Array {
  const start = mix(seed);
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const unit = (mix(start + i) >>> 8) * 2 ** -23 - 1;
    return offset + scale * unit + (i % 2 === 0 ? gate : -gate);
  });
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

async function checkGradients(session: Session, { name: test, attrs }: GoldenCase, tensors: Tensors): Promise<void> {
  const { norms, elements, images } = BOUNDS[test]!;
  const [wantNorms, wantElements] = [f32(tensors, "grad_norms"), f32(tensors, "sample_grad")];
  const [param, index] = ["sample_param", "sample_index"].map((name) => tensors.get(name)!.data as Int32Array);
  const ratios: { name: string; error: number }[] = [];
  let good = 0;
  for (const [j, name] of (attrs.grad_names as string[]).entries()) {
    const device = await session.read(`grad.${name}`) as Float32Array;
    const got = toTorchLayout(session.place(`grad.${name}`).shape, device).data;
    ratios.push({ name, error: Math.abs(norm(got) / wantNorms[j]! - 1) });
    const typical = wantNorms[j]! / Math.sqrt(got.length);
    wantElements.forEach((want, s) => {
      const bound = elements.rtol * Math.abs(want) + elements.ofNorm * typical;
      if (param![s] === j && Math.abs(got[index![s]!]! - want) <= bound) good++;
    });
  }
  ratios.sort((a, b) => a.error - b.error);
  const [median, worst] = [ratios[ratios.length >> 1]!, ratios.at(-1)!];
  assert.ok(median.error <= norms.median, `median error of the gradients' norms ${median.error}`);
  assert.ok(worst.error <= norms.worst, `error of the norm of ${worst.name} ${worst.error}`);
  assert.ok(good >= elements.atLeast, `${good} of ${wantElements.length} elements within their bounds`);
  const dx = viewMajor(tensors.get("grad.x")!.shape, f32(tensors, "grad.x"), 1);
  const error = relativeError(await session.read("grad.x"), dx.data);
  assert.ok(error <= images, `relative error of the gradient to the images ${error}`);
}

for (const test of goldenCases("resnet", (c) => c.op === "resnet50_step")) {
  gpuTest(test.name, async (gpu) => {
    const tensors = await test.load();
    const formulas = test.attrs.parameters as Formula[];
    const parameters = new Map(formulas.map((f) => [f.name, { shape: f.shape, data: valuesOf(f) }]));
    for (const [name, first] of Object.entries(test.attrs.check as Record<string, number[]>)) {
      assert.deepEqual([...parameters.get(name)!.data.subarray(0, first.length)], first, name);
    }
    const x = viewMajor(tensors.get("x")!.shape, f32(tensors, "x"), 1);
    const store = new StateStore(gpu);
    await withSession(gpu, inferenceGraph(test, x.shape), store, async (session) => {
      fillStates(store, parameters);
      session.write("x", x.data);
      await session.run();
      assertClose(await session.read("features"), f32(tensors, "features_eval"), test.tol, "features_eval");
    });
    await withSession(gpu, trainingGraph(test, x.shape, { classes: CLASSES }), store, async (session) => {
      fillStates(store, parameters);
      session.write("x", x.data);
      session.write("labels", tensors.get("labels")!.data as Int32Array);
      await session.run();
      for (const name of ["loss", "features", "logits"]) {
        assertClose(await session.read(name), f32(tensors, name), test.tol, name);
      }
      for (const name of tensors.keys()) {
        const state = /^after\.(.*)$/.exec(name)?.[1];
        if (state) assertClose(await session.read(`encoder.${state}`), f32(tensors, name), test.tol, name);
      }
      await checkGradients(session, test, tensors);
    });
    store.close();
  });
}
