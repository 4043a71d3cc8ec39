/** What a run says when its loss or its states are no longer finite. */

import { WorkError } from "../errors.ts";
import { firstNonFinite } from "../gpu/profile.ts";
import type { Session } from "../gpu/session.ts";

/** The setting of a run's learning rate. */
export interface RateSetting {
  readonly key: string;
  readonly value: number;
  /** Whether the run has operands of half precision, in which values may be too large that are not in f32. */
  readonly half?: boolean;
}

/** What a user can do about a run that went wrong. */
export function lowerRate({ key, value, half = false }: RateSetting): string {
  return `the last checkpoint is kept: resume it with a lower ${key} than ${value}${
    half ? ", or with precision f32" : ""
  }`;
}

/**
 * The failure of a step, counted from 0, whose inputs are in the session. Updates from this step on were skipped, so it
 * can be replayed to find where it went wrong.
 */
export async function divergence(session: Session, step: number, loss: number, rate: RateSetting): Promise<WorkError> {
  const first = await firstNonFinite(session);
  const where = first ? `first at ${first.node} (${first.op}, ${first.shader}.wgsl)` : "not found again when replayed";
  return new WorkError(`the loss is ${loss} at step ${step + 1}, ${where}; ${lowerRate(rate)}`);
}
