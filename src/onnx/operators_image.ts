/** The table of operators on images: convolutions, pooling, sampling, resizing. They work on [n, h, w, c]. */

import { UserError } from "../errors.ts";
import { gridSample, isGridMode, isGridPadding } from "../ops/grid_sample.ts";
import type { Importer } from "./operators.ts";
import { Conv, ConvTranspose } from "./operators_conv.ts";
import { AveragePool, globalPool, MaxPool } from "./operators_pool.ts";
import { Resize, Upsample } from "./operators_resize.ts";
import { imageValue } from "./values.ts";
import { volumeOf, volumeResult } from "./window.ts";

/** Names of modes before opset 20. */
const OLD_MODES: Readonly<Record<string, string>> = { bilinear: "linear", bicubic: "cubic" };

const GridSample: Importer = (scope) => {
  const { g, node } = scope;
  const given = node.text("mode", scope.opset < 20 ? "bilinear" : "linear");
  const mode = OLD_MODES[given] ?? given;
  const padding = node.text("padding_mode", "zeros");
  if (!isGridMode(mode)) throw new UserError(`${node.label}: mode ${given} is not known`);
  if (!isGridPadding(padding)) throw new UserError(`${node.label}: padding_mode ${padding} is not known`);
  const attrs = { mode, padding, alignCorners: node.int("align_corners", 0) === 1 };
  if (scope.shape(0).length !== 5) return [imageValue(gridSample(g, scope.image(0), scope.plain(1), attrs))];
  return [volumeResult(g, gridSample(g, volumeOf(scope), scope.plain(1), attrs))];
};

/** By operator name. */
export const imageImporters: Readonly<Record<string, Importer>> = {
  Conv,
  ConvTranspose,
  MaxPool,
  AveragePool,
  GlobalAveragePool: globalPool("Mean"),
  GlobalMaxPool: globalPool("Max"),
  GridSample,
  Resize,
  Upsample,
};
