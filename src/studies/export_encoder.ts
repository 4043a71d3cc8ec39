/** A trained encoder as an ONNX model. */

import type { Config } from "../config.ts";
import { writeAtomic } from "../data/atomic.ts";
import { resnet, resnetSpec } from "../encoders/resnet.ts";
import type { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { sizeOf } from "../graph/tensor.ts";
import { exportGraph } from "../onnx/export.ts";

/**
 * Writes the encoder whose states are in `store`, in inference: `images` [n, 3, side, side], normalised as for training,
 * to `features` [n, d] after the average pool.
 */
export async function saveEncoderOnnx(path: string, store: StateStore, encoder: Config["encoder"]): Promise<void> {
  const g = new Graph();
  const images = g.input("images", [1, encoder.input, encoder.input, 3]);
  g.output("features", resnet(g, images, resnetSpec(encoder), false).features);
  const values = new Map<number, Float32Array>();
  for (const [name, t] of g.states) values.set(t.id, await store.read(name, sizeOf(t.shape)));
  const model = exportGraph(g, {
    name: encoder.arch,
    about: `${encoder.arch}, ${encoder.stem} stem, width ${encoder.width}: normalised images to pooled features`,
    prefix: "encoder.",
    values: (state) => values.get(state.id)!,
  });
  await writeAtomic(path, model.encode());
}
