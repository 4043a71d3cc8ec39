/** The objectives by the name they have in the configuration. */

import type { Config } from "../../config.ts";
import { UserError } from "../../errors.ts";
import { byol } from "./byol.ts";
import { classifier } from "./classifier.ts";
import { inverter } from "./inverter.ts";
import { moco } from "./moco.ts";
import type { Objective } from "./objective.ts";
import { barlowTwins, vicreg } from "./redundancy.ts";
import { simclr } from "./simclr.ts";
import { supcon } from "./supcon.ts";

const OBJECTIVES: Record<Config["objective"]["kind"], Objective> = {
  simclr,
  supcon,
  inverter,
  classifier,
  moco,
  byol,
  vicreg,
  barlow_twins: barlowTwins,
};

/** The objective of a configuration. */
export function objectiveOf({ objective: { kind } }: Config): Objective {
  return OBJECTIVES[kind];
}

/** Images of each sample in a step. A set where the objective takes pairs is a UserError. */
export function imagesPerSample(config: Config): number {
  const { images } = config.views.latent;
  switch (objectiveOf(config).images) {
    case "anchor":
      return 1;
    case "set":
      return 1 + images;
    case "pair":
      if (images === 1) return 2;
      throw new UserError(
        `views.latent.images is ${images}, and objective.kind ${config.objective.kind} compares pairs: ` +
          "set it to 1, or use simclr or supcon",
      );
  }
}
