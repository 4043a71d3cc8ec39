/** SupCon: SimCLR where all views of a class are positives of each other; classes come with the samples. */

import { supconLoss } from "../../losses/supcon.ts";
import { type Objective, requireLabels } from "./objective.ts";
import { contrast } from "./simclr.ts";

/** The objective of tables 3 and 5. */
export const supcon: Objective = {
  images: "set",
  augmented: true,
  build: (g, batch, config) => {
    const { labels } = requireLabels(batch, config);
    return contrast(g, batch.views, config, (z, temperatures) => supconLoss(g, z, labels, temperatures));
  },
};
