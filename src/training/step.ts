/**
 * The graph of a training step: latents -> latent views -> generator -> pixel views -> encoder -> head -> loss ->
 * gradients -> update. Inputs are `rng` (seed and step) and `lr`; outputs are `loss` and `health`.
 */

import { centerViews, simclrViews } from "../augment/views.ts";
import type { Config } from "../config.ts";
import { projectionHead } from "../encoders/head.ts";
import { resnet, resnetSpec, updateNorms } from "../encoders/resnet.ts";
import { anchors, type LatentView, latentView, rngInput, sampleLabels, stepSamples } from "../generators/latents.ts";
import type { Generator } from "../generators/model.ts";
import { STREAMS } from "../generators/random.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { simclrLoss } from "../losses/simclr.ts";
import { concat } from "../ops/concat.ts";
import { grad } from "../ops/gradients.ts";
import { guard } from "../ops/guard.ts";
import { sgdStep } from "../ops/sgd.ts";

/** A step's graph, and the states that a checkpoint holds, with their shapes on the device. */
export interface Step {
  readonly graph: Graph;
  readonly states: ReadonlyMap<string, readonly number[]>;
}

/** The images of a step, before and after the pixel views. Rows n.. are the views of rows 0..n-1. */
export interface StepImages {
  /** [2n, h, w, 1 or 3] in [0, 1]. */
  readonly generated: Tensor;
  /** [2n, input, input, 3], normalised. */
  readonly views: Tensor;
}

/** The whole step, the generator inside. */
export function buildStep(generator: Generator, config: Config): Step {
  const g = new Graph();
  const rng = rngInput(g);
  const { views } = buildImages(g, rng, generator, config);
  return learn(g, rng, views, config);
}

/** The step on given views [2 batch, input, input, 3], input `views`: for benchmarks and tests. */
export function buildEncoderStep(config: Config): Step {
  const g = new Graph();
  const { batch, encoder: { input } } = config;
  return learn(g, rngInput(g), g.input("views", [2 * batch, input, input, 3]), config);
}

/** Draws latents and their views, generates, and cuts the pixel views. */
export function buildImages(g: Graph, rng: Tensor, generator: Generator, config: Config): StepImages {
  const { batch, data, views, encoder } = config;
  const law = { batch, samples: data.samples, shuffle: data.shuffle, neighbors: views.latent.neighbors };
  const keys = g.scope("samples", () => stepSamples(g, rng, law));
  const z = g.scope("latents", () => {
    const { truncation } = config.generator.latent;
    const anchor = anchors(g, rng, keys, { shape: generator.latentShape, truncation });
    return concat(g, [anchor, latentView(g, rng, keys, anchor, latentViewOf(config))], 0);
  });
  const labels = g.scope("labels", () => {
    if (generator.classes === null) return null;
    const choice = config.generator.labels as "random" | number | readonly number[];
    const { oneHot } = sampleLabels(g, rng, keys, { classes: generator.classes, choice });
    return concat(g, [oneHot, oneHot], 0); // a view keeps its anchor's class
  });
  const generated = g.scope("generator", () => generator.build(g, z, labels));
  const size = encoder.input;
  const cut = () =>
    views.pixel === "none"
      ? centerViews(g, generated, { size })
      : simclrViews(g, generated, rng, STREAMS.pixelView, { size });
  return { generated, views: g.scope("views", cut) };
}

function latentViewOf({ views: { latent }, generator }: Config): LatentView {
  switch (latent.kind) {
    case "none":
      return { kind: "none" };
    case "gaussian":
      return { kind: "gaussian", std: latent.std, truncation: latent.truncation };
    case "independent":
      return { kind: "independent", truncation: generator.latent.truncation };
    default:
      throw new TypeError(`internal: latent view ${latent.kind} is not there yet`);
  }
}

/** Encoder, head, loss, gradients and updates. */
function learn(g: Graph, rng: Tensor, views: Tensor, config: Config): Step {
  const { batch, objective, optimizer } = config;
  const lr = g.input("lr", [1]);
  const { features, parameters, norms } = resnet(g, views, resnetSpec(config.encoder), true);
  const head = projectionHead(g, features);
  const { temperature, base_temperature: baseTemperature } = objective;
  const loss = simclrLoss(g, head.z, batch, { temperature, baseTemperature });
  const trained = [...parameters, ...head.parameters];
  const gradients = grad(g, loss, trained);
  const check = guard(g, loss, rng);
  const rule = { momentum: optimizer.momentum, weightDecay: optimizer.weight_decay };
  g.scope("update", () => {
    trained.forEach((p, i) => sgdStep(g, p, gradients[i]!, lr, rule, check));
    updateNorms(g, norms, check);
  });
  g.output("loss", loss);
  g.output("health", check.health);
  const states = [...g.states].filter(([name]) => name !== "health").map(([name, t]) => [name, t.shape] as const);
  return { graph: g, states: new Map(states) };
}
