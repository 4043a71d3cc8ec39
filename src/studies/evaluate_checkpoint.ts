/** Probes of a checkpoint, of torchvision-named weights, or of the untrained network. */

import type { Config } from "../config.ts";
import { initializeStates } from "../encoders/init.ts";
import { loadEncoder } from "../encoders/weights.ts";
import { knn, type KnnResult } from "../evaluation/knn.ts";
import type { ProbeResult } from "../evaluation/linear_probe.ts";
import { loadProbeData, probeFeatures, probeLinear } from "../evaluation/evaluate.ts";
import type { Gpu } from "../gpu/device.ts";
import { StateStore } from "../gpu/store.ts";
import { startProgress } from "../progress.ts";
import { encoderStates } from "./train_and_probe.ts";

/** Protocols by the name that the command line knows. */
export const PROTOCOLS = ["linear", "knn"] as const;
/** One of them. */
export type Protocol = typeof PROTOCOLS[number];

/** What an evaluation says, in per cent; a protocol that was not asked for is left out. */
export interface CheckpointEvaluation {
  readonly checkpoint: string;
  readonly n_train: number;
  readonly n_test: number;
  readonly classes: number;
  readonly linear?: ProbeResult;
  readonly knn?: KnnResult;
}

/** Fills a store with the encoder of `checkpoint`: a file, or `random` for the network as a run with this seed begins. */
export async function loadStates(store: StateStore, checkpoint: string, config: Config): Promise<void> {
  const shapes = encoderStates(store, config);
  initializeStates(store, shapes, config.seed);
  if (checkpoint !== "random") await loadEncoder(checkpoint, store, shapes);
}

/** Evaluates a checkpoint on the configuration's probe data. */
export async function evaluateCheckpoint(
  gpu: Gpu,
  checkpoint: string,
  config: Config,
  protocols: readonly Protocol[],
  warn: (line: string) => void,
): Promise<CheckpointEvaluation> {
  const data = await loadProbeData(config, warn);
  const store = new StateStore(gpu);
  const progress = startProgress({ label: "features", total: data.train.n + data.test.n });
  try {
    await loadStates(store, checkpoint, config);
    const features = await probeFeatures(gpu, store, config, data, (done) => progress.update(done));
    return {
      checkpoint,
      n_train: data.train.n,
      n_test: data.test.n,
      classes: features.classes,
      ...(protocols.includes("linear") ? { linear: await probeLinear(gpu, config, features) } : {}),
      ...(protocols.includes("knn") ? { knn: await knn(gpu, features.train, features.test, features.classes) } : {}),
    };
  } finally {
    progress.stop();
    store.close();
  }
}
