/** What is evaluated: a frozen network from images to features. */

import { IMAGENET, type Normalization } from "../augment/params.ts";
import type { Config } from "../config.ts";
import { initializeStates } from "../encoders/init.ts";
import { resnet, type ResnetSpec, resnetSpec } from "../encoders/resnet.ts";
import { readEncoderWeights } from "../encoders/weight_file.ts";
import { fillEncoder } from "../encoders/weights.ts";
import type { Gpu } from "../gpu/device.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { loadOnnxEncoder } from "./onnx_encoder.ts";

/** A frozen encoder. Whoever made its store closes it. */
export interface FrozenEncoder {
  /** What tables call it. */
  readonly name: string;
  /** Holds the values of the states that `build` names. */
  readonly store: StateStore;
  /** Side of the square images that it is evaluated on where a protocol does not say. */
  readonly size: number;
  /** Whether it takes images of other sizes too, as protocols may ask. */
  readonly anySize: boolean;
  /** How images in [0, 1] are normalised for it. */
  readonly normalization: Normalization;
  /** The ResNet whose states `encoder.*` lie in the store, for protocols that train it further; else null. */
  readonly resnet: ResnetSpec | null;
  /** Adds the network in inference: normalised images [n, h, w, 3] to features [n, d]. */
  build(g: Graph, images: Tensor): Tensor;
}

/** The ResNet of a configuration with the states `encoder.*` in `store`: average-pooled, before any head. */
export function resnetEncoder(name: string, store: StateStore, encoder: Config["encoder"]): FrozenEncoder {
  return frozenResnet(name, store, resnetSpec(encoder), encoder.input);
}

function frozenResnet(name: string, store: StateStore, spec: ResnetSpec, size: number): FrozenEncoder {
  return {
    name,
    store,
    size,
    anySize: true,
    normalization: IMAGENET,
    resnet: spec,
    build: (g, images) => resnet(g, images, spec, false).features,
  };
}

/** Whether a name stands for an ONNX model, or the card of one. */
export function isOnnxEncoder(source: string): boolean {
  return /\.(onnx|ya?ml)$/.test(source);
}

/**
 * Opens an encoder; the caller closes its store. `random`: the settings' network as a run with their seed begins. An ONNX
 * file or its card: that model. Any other file: the ResNet whose weights it holds, in the settings' `encoder.input`.
 */
export async function openEncoder(gpu: Gpu, source: string, config: Config): Promise<FrozenEncoder> {
  const store = new StateStore(gpu);
  try {
    if (isOnnxEncoder(source)) return await loadOnnxEncoder(source, store, config.encoder.input);
    const weights = source === "random" ? null : await readEncoderWeights(source);
    const spec = weights?.spec ?? resnetSpec(config.encoder);
    const shapes = reserveResnet(store, spec, config.encoder.input);
    if (weights) fillEncoder(source, weights.tensors, store, shapes);
    else initializeStates(store, shapes, config.seed);
    return frozenResnet(source, store, spec, config.encoder.input);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Opens a ResNet's states in a store and gives their shapes by name. */
export function reserveResnet(
  store: StateStore,
  spec: ResnetSpec,
  side: number,
): ReadonlyMap<string, readonly number[]> {
  const g = new Graph();
  resnet(g, g.input("x", [1, side, side, 3]), spec, false);
  for (const [name, t] of g.states) store.reserve(name, t.shape);
  return new Map([...g.states].map(([name, t]) => [name, t.shape]));
}
