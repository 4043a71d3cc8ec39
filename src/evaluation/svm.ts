/** Linear support vector machines of squared hinge loss, many at once on the device (see ops/squared_hinge.ts). */

import type { Gpu } from "../gpu/device.ts";
import { execute } from "../gpu/execute.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { matmul } from "../ops/matmul.ts";
import { HINGE_CONTROL, type HingeShape, squaredHingeTick } from "../ops/squared_hinge.ts";
import type { Features } from "./features.ts";

/** A solved problem. */
export interface SvmSolution {
  /** Weights of the features, then the intercept. */
  readonly weights: Float32Array;
  /** Decision values of all samples, those that the problem leaves out among them. */
  readonly scores: Float32Array;
  /** Estimate of the weights' relative error. */
  readonly error: number;
}

/** Hears of a problem by its number. */
export type OnSolved = (problem: number, solution: SvmSolution) => void;

const LIMITS = { tolerance: 1e-4, mostInner: 1000, mostOuter: 60 };
/** Ticks between two looks at which problems are done. */
const TICKS = 4;
/** Where this share of a batch is done, the rest goes on in a smaller one. */
const SHRINK = 0.2;
/** Rows a batch at least; fewer make no product faster. */
const LEAST = 8;

/**
 * Minimises |w|^2 / 2 + b^2 / 2 + sum_i c_i max(0, 1 - y_i (w.x_i + b))^2 for each problem: the intercept counts as a
 * weight, as in LinearSVC. A problem gives y_i c_i of each sample, 0 for one that it leaves out. Solutions come when
 * they are there, in no order.
 */
export async function solveSvms(
  gpu: Gpu,
  features: Features,
  problems: readonly Float32Array[],
  onSolved: OnSolved,
): Promise<void> {
  const x = padFeatures(features);
  const most = Math.max(
    LEAST,
    Math.floor(gpu.info.limits.maxStorageBufferBindingSize / (4 * Math.max(x.samples, x.size))),
  );
  const waiting = problems.map((targets, problem): Row => ({ problem, targets, states: null }));
  let under: Row[] = [];
  while (waiting.length + under.length > 0) {
    const batch = await SvmBatch.create(gpu, x, [...under, ...waiting.splice(0, most - under.length)]);
    try {
      under = await batch.run((problem, { weights, scores, error }) =>
        onSolved(problem, {
          weights: weights.slice(0, features.size + 1),
          scores: scores.slice(0, features.n),
          error,
        })
      );
    } finally {
      batch.close();
    }
  }
}

/** Decision values [classifiers, n] of some classifiers' weights, which end with the intercept. */
export async function decisionValues(
  gpu: Gpu,
  features: Features,
  weights: readonly Float32Array[],
): Promise<Float32Array[]> {
  const { data, samples, size } = padFeatures(features);
  const w = new Float32Array(weights.length * size);
  weights.forEach((row, i) => w.set(row, i * size));
  const g = new Graph();
  g.output(
    "scores",
    matmul(g, g.input("w", [weights.length, size]), g.input("x", [samples, size]), { transB: true }),
  );
  const { scores } = await execute(gpu, g, { w, x: data });
  return weights.map((_, i) => (scores as Float32Array).slice(i * samples, i * samples + features.n));
}

/** Features [samples, size] with a column of ones behind them, both padded with zeros to whole vec4. */
interface Padded {
  readonly data: Float32Array;
  readonly samples: number;
  readonly size: number;
}

function padFeatures({ data, n, size: length }: Features): Padded {
  const roundUp4 = (v: number) => 4 * Math.ceil(v / 4);
  const [samples, size] = [roundUp4(n), roundUp4(length + 1)];
  const padded = new Float32Array(samples * size);
  for (let i = 0; i < n; i++) {
    padded.set(data.subarray(i * length, (i + 1) * length), i * size);
    padded[i * size + length] = 1;
  }
  return { data: padded, samples, size };
}

/** A problem under way: its number, sign times cost of each sample, and where an earlier batch left it. */
interface Row {
  readonly problem: number;
  readonly targets: Float32Array;
  /** Its row of each state; null before the start, where all are zeros. */
  readonly states: Readonly<Record<StateName, Float32Array>> | null;
}

/** What a problem keeps from tick to tick. */
const STATES = ["w", "s", "r", "p", "f", "along", "control"] as const;
type StateName = typeof STATES[number];

/** Values of a problem's row of a state. */
function rowLength(name: StateName, { samples, size }: HingeShape): number {
  if (name === "control") return HINGE_CONTROL.size;
  return name === "f" || name === "along" ? samples : size;
}

/** Problems that are solved side by side. The caller closes it. */
class SvmBatch {
  private constructor(
    readonly rows: readonly Row[],
    readonly shape: HingeShape,
    readonly store: StateStore,
    readonly session: Session,
  ) {}

  static async create(gpu: Gpu, { data, samples, size }: Padded, rows: readonly Row[]): Promise<SvmBatch> {
    const shape = { rows: Math.max(LEAST, rows.length), samples, size };
    const g = new Graph();
    squaredHingeTick(g, shape, LIMITS);
    const store = new StateStore(gpu);
    const session = await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), store);
    const write = (name: string, length: number, values: (row: Row) => Float32Array | undefined) => {
      const all = new Float32Array(shape.rows * length);
      rows.forEach((row, i) => all.set(values(row) ?? [], i * length));
      store.write(`hinge.${name}`, all);
    };
    store.write("hinge.x", data);
    write("targets", samples, ({ targets }) => targets);
    for (const name of STATES) write(name, rowLength(name, shape), ({ states }) => states?.[name]);
    return new SvmBatch(rows, shape, store, session);
  }

  /** Runs until enough problems are done, tells them, and gives the others as they are. */
  async run(onSolved: OnSolved): Promise<Row[]> {
    const { size, phase, done, error } = HINGE_CONTROL;
    const enough = Math.ceil(SHRINK * this.rows.length);
    let control: Float32Array;
    const isDone = (i: number) => control[i * size + phase] === done;
    do {
      for (let tick = 0; tick < TICKS; tick++) await this.session.run();
      control = await this.store.read("hinge.control", this.shape.rows * size);
    } while (this.rows.filter((_, i) => isDone(i)).length < enough);
    const rowsOf = await this.#readStates();
    return this.rows.flatMap((row, i) => {
      const states = rowsOf(i);
      if (!isDone(i)) return { ...row, states };
      onSolved(row.problem, {
        weights: states.w,
        scores: states.f,
        error: states.control[error]!,
      });
      return [];
    });
  }

  /** Reads all states; what it gives cuts a row out of each. */
  async #readStates(): Promise<(i: number) => Record<StateName, Float32Array>> {
    const cut = await Promise.all(STATES.map(async (name) => {
      const length = rowLength(name, this.shape);
      const all = await this.store.read(`hinge.${name}`, this.shape.rows * length);
      return (i: number) => [name, all.slice(i * length, (i + 1) * length)] as const;
    }));
    return (i) => Object.fromEntries(cut.map((of) => of(i))) as Record<StateName, Float32Array>;
  }

  close(): void {
    this.session.close();
    this.store.close();
  }
}
