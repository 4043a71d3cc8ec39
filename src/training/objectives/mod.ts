/** The objectives by the name they have in the configuration. */

import type { Config } from "../../config.ts";
import { classifier } from "./classifier.ts";
import { inverter } from "./inverter.ts";
import type { Objective } from "./objective.ts";
import { simclr } from "./simclr.ts";
import { supcon } from "./supcon.ts";

const OBJECTIVES: Record<Config["objective"]["kind"], Objective> = { simclr, supcon, inverter, classifier };

/** The objective of a configuration. */
export function objectiveOf({ objective: { kind } }: Config): Objective {
  return OBJECTIVES[kind];
}
