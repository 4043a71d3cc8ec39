/** The ResNets of ../shared/golden/resnet as graphs, and their PyTorch tensors on the device's layout. */

import assert from "node:assert/strict";
import type { StoredTensor } from "../../src/data/safetensors.ts";
import { linear, projectionHead } from "../../src/encoders/head.ts";
import { resnet, type ResnetSpec } from "../../src/encoders/resnet.ts";
import { fromTorchLayout } from "../../src/encoders/weights.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { targetOf } from "../../src/gpu/execute.ts";
import { Session } from "../../src/gpu/session.ts";
import type { StateStore } from "../../src/gpu/store.ts";
import { Graph } from "../../src/graph/graph.ts";
import { plan } from "../../src/graph/plan.ts";
import type { Tensor } from "../../src/graph/tensor.ts";
import { simclrLoss } from "../../src/losses/simclr.ts";
import { crossEntropy } from "../../src/ops/cross_entropy.ts";
import { grad } from "../../src/ops/gradients.ts";
import { guard } from "../../src/ops/guard.ts";
import { updateRunning } from "../../src/ops/running_stats.ts";
import { sgd as sgdUpdate, type SgdAttrs } from "../../src/ops/sgd.ts";
import type { GoldenCase } from "./golden.ts";

/** A case's file. */
export type Tensors = ReadonlyMap<string, StoredTensor>;

/** Values of an f32 tensor of a case. */
export function f32(tensors: Tensors, name: string): Float32Array {
  const tensor = tensors.get(name);
  assert.equal(tensor?.dtype, "F32", name);
  return tensor!.data as Float32Array;
}

/** The network of a case; where it does not say, ResNet-50's own. */
export function specOf({ attrs }: GoldenCase): ResnetSpec {
  const stem = attrs.stem?.startsWith("3x3") ? "cifar" : "imagenet";
  return { blocks: attrs.layers, bottleneck: attrs.block === "Bottleneck", stem, width: attrs.base ?? 64 };
}

/** Views of a sample in a batch. */
export const viewsOf = (test: GoldenCase) => test.attrs.loss === "simclr" ? 2 : 1;

/** Images [n, c, h, w], the views of a sample side by side, to [n, h, w, c] with all first views first. */
export function viewMajor(
  shape: readonly number[],
  data: Float32Array,
  views: number,
): { shape: number[]; data: Float32Array } {
  const [n, c, h, w] = shape as [number, number, number, number];
  const out = new Float32Array(data.length);
  for (let row = 0; row < n; row++) {
    const from = (row % (n / views)) * views + Math.floor(row / (n / views));
    for (let k = 0; k < c; k++) {
      for (let p = 0; p < h * w; p++) out[(row * h * w + p) * c + k] = data[(from * c + k) * h * w + p]!;
    }
  }
  return { shape: [n, h, w, c], data: out };
}

/** Rows of a matrix from view-major order back to the cases' order. */
export function sampleMajor(data: ArrayLike<number>, rows: number, views: number): Float32Array {
  const width = data.length / rows;
  return Float32Array.from({ length: data.length }, (_, i) => {
    const row = Math.floor(i / width);
    return data[((row % views) * (rows / views) + Math.floor(row / views)) * width + i % width]!;
  });
}

/** Writes parameters and statistics by torchvision's names, in torch's layout, into the states of that name. */
export function fillStates(
  store: StateStore,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: unknown }>,
): void {
  for (const name of store.names()) {
    const tensor = tensors.get(name.replace(/^encoder\./, ""));
    if (tensor) store.write(name, fromTorchLayout(tensor.shape, tensor.data as Float32Array).data);
  }
}

/**
 * A training pass on images `x` of this shape. Outputs: `loss`, `features`, `logits` or `z`, and `grad.<torch name>`,
 * of the images as `grad.x`. Running statistics move; parameters only by the rule `sgd`, with the input `lr`.
 */
export function trainingGraph(
  test: GoldenCase,
  shape: readonly number[],
  { classes = test.attrs.classes, sgd = null }: { classes?: number | undefined; sgd?: SgdAttrs | null } = {},
): Graph {
  const g = new Graph();
  const rng = g.input("rng", [4], "u32");
  const x = g.input("x", shape);
  const encoded = resnet(g, x, specOf(test), true);
  let loss: Tensor;
  let parameters = encoded.parameters;
  if (classes) {
    const head = linear(g, encoded.features, "fc", classes);
    loss = crossEntropy(g, head.y, g.input("labels", [shape[0]!], "i32"));
    parameters = [...parameters, ...head.parameters];
    g.output("logits", head.y);
  } else {
    const head = projectionHead(g, encoded.features, test.attrs.head);
    const { temperature, base_temperature: baseTemperature } = test.attrs;
    loss = simclrLoss(g, head.z, shape[0]! / 2, { temperature, baseTemperature });
    parameters = [...parameters, ...head.parameters];
    g.output("z", head.z);
  }
  const gradients = grad(g, loss, [x, ...parameters]);
  g.output("loss", loss);
  g.output("features", encoded.features);
  [x, ...parameters].forEach((p, i) => g.output(`grad.${p.name.replace(/^encoder\./, "")}`, gradients[i]!));
  const check = guard(g, loss, rng);
  if (sgd) {
    const lr = g.input("lr", [1]);
    sgdUpdate(g, parameters, gradients.slice(1), lr, sgd, check);
  }
  updateRunning(g, encoded.norms, check);
  return g;
}

/** `features` of images `x` in inference mode. */
export function inferenceGraph(test: GoldenCase, shape: readonly number[]): Graph {
  const g = new Graph();
  g.output("features", resnet(g, g.input("x", shape), specOf(test), false).features);
  return g;
}

/** Runs `body` with a session of the graph on the store's states. */
export async function withSession<T>(
  gpu: Gpu,
  g: Graph,
  store: StateStore,
  body: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  try {
    return await body(session);
  } finally {
    session.close();
  }
}
