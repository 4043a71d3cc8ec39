/**
 * The graph of a training step: samples (latents -> latent views -> generator) -> pixel views -> the objective's
 * encoder, heads and loss -> gradients -> updates. Inputs are `rng` (seed and step) and `lr`; outputs are
 * `loss`, `health`, `gradient_norm` and `embeddings`, and `loss_scale` with half precision.
 */

import { centerViews, simclrViews } from "../augment/views.ts";
import type { Config } from "../config.ts";
import { rngInput } from "../generators/latents.ts";
import { STREAMS } from "../generators/random.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { grad } from "../ops/gradients.ts";
import { globalNorm } from "../ops/global_norm.ts";
import { guard } from "../ops/guard.ts";
import { lossScale, unscale } from "../ops/loss_scale.ts";
import { updateRunning } from "../ops/running_stats.ts";
import { sgd } from "../ops/sgd.ts";
import { imagesPerSample, objectiveOf } from "./objectives/mod.ts";
import type { Batch } from "./objectives/objective.ts";
import type { Samples, Source } from "./source.ts";

/** A step's graph, and the states that a checkpoint holds, with their shapes on the device. */
export interface Step {
  readonly graph: Graph;
  readonly states: ReadonlyMap<string, readonly number[]>;
}

/** The samples of a step, and their images as the encoder sees them. */
export interface StepImages extends Samples {
  /** [views * n, input, input, 3], normalised. */
  readonly views: Tensor;
}

/** The whole step, the samples' making inside. */
export function buildStep(source: Source, config: Config): Step {
  const g = new Graph();
  const rng = rngInput(g);
  const images = buildImages(g, rng, source, config);
  return learn(g, { ...images, n: config.batch, classes: source.classes, source: source.name, rng }, config);
}

/** The step on given views [views * batch, input, input, 3], input `views`: for benchmarks and tests. */
export function buildEncoderStep(config: Config): Step {
  const g = new Graph();
  const { batch: n, encoder: { input } } = config;
  const views = g.input("views", [imagesPerStep(config), input, input, 3]);
  const rng = rngInput(g);
  return learn(g, { n, views, latents: null, labels: null, classes: null, source: "the input", rng }, config);
}

/** The samples that the configuration's objective asks for, and the pixel views of their images. */
export function buildImages(g: Graph, rng: Tensor, source: Source, config: Config): StepImages {
  const { views: { pixel }, encoder: { input: size }, batch } = config;
  const samples = source.build(g, rng, batch, imagesPerSample(config));
  const cut = () =>
    pixel === "none" || !objectiveOf(config).augmented
      ? centerViews(g, samples.images, { size })
      : simclrViews(g, samples.images, rng, STREAMS.pixelView, { size });
  return { ...samples, views: g.scope("views", cut) };
}

/** Images that the encoder sees in a step. */
export function imagesPerStep(config: Config): number {
  return imagesPerSample(config) * config.batch;
}

/** The objective, its gradients and the updates. */
function learn(g: Graph, batch: Batch, config: Config): Step {
  const { momentum, weight_decay: weightDecay } = config.optimizer;
  const lr = g.input("lr", [1]);
  g.operands = config.precision;
  const { loss, embeddings, parameters, norms, update } = objectiveOf(config).build(g, batch, config);
  const scale = config.precision === "f16" ? lossScale(g) : null;
  const gradients = grad(g, loss, parameters, scale);
  const check = guard(g, loss, batch.rng);
  const gradientNorm = g.scope("gradient_norm", () => globalNorm(g, gradients));
  const unscaled = scale && g.scope("unscale", () => unscale(g, scale, gradientNorm, check));
  g.scope("update", () => {
    const guarded = unscaled?.guard ?? check;
    sgd(g, parameters, gradients, lr, { momentum, weightDecay }, guarded, unscaled?.factor);
    updateRunning(g, norms, guarded);
    update?.(guarded);
  });
  g.output("loss", loss);
  g.output("health", check.health);
  g.output("gradient_norm", unscaled?.norm ?? gradientNorm);
  if (scale) g.output("loss_scale", scale);
  g.output("embeddings", embeddings);
  const states = [...g.states].filter(([name]) => name !== "health").map(([name, t]) => [name, t.shape] as const);
  return { graph: g, states: new Map(states) };
}
