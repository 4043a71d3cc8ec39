/** Objectives without negatives and without a second network: VICReg and Barlow Twins. */

import { perceptron } from "../../encoders/head.ts";
import { resnet, resnetSpec } from "../../encoders/resnet.ts";
import type { Graph } from "../../graph/graph.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { barlowTwinsLoss } from "../../losses/barlow_twins.ts";
import { vicregLoss } from "../../losses/vicreg.ts";
import { split } from "../../ops/concat.ts";
import type { Objective } from "./objective.ts";

/** Units of both hidden layers and of the embedding in both papers. */
const UNITS = 8192;

/** VICReg (Bardes et al. 2022). Its head is `head.*`. */
export const vicreg: Objective = embeddings(vicregLoss);

/** Barlow Twins (Zbontar et al. 2021). Its head is `head.*`. */
export const barlowTwins: Objective = embeddings(barlowTwinsLoss);

/**
 * A perceptron of three layers on both views, and a loss of their embeddings. Both views pass together, so batch
 * statistics are those of both, and the last layer has a bias, which both losses take out (the authors' have none).
 */
function embeddings(loss: (g: Graph, a: Tensor, b: Tensor) => Tensor): Objective {
  return {
    images: "pair",
    augmented: true,
    build: (g, { n, views }, { encoder, objective }) => {
      const { features, parameters, norms } = resnet(g, views, resnetSpec(encoder), true);
      const hidden = objective.hidden ?? UNITS;
      const size = objective.projection ?? UNITS;
      const head = g.scope("head", () => perceptron(g, features, "head", [hidden, hidden], size));
      const [a, b] = split(g, head.y, [n, n], 0) as [Tensor, Tensor];
      return {
        loss: loss(g, a, b),
        embeddings: head.y,
        parameters: [...parameters, ...head.parameters],
        norms: [...norms, ...head.norms],
      };
    },
  };
}
