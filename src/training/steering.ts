/**
 * Learning steering walks: all of them together, by Adam through the frozen generator (Jahanian, Chai, Isola 2020;
 * GenRep's utils/biggan_steer_train.py). What is random follows from (seed, step), so that a resumed run continues bit
 * for bit.
 */

import { type Config, configToYaml } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { writeSafetensors } from "../data/safetensors.ts";
import { UserError } from "../errors.ts";
import type { Generator } from "../generators/model.ts";
import { normalDraw, rngValues, STREAMS } from "../generators/random.ts";
import { type Walks, walkTensors } from "../generators/walks.ts";
import type { Gpu } from "../gpu/device.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { plan } from "../graph/plan.ts";
import { printMemory } from "../graph/program.ts";
import { COEFFICIENT_LAWS } from "../ops/random_coefficients.ts";
import { loadCheckpoint, restoreStates, saveCheckpoint } from "./checkpoint.ts";
import { runSteps } from "./loop.ts";
import { MetricsFile } from "./metrics.ts";
import { buildSteeringStep, type SteeringForm, steeringForm, stepInputs } from "./steering_step.ts";

/** Where a run writes and what it listens to. */
export interface SteeringOptions {
  /** The run's folder: config.yaml, metrics.jsonl and the checkpoint. */
  readonly folder: string;
  /** The file of the finished walks. */
  readonly walks: string;
  /** A checkpoint to continue from. */
  readonly resume: string | null;
  readonly signal: AbortSignal;
  /** Hears of an update that is done, counted from 1. */
  readonly onStep: (report: { readonly step: number; readonly loss: number }) => void;
  readonly log: (line: string) => void;
}

/** How a run ended. */
export interface SteeringResult {
  readonly step: number;
  readonly steps: number;
  /** Loss of the last step; null where none was done here and the metrics do not tell. */
  readonly loss: number | null;
  readonly checkpoint: string;
  readonly seconds: number;
  /** As they are now, finished or not. */
  readonly walks: Walks;
  readonly form: SteeringForm;
}

/** Learns from the first step, or from a checkpoint, to the last step or to the signal. */
export async function learnWalks(
  gpu: Gpu,
  generator: Generator,
  config: Config,
  options: SteeringOptions,
): Promise<SteeringResult> {
  const { steps, lr } = config.steer;
  const { folder, log } = options;
  const rate = { key: "steer.lr", value: lr };
  const begun = performance.now();
  const resumed = options.resume === null ? null : await loadCheckpoint(options.resume);
  const start = resumed?.step ?? 0;
  if (start > steps) {
    throw new UserError(`${resumed!.path} is at step ${start}, the run ends at ${steps}: raise --steps`);
  }
  const form = steeringForm(generator, config);
  const graph = buildSteeringStep(generator, form, config);
  const states = new Map([...graph.states].filter(([name]) => name !== "health").map(([name, t]) => [name, t.shape]));
  const program = plan(graph, await tunedTarget(gpu, graph, log));
  log(`a step is ${program.steps.length} dispatches and copies; ${printMemory(program)}`);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, program, store);
  try {
    if (resumed) restoreStates(resumed, store, states);
    else store.write("walks", firstWalks(form, generator.latentSize, config));
    // Only now, so that what does not fit leaves an older run's files alone.
    await writeAtomic(`${folder}/config.yaml`, configToYaml(config));
    const checkpoint = `${folder}/last.safetensors`;
    const metrics = await MetricsFile.open(folder, start, null);
    let loss = metrics.last?.step === start ? metrics.last.loss : null;
    try {
      const measured = { time: performance.now(), step: start };
      const step = await runSteps(session, {
        start,
        steps,
        saveEvery: config.checkpoint.every,
        signal: options.signal,
        inputs: (step) => stepInputs(form, config, step),
        onStep: (done, value) => {
          loss = value;
          options.onStep({ step: done, loss });
          if (done % config.log.every === 0 || done === steps) metrics.write(lineOf(done, loss, config, measured));
        },
        save: (done) => saveCheckpoint(checkpoint, store, states, { step: done, config, rate }),
        rate,
      });
      const vectors = await store.read("walks", form.laws.length * generator.latentSize);
      const walks: Walks = { laws: form.laws, vectors, size: generator.latentSize };
      if (step === steps) await writeWalks(options.walks, walks, { step, loss, config });
      return { step, steps, loss, checkpoint, seconds: (performance.now() - begun) / 1000, walks, form };
    } finally {
      metrics.close();
    }
  } finally {
    session.close();
    store.close();
  }
}

/** Normal values of the configuration's std, for each walk the same whatever others are learned. */
function firstWalks({ laws }: SteeringForm, size: number, { seed, steer: { std } }: Config): Float32Array {
  const attrs = { stream: STREAMS.initialization, shape: [size], scale: std, truncation: null, variants: false };
  const rng = rngValues(seed, 0);
  return Float32Array.from(laws.flatMap((law) => [...normalDraw(rng, [COEFFICIENT_LAWS.indexOf(law), 0], attrs)]));
}

function lineOf(step: number, loss: number, config: Config, measured: { time: number; step: number }) {
  const now = performance.now();
  const images = config.steer.batch * (step - measured.step);
  const speed = images / (now - measured.time) * 1000;
  [measured.time, measured.step] = [now, step];
  return { step, epoch: 1, loss, lr: config.steer.lr, images_per_second: Number(speed.toFixed(2)) };
}

/** The walks alone, with where they come from in the header. */
async function writeWalks(
  path: string,
  walks: Walks,
  { step, loss, config }: { step: number; loss: number | null; config: Config },
): Promise<void> {
  const { generator: { model }, seed, steer: { batch, lr, rule } } = config;
  const about = { generator: model, step, loss, seed, batch, lr, rule };
  const metadata = Object.entries(about).map(([key, value]) => [key, String(value)]);
  await writeSafetensors(path, walkTensors(walks), Object.fromEntries(metadata));
}
