/** A linear classifier on features: SGD with momentum, all on the device; batches come from the host. */

import { linear } from "../encoders/head.ts";
import { linearValues } from "../encoders/init.ts";
import type { Gpu } from "../gpu/device.ts";
import { targetOf } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { grad } from "../ops/gradients.ts";
import { guard } from "../ops/guard.ts";
import { sgd } from "../ops/sgd.ts";

/** Size of a classifier, and of the batches that it is trained on. */
export interface HeadShape {
  /** Length of a feature. */
  readonly size: number;
  readonly classes: number;
  readonly batch: number;
}

/** How its weights are moved, and the seed of their first values. */
export interface HeadSettings {
  readonly momentum: number;
  readonly weight_decay: number;
  readonly seed: number;
}

/** Rows that are scored at once. */
const SCORED = 256;

/** A classifier in training. The caller closes it. */
export class LinearHead {
  private constructor(
    readonly shape: HeadShape,
    readonly store: StateStore,
    readonly learn: Session,
    readonly score: Session,
  ) {}

  /** Weights begin as torch.nn.Linear's. */
  static async create(gpu: Gpu, shape: HeadShape, settings: HeadSettings): Promise<LinearHead> {
    const store = new StateStore(gpu);
    const target = targetOf(gpu.info);
    const learn = await Session.create(gpu, plan(learningGraph(shape, settings), target), store);
    const score = await Session.create(gpu, plan(scoringGraph(shape), target), store);
    const { size, classes } = shape;
    store.write("fc.weight", linearValues("fc.weight", classes * size, size, settings.seed));
    store.write("fc.bias", linearValues("fc.bias", classes, size, settings.seed));
    return new LinearHead(shape, store, learn, score);
  }

  /** Submits one update on features [batch, size] and their labels. */
  async step(features: Float32Array, labels: Int32Array, lr: number): Promise<void> {
    this.learn.write("features", features);
    this.learn.write("labels", labels);
    this.learn.write("lr", Float32Array.of(lr));
    await this.learn.run();
  }

  /** The loss of the last update's batch, before it. */
  async loss(): Promise<number> {
    return (await this.learn.read("loss"))[0]!;
  }

  /** Logits [n, classes] of features [n, size]. */
  async logits(features: Float32Array): Promise<Float32Array> {
    const { size, classes } = this.shape;
    const n = features.length / size;
    const all = new Float32Array(n * classes);
    const rows = new Float32Array(SCORED * size);
    for (let start = 0; start < n; start += SCORED) {
      const count = Math.min(SCORED, n - start);
      rows.set(features.subarray(start * size, (start + count) * size));
      this.score.write("features", rows);
      const { logits } = await this.score.run(["logits"]);
      all.set((logits as Float32Array).subarray(0, count * classes), start * classes);
    }
    return all;
  }

  close(): void {
    this.learn.close();
    this.score.close();
    this.store.close();
  }
}

function learningGraph({ size, classes, batch }: HeadShape, settings: HeadSettings): Graph {
  const { momentum, weight_decay: weightDecay } = settings;
  const g = new Graph();
  const head = linear(g, g.input("features", [batch, size]), "fc", classes);
  const loss = crossEntropy(g, head.y, g.input("labels", [batch], "i32"));
  const gradients = grad(g, loss, head.parameters);
  const check = guard(g, loss, g.input("rng", [4], "u32"));
  const lr = g.input("lr", [1]);
  sgd(g, head.parameters, gradients, lr, { momentum, weightDecay }, check);
  g.output("loss", loss);
  return g;
}

function scoringGraph({ size, classes }: HeadShape): Graph {
  const g = new Graph();
  g.output("logits", linear(g, g.input("features", [SCORED, size]), "fc", classes).y);
  return g;
}
