/** What is evaluated: a frozen network from images to features. */

import { IMAGENET, type Normalization } from "../augment/params.ts";
import { resnet, type ResnetSpec, resnetSpec } from "../encoders/resnet.ts";
import type { Config } from "../config.ts";
import type { StateStore } from "../gpu/store.ts";
import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/** A frozen encoder. Whoever made its store closes it. */
export interface FrozenEncoder {
  /** What tables call it. */
  readonly name: string;
  /** Holds the values of the states that `build` names. */
  readonly store: StateStore;
  /** Side of the square images that it is evaluated on where a protocol does not say. */
  readonly size: number;
  /** How images in [0, 1] are normalised for it. */
  readonly normalization: Normalization;
  /** The ResNet whose states `encoder.*` lie in the store, for protocols that train it further; else null. */
  readonly resnet: ResnetSpec | null;
  /** Adds the network in inference: normalised images [n, h, w, 3] to features [n, d]. */
  build(g: Graph, images: Tensor): Tensor;
}

/** The ResNet of a configuration with the states `encoder.*` in `store`: average-pooled, before any head. */
export function resnetEncoder(name: string, store: StateStore, encoder: Config["encoder"]): FrozenEncoder {
  const spec = resnetSpec(encoder);
  return {
    name,
    store,
    size: encoder.input,
    normalization: IMAGENET,
    resnet: spec,
    build: (g, images) => resnet(g, images, spec, false).features,
  };
}
