/**
 * The graph of a step that learns walks: z -> G(z) -> its change (augment/steering.ts) is the target of G(z + the sum of
 * walks), and Adam moves the walks alone. Inputs are `rng`, `rates`, and what the host draws for each sample:
 * `coefficients` and the maps of the warps.
 */

import { steeringTarget, type WarpName, warpOf, WARPS } from "../augment/steering.ts";
import { WARP_ROW } from "../augment/warp_grid.ts";
import type { Config } from "../config.ts";
import { anchors, rngInput, sampleLabels, steer, stepSamples } from "../generators/latents.ts";
import type { Generator } from "../generators/model.ts";
import { coefficientDraw, rngValues, STREAMS } from "../generators/random.ts";
import { columnsOf } from "../generators/walks.ts";
import { Graph } from "../graph/graph.ts";
import type { HostArray, Tensor } from "../graph/tensor.ts";
import { steeringLoss } from "../losses/steering.ts";
import { adamRates, adamStep } from "../ops/adam.ts";
import { grad } from "../ops/gradients.ts";
import { guard } from "../ops/guard.ts";
import type { CoefficientLaw } from "../ops/random_coefficients.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { affine } from "../ops/unary.ts";

/** What walks act on. */
export interface SteeringForm {
  /** Size and channels of the generator's images. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** One a column of the walks. */
  readonly laws: readonly CoefficientLaw[];
  /** The changes of pixels that the walks need. */
  readonly warps: readonly WarpName[];
}

/** The form of the walks that a configuration asks for. */
export function steeringForm(generator: Generator, { steer: { walks } }: Config): SteeringForm {
  const g = new Graph();
  const labels = generator.classes === null ? null : g.input("labels", [1, generator.classes]);
  const { shape } = generator.build(g, g.input("z", [1, ...generator.latentShape]), labels);
  const [, height, width, channels] = shape as [number, number, number, number];
  const warps = WARPS.filter((name) =>
    name === "zoomshift" ? walks.some((w) => /zoom|shift/.test(w)) : walks.includes(name)
  );
  return { height, width, channels, laws: columnsOf(walks, channels), warps };
}

/** Anchors of the step: latents, one-hot classes, and images in [-1, 1]. */
export function steeringAnchors(
  g: Graph,
  generator: Generator,
  { generator: { latent: { truncation }, labels } }: Config,
  batch: number,
): { z: Tensor; oneHot: Tensor | null; images: Tensor } {
  const rng = rngInput(g);
  const keys = stepSamples(g, rng, { batch, samples: null, shuffle: false, neighbors: 1 });
  const { latentShape: shape, tied = false, classes } = generator;
  const z = g.scope("latents", () => anchors(g, rng, keys, { shape, truncation, tied }));
  const choice = labels as "random" | number | readonly number[];
  const oneHot = classes === null
    ? null
    : g.scope("labels", () => sampleLabels(g, rng, keys, { classes, choice }).oneHot);
  return { z, oneHot, images: g.scope("anchors", () => signed(g, generator.build(g, z, oneHot))) };
}

/** Images of steered latents in [-1, 1], and what they should be. */
export function steeredImages(
  g: Graph,
  generator: Generator,
  { laws, warps, channels }: SteeringForm,
  { z, oneHot, images }: ReturnType<typeof steeringAnchors>,
  walks: Tensor,
  rule: Config["steer"]["rule"],
): { images: Tensor; target: Tensor; mask: Tensor | null } {
  const n = z.shape[0]!;
  const coefficients = g.input("coefficients", [n, laws.length]);
  const changed = g.scope("target", () => {
    // A color walk has the first columns.
    const colors = laws[0] === "color0"
      ? reshape(g, slice(g, coefficients, { starts: [0], ends: [channels], axes: [1] }), [n, 1, 1, channels])
      : null;
    const inputs = warps.map((name) => ({ name, maps: g.input(name, [n, WARP_ROW]) }));
    return steeringTarget(g, images, colors, inputs, rule);
  });
  const moved = g.scope("walks", () => steer(g, z, coefficients, walks));
  return { images: g.scope("generator", () => signed(g, generator.build(g, moved, oneHot))), ...changed };
}

/** Values of the inputs `coefficients` and warps for some samples, a row of coefficients each. */
export function steeringInputs(
  form: SteeringForm,
  rows: readonly (readonly number[])[],
  rule: Config["steer"]["rule"],
): Record<string, HostArray> {
  const named = rows.map((row) => Object.fromEntries(form.laws.map((law, i) => [law, row[i]!])));
  const maps = form.warps.map((name) =>
    [name, Float32Array.from(named.flatMap((coefficients) => warpOf(name, coefficients, form, rule)))] as const
  );
  return { coefficients: Float32Array.from(rows.flat()), ...Object.fromEntries(maps) };
}

/** A step's graph: outputs `loss` and `health`, states `walks` [columns, latent] and Adam's. */
export function buildSteeringStep(generator: Generator, form: SteeringForm, config: Config): Graph {
  const { batch, rule } = config.steer;
  const g = new Graph();
  const walks = g.state("walks", [form.laws.length, generator.latentSize]);
  const drawn = steeringAnchors(g, generator, config, batch);
  const { images, target, mask } = steeredImages(g, generator, form, drawn, walks, rule);
  const loss = steeringLoss(g, images, target, mask);
  const [gradient] = grad(g, loss, [walks]);
  const check = guard(g, loss, g.inputs.get("rng")!);
  g.scope("update", () => adamStep(g, walks, gradient!, g.input("rates", [2]), check));
  g.output("loss", loss);
  g.output("health", check.health);
  return g;
}

/** All inputs of a step, counted from 0. The coefficients of a sample are drawn like those of its steered view. */
export function stepInputs(form: SteeringForm, { seed, steer: { batch, lr, rule } }: Config, step: number) {
  const rng = rngValues(seed, step);
  const law = { stream: STREAMS.steering, laws: form.laws, rot3dFactor: 1 };
  const rows = Array.from({ length: batch }, (_, i) => coefficientDraw(rng, [(step * batch + i) >>> 0, 0], law));
  return { rng, rates: adamRates(lr, step + 1), ...steeringInputs(form, rows, rule) };
}

/** [0, 1] to [-1, 1]. */
function signed(g: Graph, images: Tensor): Tensor {
  return affine(g, images, 2, -1);
}
