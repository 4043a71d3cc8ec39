/** The settings that the paper's figures 5, 6, 8 and 9 vary. */

import { UserError } from "../errors.ts";
import type { SweepVariable } from "./sweep.ts";

/** Figure 5: the std of the Gaussian latent view; 0 takes both views from one latent. */
export const STD: SweepVariable = {
  name: "std",
  axis: { title: "std of the Gaussian latent view", type: "linear" },
  settings: (config, std) => ({
    ...config,
    views: { ...config.views, latent: { ...config.views.latent, kind: std === 0 ? "none" : "gaussian", std } },
  }),
};

/**
 * Figures 6 and 8: the number of different samples, at a fixed number of updates. The authors repeat short lists and
 * cut long ones to hold the updates fixed (genrep `main_unified.py`); here the configuration's steps do it, so a
 * length in epochs, which grows with the samples, is refused.
 */
export const SAMPLES: SweepVariable = {
  name: "samples",
  axis: { title: "different samples of the generator", type: "log" },
  settings: (config, samples) => {
    if (config.steps === null) {
      throw new UserError("sweep-samples compares runs of the same number of updates: give --steps, not epochs");
    }
    return { ...config, data: { ...config.data, samples } };
  },
};

/**
 * Figure 9: the share of generated images in a training set of real ones, with pixel views alone. `real` is a folder,
 * IDX files or shards. Real and generated images are drawn from sets that stay the same, as MixDataset does.
 */
export function mixVariable(real: string): SweepVariable {
  return {
    name: "generated",
    axis: { title: "share of generated images", type: "linear" },
    settings: (config, generated) => ({
      ...config,
      views: { ...config.views, latent: { ...config.views.latent, kind: "none" } },
      data: {
        ...config.data,
        kind: "generator",
        mix: generated === 1 ? null : { path: real, ratio: Number((1 - generated).toFixed(6)) },
      },
    }),
  };
}
