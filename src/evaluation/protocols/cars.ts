/**
 * Stanford Cars: the paper's linear probe on its 196 classes, 100 epochs. Whole photographs, as torchvision's reader
 * gives them; the paper does not say whether its own cut out the boxes.
 */

import type { Config } from "../../config.ts";
import { UserError } from "../../errors.ts";
import { labelledData } from "../evaluate.ts";
import { labelledSource } from "../labelled_source.ts";
import type { Protocol } from "../protocol.ts";
import { linearOutcome } from "./linear.ts";

/** As published, or class folders in train/ and test/; settings are the linear probe's but for `probe.cars`. */
export const carsProtocol: Protocol = {
  summary: "the paper's linear classifier on Stanford Cars",
  data: "cars",
  columns: ["Cars"],
  dataOf: (config) => config.probe.cars.path,
  withData: (config, path) => {
    const cars = { ...config.probe.cars, path: labelledData(config.probe.data, path).path };
    return { ...config, probe: { ...config.probe, cars } };
  },
  run: async (context) => {
    const { gpu, encoder, log } = context;
    const config = onCars(context.config);
    const source = labelledSource(gpu, encoder, config.probe.data, log);
    const { summary, ...outcome } = await linearOutcome({ ...context, ...source, config }, "cars");
    const { train, test } = await source.labelled();
    const sizes = {
      n_train: train.n - train.rejected(),
      n_test: test.n - test.rejected(),
      classes: train.classes.length,
    };
    return { ...outcome, result: { ...outcome.result, ...sizes }, figures: { Cars: summary.best.top1 } };
  },
};

/** The settings with Stanford Cars as the probe's data. */
function onCars(config: Config): Config {
  const { path, epochs } = config.probe.cars;
  if (path === null) throw new UserError("probe.cars.path is not set: set it to Stanford Cars' folder, or give --data");
  const data = labelledData({ ...config.probe.data, classes: null }, path);
  return { ...config, probe: { ...config.probe, data, epochs } };
}
