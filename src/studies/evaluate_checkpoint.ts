/** Evaluation of a checkpoint, of torchvision-named weights, or of the untrained network. */

import type { Config } from "../config.ts";
import { WorkError } from "../errors.ts";
import { initializeStates } from "../encoders/init.ts";
import { loadEncoder } from "../encoders/weights.ts";
import { resnetEncoder } from "../evaluation/encoder.ts";
import type { ProbeData } from "../evaluation/evaluate.ts";
import { labelledSource } from "../evaluation/labelled_source.ts";
import type { Outcome, ProtocolContext } from "../evaluation/protocol.ts";
import { type ProtocolName, PROTOCOLS } from "../evaluation/protocols/mod.ts";
import type { Gpu } from "../gpu/device.ts";
import { StateStore } from "../gpu/store.ts";
import { encoderStates } from "./train_and_probe.ts";

/** What an evaluation says. */
export interface CheckpointEvaluation {
  readonly checkpoint: string;
  /** Images of the labelled data that were used; null where no protocol looked at them. */
  readonly data: { readonly n_train: number; readonly n_test: number; readonly classes: number } | null;
  /** In the order in which the protocols were asked for. */
  readonly outcomes: ReadonlyMap<ProtocolName, Outcome>;
}

/** Fills a store with the encoder of `checkpoint`: a file, or `random` for the network as a run with this seed begins. */
export async function loadStates(store: StateStore, checkpoint: string, config: Config): Promise<void> {
  const shapes = encoderStates(store, config);
  initializeStates(store, shapes, config.seed);
  if (checkpoint !== "random") await loadEncoder(checkpoint, store, shapes);
}

/** Judges a checkpoint by some protocols; `out` is a folder for their files. */
export async function evaluateCheckpoint(
  gpu: Gpu,
  checkpoint: string,
  config: Config,
  protocols: readonly ProtocolName[],
  { out, resume, signal, log }: Pick<ProtocolContext, "out" | "resume" | "signal" | "log">,
): Promise<CheckpointEvaluation> {
  const store = new StateStore(gpu);
  try {
    await loadStates(store, checkpoint, config);
    const encoder = resnetEncoder(checkpoint, store, config.encoder);
    const source = labelledSource(gpu, encoder, config.probe.data, log);
    const context: ProtocolContext = { gpu, encoder, config, out, resume, signal, log, ...source };
    const outcomes = new Map<ProtocolName, Outcome>();
    for (const name of protocols) {
      if (signal.aborted) throw new WorkError(`stopped before protocol ${name}`);
      outcomes.set(name, await PROTOCOLS[name].run(context));
    }
    return { checkpoint, data: source.opened() ? sizesOf(await source.labelled()) : null, outcomes };
  } finally {
    store.close();
  }
}

/** The evaluation as one object: sizes of the data, and what each protocol says under its name. */
export function evaluationJson({ checkpoint, data, outcomes }: CheckpointEvaluation): Record<string, unknown> {
  const results = [...outcomes].map(([name, { result }]) => [name, result] as const);
  return { checkpoint, ...data, ...Object.fromEntries(results) };
}

/** The evaluation as lines, for people. */
export function evaluationText({ checkpoint, data, outcomes }: CheckpointEvaluation): string {
  const sizes = data
    ? `: ${data.n_train} training and ${data.n_test} test images of ${data.classes} classes, per cent`
    : ", per cent";
  const width = Math.max(...[...outcomes.keys()].map((name) => name.length));
  const lines = [...outcomes].flatMap(([name, outcome]) =>
    outcome.lines.map((line, i) => `${(i === 0 ? name : "").padEnd(width)}  ${line}`)
  );
  return [checkpoint + sizes, ...lines].join("\n");
}

function sizesOf({ train, test }: ProbeData) {
  return { n_train: train.n - train.rejected(), n_test: test.n - test.rejected(), classes: train.classes.length };
}
