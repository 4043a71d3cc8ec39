/** The works of `deno task benchmark`: each a graph that is run whole, timed as a user would wait for it. */

import { parseConfig } from "../config.ts";
import { loadGenerator } from "../generators/model.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { printProfile, profileTable, timeDispatches } from "../gpu/profile.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import { memoryOf, type Program } from "../graph/program.ts";
import { hostArray, sizeOf } from "../graph/tensor.ts";
import { matmul } from "../ops/matmul.ts";
import { locate } from "../paths.ts";
import { buildEncoderStep } from "../training/step.ts";

/** One timed work. */
export interface BenchmarkRow {
  readonly work: string;
  readonly batch: number;
  /** Side of the images in pixels, or of the matrices. */
  readonly size: number;
  readonly ms_median: number;
  readonly ms_min: number;
  readonly runs: number;
  readonly gflops: number;
  readonly dispatches: number;
  readonly mib: number;
  readonly adapter: string;
}

interface Work {
  readonly work: string;
  readonly batch: number;
  readonly size: number;
  build(): Graph | Promise<Graph>;
}

const GENERATOR = "models/fashion-mnist/card.yaml";

/** Name and size of every work. */
export const WORKS: readonly Work[] = [
  ...[8, 16].map((batch) => ({ work: "train-resnet50", batch, size: 128, build: () => trainingStep(batch, 128) })),
  ...[16, 64].map((batch) => ({ work: "generator", batch, size: 32, build: () => generator(batch) })),
  { work: "matmul", batch: 1, size: 1024, build: () => square(1024) },
];

/** Runs one work for at least a second and five runs, after one run that compiles. */
export async function timeWork(
  gpu: Gpu,
  work: Work,
  profile: boolean,
): Promise<{ row: BenchmarkRow; profile: string }> {
  const graph = await work.build();
  const program = plan(graph, await tunedTarget(gpu, graph));
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, program, store);
  try {
    fill(session);
    const output = [...program.outputs.keys()][0]!;
    const once = async () => {
      const begun = performance.now();
      await session.run([output]);
      return performance.now() - begun;
    };
    await once();
    const times: number[] = [];
    for (const end = performance.now() + 1000; times.length < 5 || performance.now() < end;) times.push(await once());
    times.sort((a, b) => a - b);
    const median = times[times.length >> 1]!;
    const row: BenchmarkRow = {
      work: work.work,
      batch: work.batch,
      size: work.size,
      ms_median: round(median),
      ms_min: round(times[0]!),
      runs: times.length,
      gflops: round(flopsOf(program) / median / 1e6),
      dispatches: program.steps.length,
      mib: Math.round(Object.values(memoryOf(program)).reduce((a, b) => a + b, 0) / 2 ** 20),
      adapter: gpu.info.name,
    };
    return { row, profile: profile ? printProfile(profileTable(await timeDispatches(session))) : "" };
  } finally {
    session.close();
    store.close();
  }
}

/** Floating-point operations of the convolutions and matrix products of a program. */
function flopsOf(program: Program): number {
  return program.steps.reduce((sum, step) => sum + (step.kind === "dispatch" ? step.flops : 0), 0);
}

/** A SimCLR step of ResNet-50 on `batch` given images: forward, loss, backward and update. */
function trainingStep(batch: number, size: number): Graph {
  const config = parseConfig(`{batch: ${batch / 2}, steps: 1, encoder: {input: ${size}}}`);
  return buildEncoderStep(config).graph;
}

async function generator(batch: number): Promise<Graph> {
  const model = await loadGenerator(locate(GENERATOR));
  const g = new Graph();
  g.output("images", model.build(g, g.input("z", [batch, model.latentSize]), null));
  return g;
}

function square(n: number): Graph {
  const g = new Graph();
  g.output("c", matmul(g, g.input("a", [n, n]), g.input("b", [n, n])));
  return g;
}

/** Small values that repeat nowhere: inputs of zeros could be computed faster than real ones. */
function fill(session: Session): void {
  for (const [name, place] of session.program.inputs) {
    const values = hostArray(place.dtype, sizeOf(place.shape));
    if (place.dtype === "f32") { for (let i = 0; i < values.length; i++) values[i] = Math.sin(i * 12.9898) * 0.1; }
    session.write(name, values);
  }
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
