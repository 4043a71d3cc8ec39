/**
 * The works whose speed is measured: what each computes, as a graph of ours and as a description that other programs
 * can follow (`Spec`). Inputs, weights and latents are functions of fixed seeds, so that everyone computes the same.
 */

import { buildBigGan128, buildDcgan64, buildStyleGan64 } from "../../../models/benchmark.ts";
import { randomWeights, type Weights } from "../../../models/weights.ts";
import { parseConfig } from "../../config.ts";
import { initializeStates } from "../../encoders/init.ts";
import { Graph } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { OnnxBuilder } from "../../onnx/build.ts";
import { decodeModel } from "../../onnx/decode.ts";
import { importModel } from "../../onnx/import.ts";
import { type ConvAttrs, convOp, convWeightGradient } from "../../ops/conv.ts";
import { convTransposeOp } from "../../ops/conv_transpose.ts";
import { matmul } from "../../ops/matmul.ts";
import { locate } from "../../paths.ts";
import { buildEncoderStep } from "../../training/step.ts";

/** Values by name; images are [n, h, w, c], weights [kh, kw, ci, co], linear layers [out, in]. */
export type Values = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** What a program must do; its tensors come beside it under the names that are given here. */
export type Spec =
  /**
   * A SimCLR step of ResNet-50 with a head of two linear layers on `views`: NT-Xent times `scale`, SGD. Parameters
   * have torchvision's names behind `encoder.`, and `head.0`, `head.2`. Gives the loss.
   */
  | {
    readonly kind: "step";
    readonly lr: number;
    readonly momentum: number;
    readonly weightDecay: number;
    readonly temperature: number;
    readonly scale: number;
  }
  /** An ONNX model on the inputs of its names; gives `image`. */
  | { readonly kind: "generator" }
  /** c = a b for square matrices, or its gradient from `dc` to a (dc b^T) or to b (a^T dc). */
  | { readonly kind: "product"; readonly pass: "forward" | "da" | "db" }
  /** y = conv(x, w) of stride 1 that keeps the size, or its gradient from `dy` to x or to w, whose shape is `weights`. */
  | { readonly kind: "convolution"; readonly pass: "forward" | "dx" | "dw"; readonly weights: readonly number[] };

/** A work made ready: everything that is needed to run it anywhere. */
export interface PreparedWork {
  readonly work: Work;
  readonly graph: Graph;
  /** The graph's output that is the work's result. */
  readonly output: string;
  /** Whether each run's result is wanted on the host: a loss or images, not the result of a lone kernel. */
  readonly read: boolean;
  readonly inputs: Values;
  /** First values of the states of a step. */
  readonly states: Values;
  /** The bytes of an ONNX file. */
  readonly model: Uint8Array | null;
  /** Floating-point operations of the convolutions and products, whoever computes them. */
  readonly flops: number;
}

/** One work of the list. */
export interface Work {
  readonly work: string;
  /** What reports call it. */
  readonly title: string;
  readonly batch: number;
  /** Side of the images in pixels, or of the matrices. */
  readonly size: number;
  /** Only worth its time on such an adapter. */
  readonly on?: "gpu";
  readonly spec: Spec;
  prepare(): Promise<Omit<PreparedWork, "work" | "flops">>;
}

/** Builds a work's graph and values. */
export async function prepareWork(work: Work): Promise<PreparedWork> {
  const parts = await work.prepare();
  return { ...parts, work, flops: flopsOf(parts.graph) };
}

/** Floating-point operations of a graph's convolutions and products. */
export function flopsOf({ nodes }: Graph): number {
  return nodes.reduce((sum, node) => sum + (node.op.flops?.(node) ?? 0), 0);
}

/**
 * Learning rate of the steps: so low that the loss of the second one, where first gradients are as large as here, still
 * follows from the first one's gradient to four digits in f32. At 1e-4 rounding alone moves it by a fifth of a per cent.
 */
const STEP_RATE = 1e-6;

/** All works, in the order in which they are run. */
export const WORKS: readonly Work[] = [
  trainingStep(8, 128),
  trainingStep(16, 128),
  { ...trainingStep(512, 128), on: "gpu" },
  generator(
    "generator",
    "default generator",
    16,
    32,
    () => Deno.readFile(locate("models/fashion-mnist/generator.onnx")),
  ),
  generator(
    "generator",
    "default generator",
    64,
    32,
    () => Deno.readFile(locate("models/fashion-mnist/generator.onnx")),
  ),
  generator("dcgan64", "DCGAN generator", 16, 64, built(buildDcgan64)),
  generator("biggan128", "BigGAN-like generator", 16, 128, built(buildBigGan128)),
  generator("stylegan64", "StyleGAN2-like generator", 16, 64, built(buildStyleGan64)),
  ...(["forward", "da", "db"] as const).map((pass) => product(1024, pass)),
  ...convolutions({ kernel: 3, ci: 64, co: 64, size: 32, batch: 16 }),
  ...convolutions({ kernel: 3, ci: 256, co: 256, size: 8, batch: 16 }),
  ...convolutions({ kernel: 1, ci: 256, co: 64, size: 32, batch: 16 }),
  ...convolutions({ kernel: 3, ci: 256, co: 256, size: 32, batch: 64 }).map((w) => ({ ...w, on: "gpu" as const })),
];

/** The names of the works, each once. */
export const WORK_NAMES: readonly string[] = [...new Set(WORKS.map((w) => w.work))];

