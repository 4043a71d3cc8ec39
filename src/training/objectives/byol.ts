/**
 * BYOL (Grill et al. 2020): a predictor on the projection of one view finds the projection of the other by a target
 * network, which follows the online one as a moving average; no negatives. Both views pass each network together, so
 * batch statistics are those of both (the authors' are of each view).
 */

import { type Perceptron, perceptron } from "../../encoders/head.ts";
import { type Encoded, resnet, resnetSpec } from "../../encoders/resnet.ts";
import { byolLoss } from "../../losses/byol.ts";
import { ema } from "../../ops/ema.ts";
import { averagedStates, type Objective } from "./objective.ts";

/** Hidden units and projection of the authors' networks. */
const HIDDEN = 4096;
const SIZE = 256;

/** Heads `head.*` and `predictor.*`; states `target.encoder.*`, `target.head.*`. */
export const byol: Objective = {
  images: "pair",
  augmented: true,
  build: (g, { views }, config) => {
    const hidden = config.objective.hidden ?? HIDDEN;
    const size = config.objective.projection ?? SIZE;
    const project = (prefix: string): { encoded: Encoded; head: Perceptron } => {
      const encoded = resnet(g, views, resnetSpec(config.encoder), true, `${prefix}encoder.`);
      const head = g.scope(`${prefix}head`, () => perceptron(g, encoded.features, `${prefix}head`, [hidden], size));
      return { encoded, head };
    };
    const online = project("");
    const target = project("target.");
    const predictor = g.scope("predictor", () => perceptron(g, online.head.y, "predictor", [hidden], size));
    const parametersOf = ({ encoded, head }: typeof online) => [...encoded.parameters, ...head.parameters];
    const normsOf = ({ encoded, head }: typeof online) => [...encoded.norms, ...head.norms];
    const rate = g.input("ema", [1]);
    return {
      loss: byolLoss(g, predictor.y, target.head.y),
      embeddings: online.head.y,
      parameters: [...parametersOf(online), ...predictor.parameters],
      norms: [...normsOf(online), ...normsOf(target), ...predictor.norms],
      update: (guard) => {
        ema(g, averagedStates(parametersOf(target), parametersOf(online)), rate, guard);
      },
    };
  },
};
