/**
 * MoCo v2 (He et al. 2020; Chen et al. 2020): queries of the anchors against keys of their views by a second network
 * that follows the first as a moving average, and against a queue of the keys of earlier steps.
 *
 * The keys' network normalises by its own batch's statistics. The authors shuffle keys over devices, so that a query
 * and its key do not share statistics; here queries and keys are passes of their own, and a pass has one set of
 * statistics, which shuffling would not change. The moving average follows the update of a step at its end, where the
 * authors do so at the beginning of the next: the keys are the same.
 */

import { projectionHead } from "../../encoders/head.ts";
import { resnet, resnetSpec } from "../../encoders/resnet.ts";
import { UserError } from "../../errors.ts";
import { infonceLoss } from "../../losses/infonce.ts";
import { concat, split } from "../../ops/concat.ts";
import { ema } from "../../ops/ema.ts";
import { enqueue } from "../../ops/enqueue.ts";
import { averagedStates, type Objective } from "./objective.ts";

/** States `target.*` (the keys' network) and `queue` [objective.queue, 128]. */
export const moco: Objective = {
  images: "pair",
  augmented: true,
  build: (g, { n, views, rng }, { encoder, objective }) => {
    if (objective.queue % n !== 0) {
      throw new UserError(`objective.queue is ${objective.queue}, which must be a multiple of batch, ${n}`);
    }
    const spec = resnetSpec(encoder);
    const [first, second] = split(g, views, [n, n], 0) as [typeof views, typeof views];
    const online = resnet(g, first, spec, true);
    const query = projectionHead(g, online.features);
    const target = resnet(g, second, spec, true, "target.encoder.");
    const key = g.scope("target", () => projectionHead(g, target.features, undefined, "target."));
    const queue = g.state("queue", [objective.queue, key.z.shape[1]!]);
    const followed = averagedStates([...target.parameters, ...key.parameters], [
      ...online.parameters,
      ...query.parameters,
    ]);
    const rate = g.input("ema", [1]);
    return {
      loss: infonceLoss(g, query.z, key.z, queue, 1 / objective.temperature),
      embeddings: concat(g, [query.z, key.z], 0),
      parameters: [...online.parameters, ...query.parameters],
      norms: [...online.norms, ...target.norms],
      update: (guard) => {
        ema(g, followed, rate, guard);
        enqueue(g, queue, key.z, rng, guard);
      },
    };
  },
};
