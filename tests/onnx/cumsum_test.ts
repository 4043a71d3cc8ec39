/** CumSum is a product with a triangle of ones, so that it has a gradient: both against PyTorch's. */

import { OnnxBuilder } from "../../src/onnx/build.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { importModel } from "../../src/onnx/import.ts";
import { testOperator } from "../support/golden_ops.ts";

testOperator("cumsum", (g, [x], { axis }) => {
  const b = new OnnxBuilder("running sums", "along one axis");
  b.output(b.node("y", "CumSum", [b.input("x", [x!.shape[1]!]), b.ints([axis])]), [x!.shape[1]!]);
  return importModel(g, decodeModel(b.encode(), "running sums"), { x: x! }).y!;
});
