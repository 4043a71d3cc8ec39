/**
 * One step of a narrow detector against torchvision's FasterRCNN with a C4 backbone (tests/fixtures/detection): the four
 * losses, all gradients, the batch norms' statistics, and detections.
 */

import assert from "node:assert/strict";
import { IMAGENET } from "../../../src/augment/params.ts";
import { readSafetensors } from "../../../src/data/safetensors.ts";
import { fromTorchLayout, toTorchLayout } from "../../../src/encoders/weights.ts";
import {
  type Batch,
  detectionStep,
  detectorGradients,
  type DetectorSpec,
  type Draw,
  LOSSES,
  statisticsStep,
} from "../../../src/evaluation/detection/detector.ts";
import { targetOf } from "../../../src/gpu/execute.ts";
import type { Gpu } from "../../../src/gpu/device.ts";
import { Session } from "../../../src/gpu/session.ts";
import { StateStore } from "../../../src/gpu/store.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { plan } from "../../../src/graph/plan.ts";
import type { HostArray } from "../../../src/graph/tensor.ts";
import { assertClose, relativeError } from "../../support/close.ts";
import { gpuTest } from "../../support/gpu.ts";

const FIXTURE = new URL("../../fixtures/detection/faster_rcnn_c4.safetensors", import.meta.url).pathname;
const { tensors, metadata } = await readSafetensors(FIXTURE);
const about = JSON.parse(metadata.about!);
const [height, width] = about.canvas as [number, number];
const most = Math.max(...about.boxes.map((own: unknown[]) => own.length));
const batch: Batch = { n: 2, height, width, most };

const spec: DetectorSpec = {
  resnet: { blocks: [1, 1, 1, 1], bottleneck: true, stem: "imagenet", width: about.width },
  normalization: IMAGENET,
  classes: about.classes,
  anchors: about.anchors,
  rpn: about.rpn,
  roi: about.roi,
  smooth_l1: about.smooth_l1,
  momentum: 0.9,
  weight_decay: 0,
  score: about.score,
  detections: about.detections,
};

const values = (name: string) => tensors.get(name)!.data as Float32Array;

/** torchvision's samples instead of drawn ones. */
const draw: Draw = (g, what) => {
  const given = (name: string) => {
    const { shape, data } = tensors.get(name)!;
    return g.constant(data as Int32Array, shape, "i32");
  };
  const slots = () => ({ places: given("places"), slots: given("slots") });
  const chosen = given("chosen");
  return what === "anchors" ? { chosen, places: chosen, slots: chosen } : { chosen, ...slots() };
};

const inputs: Record<string, HostArray> = {
  images: new Uint32Array((tensors.get("images")!.data as Uint8Array).slice().buffer),
  limits: Float32Array.from(about.sizes.flatMap(([h, w]: number[]) => [w, h, w, h])),
  boxes: Float32Array.from(
    about.boxes.flatMap((own: number[][]) => Array.from({ length: most }, (_, i) => own[i] ?? [0, 0, 1, 1])).flat(),
  ),
  labels: Int32Array.from(
    about.labels.flatMap((own: number[]) => Array.from({ length: most }, (_, i) => own[i] ?? 0)),
  ),
  counts: Int32Array.from(about.labels, (own: number[]) => own.length),
  rng: new Uint32Array(4),
};

/** Runs a graph on the fixture's weights and statistics. */
async function run(gpu: Gpu, g: Graph): Promise<Record<string, HostArray>> {
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, targetOf(gpu.info)), store);
  try {
    for (const name of store.names()) {
      const stored = tensors.get(name);
      assert.ok(stored, name);
      const shape = g.states.get(name)!.shape;
      // torch's weights of the RPN's 1x1 convolutions and of the others are OIHW alike.
      store.write(name, fromTorchLayout(stored.shape, stored.data as Float32Array).data);
      assert.equal(shape.reduce((a, b) => a * b, 1), stored.data.length);
    }
    for (const [name, data] of Object.entries(inputs)) session.write(name, data);
    return await session.run([...g.outputs.keys()]);
  } finally {
    session.close();
    store.close();
  }
}

gpuTest("four losses and all gradients of a step equal torchvision's", async (gpu) => {
  const { graph, forward, gradients } = detectorGradients(batch, spec, () => draw);
  LOSSES.forEach((name, i) => graph.output(name, forward.losses[i]!));
  forward.parameters.forEach((p, i) => graph.output(`grad.${p.name}`, gradients[i]!));
  const got = await run(gpu, graph);
  LOSSES.forEach((name, i) => assertClose(got[name]!, [about.losses[i]], { rtol: 2e-6, atol: 0 }, name));
  const names = [...tensors.keys()].filter((name) => name.startsWith("grad."));
  assert.deepEqual(forward.parameters.map((p) => `grad.${p.name}`).sort(), names.sort());
  for (const p of forward.parameters) {
    const mine = toTorchLayout(p.shape, got[`grad.${p.name}`] as Float32Array).data;
    const want = values(`grad.${p.name}`);
    const error = relativeError(mine, want);
    assert.ok(error < 1e-4, `grad.${p.name}: relative error ${error}`);
  }
});

gpuTest("the batch norms' statistics equal torchvision's", async (gpu) => {
  const { graph, names } = statisticsStep(batch, spec, () => draw);
  const { statistics } = await run(gpu, graph);
  const want = names.flatMap(({ name }) => Array.from(values(name)));
  assertClose(statistics!, want, { rtol: 1e-4, atol: 1e-5 }, "statistics");
  assert.equal(names.length, [...tensors.keys()].filter((name) => name.includes("running")).length);
});

gpuTest("detections equal torchvision's", async (gpu) => {
  const { graph, each } = detectionStep({ ...batch, most: 0 }, spec);
  const got = await run(gpu, graph);
  const m = got.scores!.length / 2;
  for (let image = 0; image < 2; image++) {
    const want = (part: string) => tensors.get(`detected.${image}.${part}`)!.data;
    const n = want("scores").length;
    const part = (name: string, size: number) => got[name]!.slice(image * m * size, (image * m + n) * size);
    assertClose(part("scores", 1), want("scores") as Float32Array, { rtol: 1e-4, atol: 1e-6 }, "scores");
    assertClose(part("boxes", 4), want("boxes") as Float32Array, { rtol: 1e-4, atol: 1e-3 }, "boxes");
    const labels = Array.from(part("places", 1), (place) => Math.floor(place / each));
    assert.deepEqual(labels, Array.from(want("labels") as Int32Array));
  }
});