/** A SimCLR step on `batch` given images: forward, loss, backward and update, with the default settings. */
function trainingStep(batch: number, size: number): Work {
  const config = parseConfig(`{batch: ${batch / 2}, steps: 1, encoder: {input: ${size}}}`);
  const { optimizer: { momentum, weight_decay: weightDecay }, objective } = config;
  const { temperature, base_temperature: base } = objective;
  return {
    work: "train-resnet50",
    title: `ResNet-50 SimCLR step, ${size} px`,
    batch,
    size,
    spec: { kind: "step", lr: STEP_RATE, momentum, weightDecay, temperature, scale: temperature / base },
    prepare: () => {
      const { graph, states: shapes } = buildEncoderStep(config);
      const states = new Map<string, { shape: readonly number[]; data: Float32Array }>();
      const write = (name: string, data: Float32Array) => states.set(name, { shape: shapes.get(name)!, data });
      initializeStates({ write }, shapes, config.seed);
      const inputs = valuesOf({ views: [batch, size, size, 3] });
      inputs.set("lr", { shape: [1], data: Float32Array.of(STEP_RATE) });
      return Promise.resolve({ graph, output: "loss", read: true, inputs, states, model: null });
    },
  };
}

/** An ONNX model from latents, and one-hot labels where it takes an input y, to images. */
function generator(work: string, title: string, batch: number, size: number, file: () => Promise<Uint8Array>): Work {
  return {
    work,
    title: `${title}, ${size} px`,
    batch,
    size,
    spec: { kind: "generator" },
    prepare: async () => {
      const model = await file();
      const decoded = decodeModel(model, work);
      const width = (name: string) => decoded.inputs.find((v) => v.name === name)?.dims?.[1] as number | undefined;
      const inputs = valuesOf({ z: [batch, width("z")!] });
      const classes = width("y");
      if (classes !== undefined) inputs.set("y", { shape: [batch, classes], data: oneHot(batch, classes) });
      const graph = new Graph();
      const given = [...inputs].map(([name, { shape }]) => [name, graph.input(name, shape)] as const);
      graph.output("image", importModel(graph, decoded, Object.fromEntries(given)).image!);
      return { graph, output: "image", read: true, inputs, states: new Map(), model };
    },
  };
}

function built(build: (weights: Weights) => OnnxBuilder): () => Promise<Uint8Array> {
  return () => Promise.resolve(build(randomWeights(0)).encode());
}

/** A product of square matrices, or one of its gradients. */
export function product(n: number, pass: "forward" | "da" | "db"): Work {
  const [left, right] = { forward: ["a", "b"], da: ["dc", "b"], db: ["a", "dc"] }[pass] as [string, string];
  return {
    work: pass === "forward" ? "matmul" : `matmul-${pass}`,
    title: `product of ${n} x ${n}${{ forward: "", da: ", dA", db: ", dB" }[pass]}`,
    batch: 1,
    size: n,
    spec: { kind: "product", pass },
    prepare: () => {
      const graph = new Graph();
      const [a, b] = [graph.input(left, [n, n]), graph.input(right, [n, n])];
      graph.output("c", matmul(graph, a, b, { transA: pass === "db", transB: pass === "da" }));
      return Promise.resolve(kernel(graph, "c", { [left]: [n, n], [right]: [n, n] }));
    },
  };
}

/** A layer's three kernels. */
function convolutions(
  { kernel: k, ci, co, size, batch }: { kernel: number; ci: number; co: number; size: number; batch: number },
): Work[] {
  const pad = (k - 1) / 2;
  const attrs: ConvAttrs = { strides: [1, 1], pads: [pad, pad, pad, pad], dilations: [1, 1], group: 1 };
  const shapes = { x: [batch, size, size, ci], w: [k, k, ci, co], dy: [batch, size, size, co] };
  return (["forward", "dx", "dw"] as const).map((pass) => ({
    work: `conv${k}x${k}-${ci}-${co}${pass === "forward" ? "" : `-${pass}`}`,
    title: `conv ${k}x${k}, ${ci} to ${co} at ${size} px${{ forward: "", dx: ", dX", dw: ", dW" }[pass]}`,
    batch,
    size,
    spec: { kind: "convolution" as const, pass, weights: shapes.w },
    prepare: () => {
      const graph = new Graph();
      const input = (name: "x" | "w" | "dy") => graph.input(name, shapes[name]);
      const [left, right] = { forward: ["x", "w"], dx: ["dy", "w"], dw: ["x", "dy"] }[pass] as ("x" | "w" | "dy")[];
      const [a, b] = [input(left!), input(right!)];
      graph.output(
        "y",
        pass === "forward"
          ? graph.apply(convOp, [a, b], attrs)
          : pass === "dx"
          ? graph.apply(convTransposeOp, [a, b], { ...attrs, size: [size, size] })
          : convWeightGradient(graph, a, b, shapes.w, attrs),
      );
      return Promise.resolve(kernel(graph, "y", { [left!]: shapes[left!], [right!]: shapes[right!] }));
    },
  }));
}

function kernel(graph: Graph, output: string, shapes: Readonly<Record<string, readonly number[]>>) {
  return { graph, output, read: false, inputs: valuesOf(shapes), states: new Map(), model: null };
}

/** Uniform values of mean 0 and standard deviation 1 for some shapes. */
function valuesOf(
  shapes: Readonly<Record<string, readonly number[]>>,
): Map<string, { shape: readonly number[]; data: Float32Array }> {
  const weights = randomWeights(1);
  return new Map(
    Object.entries(shapes).map(([name, shape]) => [name, { shape, data: weights.get(name, shape) }]),
  );
}

/** Row i has class i modulo the number of classes. */
function oneHot(rows: number, classes: number): Float32Array {
  const data = new Float32Array(sizeOf([rows, classes]));
  for (let i = 0; i < rows; i++) data[i * classes + i % classes] = 1;
  return data;
}
