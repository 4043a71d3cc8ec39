/**
 * The inverter: find an image's latent and, where the generator has classes, its class, each by a linear layer on the
 * feature (UnsupInverterResNet and SupInverterResNet of GenRep's networks/resnet_big.py).
 *
 * It sees centre crops of the anchors alone: a latent tells where things lie and what colour they have, so pixel views
 * would ask for what cannot be seen (paper, section 3), and a latent view has another latent.
 */

import { linear } from "../../encoders/head.ts";
import { resnet, resnetSpec } from "../../encoders/resnet.ts";
import { UserError } from "../../errors.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { inverterLoss } from "../../losses/inverter.ts";
import { reshape } from "../../ops/reshape.ts";
import type { Objective } from "./objective.ts";

/** Heads `head.0` (latent) and `head.1` (class). */
export const inverter: Objective = {
  images: "anchor",
  augmented: false,
  build: (g, { n, views, latents, labels, classes, source }, { encoder }) => {
    if (!latents) {
      throw new UserError(`objective.kind is inverter, which needs latents, and ${source} has none: use a generator`);
    }
    const size = sizeOf(latents.shape) / n;
    const { features, parameters, norms } = resnet(g, views, resnetSpec(encoder), true);
    return g.scope("head", () => {
      const z = linear(g, features, "head.0", size);
      const y = labels && classes ? linear(g, features, "head.1", classes) : null;
      const prediction = y && labels ? { logits: y.y, labels } : null;
      return {
        loss: inverterLoss(g, z.y, reshape(g, latents, [n, size]), prediction),
        embeddings: features,
        parameters: [...parameters, ...z.parameters, ...y?.parameters ?? []],
        norms,
      };
    });
  },
};
