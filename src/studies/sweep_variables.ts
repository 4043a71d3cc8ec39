/** The settings that the paper's figures 5, 6, 8 and 9 vary. */

import { trainingLength } from "../config.ts";
import type { SweepVariable } from "./sweep.ts";

// Numbers behind figures 5 and 9 are in the authors' utils/plot_std_vs_acc.ipynb; those behind 6 and 8 are nowhere.
const PAPER = ["the paper", "ImageNet100, linear top-1 (%)"];

/** Figure 5: the std of the Gaussian latent view; 0 takes both views from one latent. */
export const STD: SweepVariable = {
  name: "std",
  axis: { title: "std of the Gaussian latent view", type: "linear" },
  paper: { title: PAPER, points: [[0.05, 60.22], [0.1, 63.18], [0.2, 65.46], [0.3, 65.42], [0.4, 64.42]] },
  settings: (config, std) => ({
    ...config,
    views: { ...config.views, latent: { ...config.views.latent, kind: std === 0 ? "none" : "gaussian", std } },
  }),
};

/**
 * Figures 6 and 8: the number of different samples, at a fixed number of updates: those of the configuration, whose
 * epochs are counted with its own number of samples. The authors repeat short lists within an epoch and cut long ones
 * into several to hold the updates fixed (GenRep's main_unified.py); here a set is gone through again until the steps
 * are done. The rate then moves by steps, theirs by a 200th of the run.
 */
export const SAMPLES: SweepVariable = {
  name: "samples",
  axis: { title: "different samples of the generator", type: "log" },
  paper: null,
  settings: (config, samples) => ({
    ...config,
    epochs: null,
    steps: trainingLength(config).steps,
    data: { ...config.data, samples },
  }),
};

/**
 * Figure 9: the share of generated images in a training set of real ones, with pixel views alone. `real` is a folder,
 * IDX files or shards with `count` images; there are as many generated ones, unless `data.samples` says otherwise. The
 * authors' MixDataset (GenRep's util.py) draws for each access whether a real image or the generated one of the same
 * number is seen. Here a step has a fixed number of each, and both sets are gone through in another order each time: so
 * too every image of either set is seen as often as the others of its set, and which real ones are left out is never
 * the same twice.
 */
export function mixVariable(real: string, count: number): SweepVariable {
  return {
    name: "generated",
    axis: { title: "share of generated images", type: "linear" },
    paper: { title: PAPER, points: [[0, 67.36], [0.05, 67.52], [0.25, 66.12], [0.5, 64.68], [1, 58.6]] },
    settings: (config, generated) => ({
      ...config,
      views: { ...config.views, latent: { ...config.views.latent, kind: "none" } },
      data: {
        ...config.data,
        kind: "generator",
        samples: config.data.samples ?? count,
        mix: generated === 1 ? null : { path: real, ratio: Number((1 - generated).toFixed(6)) },
      },
    }),
  };
}
