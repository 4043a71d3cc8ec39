/**
 * The linear probe on cached features: a linear classifier trained by SGD with momentum and the cosine rule, all on the
 * device. GenRep main_linear.py: momentum 0.9, no weight decay, floor lr * 0.2^3, batch 256. Deviation: the authors
 * crop and flip the training images anew each epoch and report the best epoch; here features are computed once, and
 * the last epoch is the result, the best one named as such.
 */

import { linear } from "../encoders/head.ts";
import { linearValues } from "../encoders/init.ts";
import { philox4x32, STREAMS } from "../generators/random.ts";
import type { Gpu } from "../gpu/device.ts";
import { targetOf } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { gather } from "../ops/gather.ts";
import { grad } from "../ops/gradients.ts";
import { guard } from "../ops/guard.ts";
import { sgdStep } from "../ops/sgd.ts";
import { cosineRate } from "../training/schedule.ts";
import { topAccuracy } from "./accuracy.ts";
import type { Features } from "./features.ts";

/** How the classifier is trained. */
export interface ProbeSettings {
  readonly epochs: number;
  readonly lr: number;
  readonly batch: number;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly seed: number;
}

/** Accuracies in per cent. */
export interface ProbeResult {
  /** Of the last epoch. */
  readonly top1: number;
  readonly top5: number;
  /** The epoch with the largest top-1 on the test set: a choice that sees the test set, so not the result. */
  readonly best: { readonly epoch: number; readonly top1: number };
  readonly loss: number;
}

/** Factor whose cube is the floor of the rate. */
const DECAY = 0.2;

/** Trains on `train` and tests after every epoch on `test`. Labels are class numbers below `classes`. */
export async function linearProbe(
  gpu: Gpu,
  train: { readonly features: Features; readonly labels: Int32Array },
  test: { readonly features: Features; readonly labels: Int32Array },
  classes: number,
  settings: ProbeSettings,
): Promise<ProbeResult> {
  const { n, size, data } = train.features;
  const batch = Math.min(settings.batch, n);
  const store = new StateStore(gpu);
  const learn = await Session.create(
    gpu,
    plan(trainingGraph(train, classes, batch, settings), targetOf(gpu.info)),
    store,
  );
  const score = await Session.create(gpu, plan(scoringGraph(test.features, classes), targetOf(gpu.info)), store);
  try {
    for (const [name, length] of [["fc.weight", classes * size], ["fc.bias", classes]] as const) {
      store.write(name, linearValues(name, length, size, settings.seed));
    }
    score.write("features", test.features.data);
    learn.write("features", data);
    let best = { epoch: 0, top1: -1 };
    let top = { top1: 0, top5: 0 };
    let loss = NaN;
    for (let epoch = 1; epoch <= settings.epochs; epoch++) {
      const lr = cosineRate(settings.lr, epoch, settings.epochs, DECAY);
      learn.write("lr", Float32Array.of(lr));
      const order = shuffled(n, settings.seed, epoch);
      // The last rows that fill no batch are left to the next epoch's order.
      const steps = Math.floor(n / batch);
      for (let step = 0; step < steps; step++) {
        learn.write("rows", order.subarray(step * batch, (step + 1) * batch));
        const done = learn.run(step === steps - 1 ? ["loss"] : []);
        if (step === steps - 1) loss = (await done).loss![0]!;
      }
      await score.run();
      const logits = await score.read("logits");
      top = { top1: topAccuracy(logits, test.labels, classes, 1), top5: topAccuracy(logits, test.labels, classes, 5) };
      if (top.top1 > best.top1) best = { epoch, top1: top.top1 };
    }
    return { ...top, best, loss };
  } finally {
    learn.close();
    score.close();
    store.close();
  }
}

function trainingGraph(
  { features, labels }: { readonly features: Features; readonly labels: Int32Array },
  classes: number,
  batch: number,
  { momentum, weight_decay: weightDecay }: ProbeSettings,
): Graph {
  const g = new Graph();
  const rows = g.input("rows", [batch], "i32");
  const x = gather(g, g.input("features", [features.n, features.size]), rows);
  const y = gather(g, g.constant(labels, [labels.length], "i32"), rows);
  const head = linear(g, x, "fc", classes);
  const loss = crossEntropy(g, head.y, y);
  const gradients = grad(g, loss, head.parameters);
  const check = guard(g, loss, g.input("rng", [4], "u32"));
  const lr = g.input("lr", [1]);
  head.parameters.forEach((p, i) => sgdStep(g, p, gradients[i]!, lr, { momentum, weightDecay }, check));
  g.output("loss", loss);
  return g;
}

function scoringGraph(features: Features, classes: number): Graph {
  const g = new Graph();
  g.output("logits", linear(g, g.input("features", [features.n, features.size]), "fc", classes).y);
  return g;
}

/** The numbers below n in an order that follows from seed and epoch (Fisher and Yates). */
function shuffled(n: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const word = philox4x32([i, epoch, 0, STREAMS.dataOrder], [seed, 0])[0];
    const j = Math.floor(word / 2 ** 32 * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
