/** The table of operators on images: convolutions, pooling, resizing. They work on [n, h, w, c]. */

import type { Importer } from "./operators.ts";
import { Conv, ConvTranspose } from "./operators_conv.ts";
import { AveragePool, globalPool, MaxPool } from "./operators_pool.ts";
import { Resize, Upsample } from "./operators_resize.ts";

/** By operator name. */
export const imageImporters: Readonly<Record<string, Importer>> = {
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool,
  GlobalAveragePool: globalPool("Mean"),
  GlobalMaxPool: globalPool("Max"),
  Resize,
  Upsample,
};
