/** What half precision asks of an adapter, and what a run says of steps whose gradient was too large for it. */

import { UserError, WorkError } from "../errors.ts";
import type { AdapterInfo } from "../gpu/device.ts";
import type { Config } from "../config.ts";

/** The feature of WebGPU that lets shaders read f16 from buffers. */
const FEATURE = "shader-f16";

/** Throws UserError where an adapter cannot train with the configuration's precision. */
export function requirePrecision({ name, features }: AdapterInfo, { precision }: Pick<Config, "precision">): void {
  if (precision === "f32" || features.includes(FEATURE)) return;
  throw new UserError(
    `precision is ${precision}, which needs ${FEATURE}, and ${name} has it not: set precision to f32`,
  );
}

/**
 * What is said of step number `step` (counted from 1), which changed nothing since its gradient was not finite, when the
 * loss scale is `scale` after it. Where the loss was not even scaled up, a smaller scale will not help: WorkError.
 */
export function skippedStep(step: number, scale: number): string {
  if (scale >= 1) {
    return `step ${step} is skipped: its gradient is not finite in half precision; loss scale ${scale} from here`;
  }
  throw new WorkError(
    `the gradient is not finite at step ${step}, though the loss is not scaled up: ` +
      "the last checkpoint is kept: resume it with precision f32",
  );
}
