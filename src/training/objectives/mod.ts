/** The objectives by the name they have in the configuration. */

import type { Config } from "../../config.ts";
import type { Objective } from "./objective.ts";
import { simclr } from "./simclr.ts";

const OBJECTIVES: Partial<Record<Config["objective"]["kind"], Objective>> = { simclr };

/** The objective of a configuration. */
export function objectiveOf({ objective: { kind } }: Config): Objective {
  const found = OBJECTIVES[kind];
  if (!found) throw new TypeError(`internal: objective ${kind} is not there yet`);
  return found;
}
