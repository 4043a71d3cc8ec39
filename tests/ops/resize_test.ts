/** Resizing against PyTorch's interpolate, by both kernels. */

import { resize } from "../../src/ops/resize.ts";
import { checkDirection } from "../support/op_cases.ts";
import { onImages, testOperator } from "../support/golden_ops.ts";
import { gpuTest } from "../support/gpu.ts";

testOperator(
  "interpolate",
  onImages((g, [x], { mode, size: [height, width], align_corners }) =>
    resize(g, x!, {
      height,
      width,
      mode: mode === "nearest" ? "nearest" : "linear",
      coordinates: mode === "nearest" ? "asymmetric" : align_corners ? "align_corners" : "half_pixel",
      nearestMode: "floor",
    })
  ),
);

for (const force of ["vectors", "plain"]) {
  for (const mode of ["nearest", "linear"] as const) {
    for (const [height, width] of [[10, 12], [3, 4], [7, 5]] as const) {
      gpuTest(`${mode} to ${height} x ${width} by ${force} has the gradient of finite differences`, async (gpu) => {
        await checkDirection(gpu, [[2, 5, 6, 4]], (g, [x]) => resize(g, x!, { height, width, mode }), {
          Resize: force,
        });
      });
    }
  }
}
