/** The protocols by the name that `deno task evaluate --protocol` knows. */

import type { Protocol } from "../protocol.ts";
import { carsProtocol } from "./cars.ts";
import { detectionProtocol } from "./detection.ts";
import { fewShotProtocol } from "./few_shot.ts";
import { knnProtocol } from "./knn.ts";
import { linearProtocol } from "./linear.ts";
import { linearQuickProtocol } from "./linear_quick.ts";
import { voc07Protocol } from "./voc07.ts";

/** The table; a new protocol is a file beside this one and a line here. */
export const PROTOCOLS = {
  linear: linearProtocol,
  "linear-quick": linearQuickProtocol,
  knn: knnProtocol,
  "few-shot": fewShotProtocol,
  voc07: voc07Protocol,
  detection: detectionProtocol,
  cars: carsProtocol,
} as const satisfies Record<string, Protocol>;

/** A name in the table. */
export type ProtocolName = keyof typeof PROTOCOLS;
/** All names. */
export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as ProtocolName[];
/** Those that run where none is named. */
export const DEFAULT_PROTOCOLS: readonly ProtocolName[] = ["linear", "knn"];
