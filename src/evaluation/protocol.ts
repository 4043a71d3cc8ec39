/** What a protocol of evaluation is: one file below protocols/ each, named in the table of protocols/mod.ts. */

import type { Config } from "../config.ts";
import type { Gpu } from "../gpu/device.ts";
import type { FrozenEncoder } from "./encoder.ts";
import type { LabelledSource } from "./labelled_source.ts";

/** Columns of the paper's tables, in their order. */
export const COLUMNS = ["ImageNet top-1", "VOC07 AP", "detection AP", "AP50", "AP75", "Cars"] as const;
/** One of them. */
export type Column = typeof COLUMNS[number];

/** Kinds of data sets, which protocols share: labelled images (`probe.data`), VOC's devkit, Stanford Cars. */
export const DATA_KINDS = ["labelled", "voc", "cars"] as const;
/** One of them. */
export type DataKind = typeof DATA_KINDS[number];

/** What a protocol works with; its data set is `probe.data`, shared by all protocols that use it. */
export interface ProtocolContext extends LabelledSource {
  readonly gpu: Gpu;
  readonly encoder: FrozenEncoder;
  readonly config: Config;
  /** An existing folder for tables and pictures; null where none are wanted. */
  readonly out: string | null;
  /** Whether resumable protocols go on with what they left in `out`. */
  readonly resume: boolean;
  /** Stops a resumable protocol, which then leaves a checkpoint. */
  readonly signal: AbortSignal;
  /** Hears lines about the work. */
  readonly log: (line: string) => void;
}

/** What a protocol says about an encoder. */
export interface Outcome {
  /** Goes to evaluation.json under the protocol's name: plain data, accuracies in per cent. */
  readonly result: Readonly<Record<string, unknown>>;
  /** For people; the protocol's name is put in front of the first line. */
  readonly lines: readonly string[];
  /** Figures for tables, in per cent, by their column: one of the paper's, or a name of the protocol's own. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A way to judge an encoder. */
export interface Protocol {
  /** One line for --help. */
  readonly summary: string;
  /** Whether it trains for so long that it keeps checkpoints in `out`, and listens to the signal. */
  readonly resumable?: true;
  /** The kind of data set that it runs on. */
  readonly data: DataKind;
  /** Columns of the paper's tables that it fills. */
  readonly columns: readonly Column[];
  /** Where its data lie by the settings; null where they do not say. */
  dataOf(config: Config): string | null;
  /** The settings with a folder as its data; what does not fit is a UserError. */
  withData(config: Config, path: string): Config;
  /** Judges the context's encoder. */
  run(context: ProtocolContext): Promise<Outcome>;
}
