/**
 * latent-views as a library: build graphs, run them on WebGPU, import ONNX generators, train and evaluate encoders.
 * The command line (tasks/) is made of the same parts.
 *
 * @module
 */

export { type Config, loadConfig, parseConfig } from "./src/config.ts";
export { type LabelledSet, openSplit } from "./src/data/labelled_set.ts";
export { readSafetensors, writeSafetensors } from "./src/data/safetensors.ts";
export { projectionHead } from "./src/encoders/head.ts";
export { initializeStates } from "./src/encoders/init.ts";
export { resnet, resnetSpec } from "./src/encoders/resnet.ts";
export { loadEncoder } from "./src/encoders/weights.ts";
export { UserError, WorkError } from "./src/errors.ts";
export { alignment, effectiveRank, uniformity } from "./src/evaluation/embeddings.ts";
export { evaluate, openProbeData } from "./src/evaluation/evaluate.ts";
export { FeatureExtractor } from "./src/evaluation/features.ts";
export { knn } from "./src/evaluation/knn.ts";
export { linearProbe } from "./src/evaluation/linear_probe.ts";
export { anchors, latentView, rngInput, stepSamples } from "./src/generators/latents.ts";
export { type Generator, loadGenerator } from "./src/generators/model.ts";
export { rngValues } from "./src/generators/random.ts";
export { readWalks, type Walks } from "./src/generators/walks.ts";
export { type Gpu, openGpu } from "./src/gpu/device.ts";
export { execute, targetOf } from "./src/gpu/execute.ts";
export { Session } from "./src/gpu/session.ts";
export { StateStore } from "./src/gpu/store.ts";
export { Graph, printGraph } from "./src/graph/graph.ts";
export { plan } from "./src/graph/plan.ts";
export { printProgram } from "./src/graph/program.ts";
export { contrastiveLoss, simclrLoss } from "./src/losses/simclr.ts";
export { loadModel } from "./src/onnx/decode.ts";
export { importModel } from "./src/onnx/import.ts";
export { grad } from "./src/ops/gradients.ts";
export { loadCheckpoint, saveCheckpoint } from "./src/training/checkpoint.ts";
export { learnWalks } from "./src/training/steering.ts";
export { buildStep } from "./src/training/step.ts";
export { train } from "./src/training/trainer.ts";
