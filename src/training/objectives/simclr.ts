/** SimCLR: the two views of a sample are each other's positive, all other views of the batch the negatives. */

import type { Config } from "../../config.ts";
import { projectionHead } from "../../encoders/head.ts";
import { resnet, resnetSpec } from "../../encoders/resnet.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { simclrLoss, type Temperatures } from "../../losses/simclr.ts";
import type { Learning, Objective } from "./objective.ts";

/** The objective of tables 1, 2 and 4. */
export const simclr: Objective = {
  images: "set",
  augmented: true,
  build: (g, { views, n }, config) =>
    contrast(g, views, config, (z, temperatures) => simclrLoss(g, z, n, temperatures)),
};

/** Encoder and projection head on all views in one pass, and a loss of the projections z [views * n, d]. */
export function contrast(
  g: Graph,
  views: Tensor,
  { encoder, objective }: Config,
  loss: (z: Tensor, temperatures: Temperatures) => Tensor,
): Learning {
  const { features, parameters, norms } = resnet(g, views, resnetSpec(encoder), true);
  const head = projectionHead(g, features);
  const { temperature, base_temperature: baseTemperature } = objective;
  return {
    loss: loss(head.z, { temperature, baseTemperature }),
    embeddings: head.z,
    parameters: [...parameters, ...head.parameters],
    norms,
  };
}
