/** Evaluation of an encoder by protocols: of a checkpoint, of other weights, of an ONNX model, of the untrained network. */

import type { Config } from "../config.ts";
import { WorkError } from "../errors.ts";
import { openEncoder } from "../evaluation/encoder.ts";
import type { ProbeData } from "../evaluation/evaluate.ts";
import { labelledSource } from "../evaluation/labelled_source.ts";
import type { Outcome, ProtocolContext } from "../evaluation/protocol.ts";
import { type ProtocolName, PROTOCOLS } from "../evaluation/protocols/mod.ts";
import type { Gpu } from "../gpu/device.ts";

/** Images of labelled data that were used. */
export interface DataSizes {
  readonly n_train: number;
  readonly n_test: number;
  readonly classes: number;
}

/** What an evaluation says. */
export interface CheckpointEvaluation {
  readonly checkpoint: string;
  /** Of `probe.data`; null where no protocol looked at them. */
  readonly data: DataSizes | null;
  /** In the order in which the protocols were asked for. */
  readonly outcomes: ReadonlyMap<ProtocolName, Outcome>;
}

/** Where an evaluation writes, and who hears of it. */
export interface EvaluationOptions extends Pick<ProtocolContext, "out" | "resume" | "signal" | "log"> {
  /** Hears each protocol's outcome when it is there. */
  readonly onOutcome?: (name: ProtocolName, outcome: Outcome, data: DataSizes | null) => Promise<void>;
}

/** Judges an encoder (see `openEncoder`) by some protocols; `out` is a folder for their files. */
export async function evaluateCheckpoint(
  gpu: Gpu,
  checkpoint: string,
  config: Config,
  protocols: readonly ProtocolName[],
  { onOutcome, ...options }: EvaluationOptions,
): Promise<CheckpointEvaluation> {
  const encoder = await openEncoder(gpu, checkpoint, config);
  try {
    const source = labelledSource(gpu, encoder, config.probe.data, options.log);
    const context: ProtocolContext = { gpu, encoder, config, ...options, ...source };
    const sizes = async () => source.opened() ? sizesOf(await source.labelled()) : null;
    const outcomes = new Map<ProtocolName, Outcome>();
    for (const name of protocols) {
      if (options.signal.aborted) throw new WorkError(`stopped before protocol ${name}`);
      const outcome = await PROTOCOLS[name].run(context);
      outcomes.set(name, outcome);
      const own = PROTOCOLS[name].data === "labelled";
      await onOutcome?.(name, outcome, own ? await sizes() : null);
    }
    return { checkpoint, data: await sizes(), outcomes };
  } finally {
    encoder.store.close();
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

function sizesOf({ train, test }: ProbeData): DataSizes {
  return { n_train: train.n - train.rejected(), n_test: test.n - test.rejected(), classes: train.classes.length };
}
