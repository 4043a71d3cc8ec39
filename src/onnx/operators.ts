/** The registry: an importer for every ONNX operator that runs on the device. */

import type { NodeScope } from "./import.ts";
import { imageImporters } from "./operators_image.ts";
import { Einsum } from "./operators_einsum.ts";
import { indexImporters } from "./operators_index.ts";
import { mathImporters } from "./operators_math.ts";
import { nnImporters } from "./operators_nn.ts";
import { controlImporters } from "./operators_control.ts";
import { normImporters } from "./operators_norm.ts";
import { randomImporters } from "./operators_random.ts";
import { shapeImporters } from "./operators_shape.ts";
import type { Value } from "./values.ts";

/** Adds an operator's nodes and gives its outputs in order. */
export type Importer = (scope: NodeScope) => readonly Value[];

/** By operator name. */
export const importers: Readonly<Record<string, Importer>> = {
  ...mathImporters,
  ...nnImporters,
  ...normImporters,
  ...randomImporters,
  ...controlImporters,
  ...shapeImporters,
  ...indexImporters,
  Einsum,
  ...imageImporters,
};
