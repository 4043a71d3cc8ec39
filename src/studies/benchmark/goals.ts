/** What this program's speed is held against: bounds on its times beside the peers', and on its share of a peak. */

import { adapterFamily, type Results, type StoredComparison, type StoredRow } from "./results.ts";

/** A bound, with what was measured. */
export interface GoalState {
  readonly goal: string;
  /** Such as "12.3 times"; null where it has not been measured. */
  readonly measured: string | null;
  readonly reached: boolean;
}

/** This program's name among the engines. */
export const OWN = "latent-views";

type Selector = Pick<StoredComparison, "work" | "batch" | "size">;

/** Faster than an engine by this factor. */
interface RatioGoal {
  readonly what: string;
  readonly work: Selector;
  readonly engine: string;
  readonly least: number;
}

/** So many GFLOP/s. */
interface RateGoal {
  readonly what: string;
  readonly work: Selector;
  readonly gflops: number;
  readonly of: string;
}

const STEP = { work: "train-resnet50", batch: 16, size: 128 };
const GENERATORS = [
  ["DCGAN-64", { work: "dcgan64", batch: 16, size: 64 }],
  ["BigGAN-like 128", { work: "biggan128", batch: 16, size: 128 }],
  ["StyleGAN2-like 64", { work: "stylegan64", batch: 16, size: 64 }],
] as const;

/** On lavapipe, where 90 GFLOP/s are what it reaches on two cores with vec4 in registers. */
const SOFTWARE: readonly (RatioGoal | RateGoal)[] = [
  { what: "ResNet-50 step, 16 images", work: STEP, engine: "tfjs WebGPU", least: 40 },
  { what: "ResNet-50 step, 16 images", work: STEP, engine: "jax-js WebGPU", least: 5 },
  { what: "ResNet-50 step, 16 images", work: STEP, engine: "PyTorch CPU", least: 0.25 },
  ...GENERATORS.map(([what, work]) => ({ what, work, engine: "onnxruntime-web WebGPU", least: 10 })),
  ...GENERATORS.map(([what, work]) => ({ what, work, engine: "onnxruntime-web WASM", least: 1 })),
  {
    what: "product of 1024",
    work: { work: "matmul", batch: 1, size: 1024 },
    gflops: 54,
    of: "60 % of the 90 GFLOP/s that llvmpipe reaches in registers",
  },
];

/** On an H100 or H200, whose f32 peak is 67 TFLOP/s. */
const NVIDIA: readonly (RatioGoal | RateGoal)[] = [
  {
    what: "ResNet-50 step, 512 images",
    work: { ...STEP, batch: 512 },
    engine: "PyTorch CUDA f32",
    least: 1,
  },
  ...["", "-dx", "-dw"].map((pass) => ({
    what: `3x3 convolution of 256 channels at 32 pixels${pass && `, ${pass.slice(1)}`}`,
    work: { work: `conv3x3-256-256${pass}`, batch: 64, size: 32 },
    gflops: 33_500,
    of: "half of the 67 TFLOP/s of f32",
  })),
];

/** The goals of an adapter. None for an adapter that none were set for. */
export function goalsOf(adapter: string, { comparisons }: Results): GoalState[] {
  const goals = /llvmpipe/i.test(adapter) ? SOFTWARE : /\bH[12]00\b/.test(adapter) ? NVIDIA : [];
  const here = comparisons.filter((c) => adapterFamily(c.adapter) === adapterFamily(adapter));
  return goals.map((goal) => {
    const { work, batch, size } = goal.work;
    const found = here.find((c) => c.work === work && c.batch === batch && c.size === size);
    const value = found && ("engine" in goal ? ratioTo(found, goal.engine) : rowOf(found, OWN)?.gflops) || null;
    return {
      goal: `${goal.what}: ${boundOf(goal)}`,
      measured: value === null
        ? null
        : `${Number(value.toPrecision(3)).toLocaleString("en")} ${"engine" in goal ? "times" : "GFLOP/s"}`,
      reached: value !== null && value >= ("engine" in goal ? goal.least : goal.gflops),
    };
  });
}

function boundOf(goal: RatioGoal | RateGoal): string {
  if ("gflops" in goal) return `at least ${goal.gflops.toLocaleString("en")} GFLOP/s, ${goal.of}`;
  if (goal.least === 1) return `faster than ${goal.engine}`;
  const factor = goal.least === 0.25 ? "a quarter of" : `${goal.least} times`;
  return `at least ${factor} the speed of ${goal.engine}`;
}
/** How many times as fast as an engine this program is in a work; null where one of them has no time. */
export function ratioTo(comparison: StoredComparison, engine: string): number | null {
  const [own, other] = [rowOf(comparison, OWN), rowOf(comparison, engine)];
  return own && other ? other.ms_median / own.ms_median : null;
}

/** An engine's times in a work; null where it has none. */
export function rowOf({ rows }: StoredComparison, engine: string): Extract<StoredRow, { about: string }> | null {
  const row = rows.find((r) => r.engine === engine);
  return row && "about" in row ? row : null;
}
