/**
 * VOC07 classification (Goyal et al. 2019; GenRep transfer_classification/): a squared-hinge linear SVM for each class
 * on normalised features, its cost by 3-fold cross-validation, scored by average precision.
 */

import type { Gpu } from "../gpu/device.ts";
import { areaAp, elevenPointAp, meanPrecision, precisionRecall } from "./average_precision.ts";
import type { Features } from "./features.ts";
import { decisionValues, solveSvms, type SvmSolution } from "./svm.ts";

/** Features of a split, and for each class a label of each row: 1 present, 0 absent, -1 counts neither way. */
export interface VocFeatures {
  readonly features: Features;
  readonly labels: readonly Int8Array[];
}

/** What is known of a class after its test. Precisions are in per cent. */
export interface ClassResult {
  readonly name: string;
  readonly train_positives: number;
  readonly test_positives: number;
  readonly cost: number;
  /** Mean over the folds of scikit-learn's average precision at that cost. */
  readonly cv_ap: number;
  readonly ap11: number;
  readonly ap_area: number;
}

/** A class's SVM of each cost and fold, or of all samples. */
interface Problem {
  readonly label: number;
  readonly cost: number;
  /** The fold that is held out; null: none. */
  readonly fold: number | null;
}

/** Everything that the protocol says. */
export interface Voc07Result {
  readonly classes: readonly ClassResult[];
  /** Classes without a positive in one of the splits, which are in no mean. */
  readonly left_out: readonly string[];
  readonly map11: number;
  readonly map_area: number;
  /** Largest estimate of the relative error of an SVM's weights. */
  readonly svm_error: number;
}

/** Folds of the cross-validation. */
const FOLDS = 3;
/** Costs of a present and of an absent sample are these times the SVM's: {+1: 2, -1: 1}. */
const POSITIVE_WEIGHT = 2;
/** The authors' guard of a feature's norm. */
const NORM_EPS = 1e-5;

/**
 * Fits on `train`, scores on `test`. All costs, classes and folds are one batch of problems, the chosen ones' fits on
 * all of `train` another. `onSolved` hears how many of all are done.
 */
export async function voc07(
  gpu: Gpu,
  train: VocFeatures,
  test: VocFeatures,
  names: readonly string[],
  costs: readonly number[],
  onSolved: (done: number, total: number) => void = () => {},
): Promise<Voc07Result> {
  const positives = (set: VocFeatures, c: number) => set.labels[c]!.reduce((n, label) => n + Number(label === 1), 0);
  const used = names.map((_, c) => c).filter((c) => positives(train, c) > 0 && positives(test, c) > 0);
  const sorted = [...costs].sort((a, b) => a - b);
  const x = normalizeRows(train.features);
  const folds = train.labels.map((labels) => stratifiedFolds(labels, FOLDS));
  const problems: Problem[] = used.flatMap((label) =>
    sorted.flatMap((cost) => Array.from({ length: FOLDS }, (_, fold) => ({ label, cost, fold })))
  );
  const total = problems.length + used.length;
  let [done, error] = [0, 0];
  onSolved(0, total);
  const solve = async (wanted: readonly Problem[], heard: (problem: Problem, found: SvmSolution) => void) =>
    await solveSvms(gpu, x, wanted.map((problem) => targetsOf(problem, train, folds)), (i, found) => {
      error = Math.max(error, found.error);
      heard(wanted[i]!, found);
      onSolved(++done, total);
    });

  const precisions = new Map<string, number[]>();
  await solve(problems, ({ label, cost, fold }, { scores }) => {
    const held = train.labels[label]!.map((value, i) => folds[label]![i] === fold ? value : -1);
    const ap = meanPrecision(scores, held);
    const key = `${label} ${cost}`;
    // A fold without a positive says nothing.
    if (!Number.isNaN(ap)) precisions.set(key, [...precisions.get(key) ?? [], ap]);
  });
  const chosen = used.map((label) => {
    const tried = sorted.map((cost) => ({ cost, ap: mean(precisions.get(`${label} ${cost}`) ?? []) }));
    return { label, fold: null, ...tried.reduce((best, one) => one.ap > best.ap ? one : best) };
  });
  const weights: Float32Array[] = [];
  await solve(chosen, (problem, found) => {
    weights[chosen.findIndex(({ label }) => label === problem.label)] = found.weights;
  });
  const scores = used.length > 0 ? await decisionValues(gpu, normalizeRows(test.features), weights) : [];
  const classes = chosen.map(({ label, cost, ap }, i): ClassResult => {
    const curve = precisionRecall(scores[i]!, test.labels[label]!);
    return {
      name: names[label]!,
      train_positives: positives(train, label),
      test_positives: positives(test, label),
      cost,
      cv_ap: 100 * ap,
      ap11: 100 * elevenPointAp(curve),
      ap_area: 100 * areaAp(curve),
    };
  });
  return {
    classes,
    left_out: names.filter((_, c) => !used.includes(c)),
    map11: mean(classes.map(({ ap11 }) => ap11)),
    map_area: mean(classes.map(({ ap_area }) => ap_area)),
    svm_error: error,
  };
}

/** Sign times cost of each training row: 0 for rows that count neither way or are held out. */
function targetsOf({ label, cost, fold }: Problem, train: VocFeatures, folds: readonly Int8Array[]): Float32Array {
  return Float32Array.from(train.labels[label]!, (value, i) => {
    if (value === -1 || (fold !== null && folds[label]![i] === fold)) return 0;
    return value === 1 ? POSITIVE_WEIGHT * cost : -cost;
  });
}

/** Each row divided by its norm plus 1e-5. */
export function normalizeRows({ data, n, size }: Features): Features {
  const scaled = new Float32Array(data.length);
  for (let i = 0; i < n; i++) {
    const row = data.subarray(i * size, (i + 1) * size);
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0)) + NORM_EPS;
    row.forEach((v, j) => scaled[i * size + j] = v / norm);
  }
  return { data: scaled, n, size };
}

/**
 * The fold that each row is held out in, as scikit-learn's StratifiedKFold without shuffling deals them: each label's
 * rows in order, in runs, so that the folds' sizes and shares of each label differ by one at most. -1 for rows that
 * count neither way.
 */
export function stratifiedFolds(labels: Int8Array, folds: number): Int8Array {
  const counted = Array.from(labels.keys()).filter((i) => labels[i] !== -1);
  const kinds = [...new Set(counted.map((i) => labels[i]!))]; // by first appearance
  const sizes = kinds.map((kind) => counted.filter((i) => labels[i] === kind).length);
  // Kinds one after another, dealt in turns: how many of a kind each fold gets.
  const dealt = sizes.map((size, k) => {
    const start = sizes.slice(0, k).reduce((a, b) => a + b, 0);
    const share = new Array<number>(folds).fill(0);
    for (let i = start; i < start + size; i++) share[i % folds]!++;
    return share;
  });
  const result = new Int8Array(labels.length).fill(-1);
  kinds.forEach((kind, k) => {
    const runs = dealt[k]!.flatMap((count, fold) => new Array<number>(count).fill(fold));
    counted.filter((i) => labels[i] === kind).forEach((row, i) => result[row] = runs[i]!);
  });
  return result;
}

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
