/**
 * The classifier: softmax cross-entropy of a linear layer on the feature (SupCEResNet of GenRep's
 * networks/resnet_big.py). It sees the anchors through the pixel views; latent views have no part in it (table 6).
 * Unlike the authors' code, which always has 1000 outputs, it has one for each class of the source.
 */

import { linear } from "../../encoders/head.ts";
import { resnet, resnetSpec } from "../../encoders/resnet.ts";
import { crossEntropy } from "../../ops/cross_entropy.ts";
import { type Objective, requireLabels } from "./objective.ts";

/** The objective of table 6; its head is `head.0`. */
export const classifier: Objective = {
  images: "anchor",
  augmented: true,
  build: (g, batch, config) => {
    const { labels, classes } = requireLabels(batch, config);
    const { features, parameters, norms } = resnet(g, batch.views, resnetSpec(config.encoder), true);
    const logits = g.scope("head", () => linear(g, features, "head.0", classes));
    return {
      loss: g.scope("classifier", () => crossEntropy(g, logits.y, labels)),
      embeddings: features,
      parameters: [...parameters, ...logits.parameters],
      norms,
    };
  },
};
