/** Pictures of what walks do: anchors moved along each of them, over the change of pixels that it was taught. */

import { amountOf } from "../augment/steering.ts";
import { UNIT } from "../augment/params.ts";
import { toImage } from "../augment/to_image.ts";
import type { Config } from "../config.ts";
import type { Image } from "../data/image.ts";
import { gridSheet, type SheetRow } from "../data/png.ts";
import type { Generator } from "../generators/model.ts";
import { rngValues } from "../generators/random.ts";
import { type WalkName, walkOf, type Walks } from "../generators/walks.ts";
import type { Gpu } from "../gpu/device.ts";
import { tunedTarget } from "../gpu/tune.ts";
import { Session } from "../gpu/session.ts";
import { StateStore } from "../gpu/store.ts";
import { Graph } from "../graph/graph.ts";
import { plan } from "../graph/plan.ts";
import type { CoefficientLaw } from "../ops/random_coefficients.ts";
import { where } from "../ops/where.ts";
import { affine } from "../ops/unary.ts";
import { positive } from "../ops/binary.ts";
import { steeredImages, steeringAnchors, type SteeringForm, steeringInputs } from "./steering_step.ts";

/** Anchors of a sheet, and the steps from one end of a walk to the other. */
const ANCHORS = 4;
const COLUMNS = 9;
/** Gray of the pixels that no target knows. */
const UNKNOWN = 0.8;

/** Writes FOLDER/walk_NAME.png for each walk; the paths. */
export async function writeWalkSheets(
  gpu: Gpu,
  generator: Generator,
  form: SteeringForm,
  walks: Walks,
  config: Config,
  folder: string,
): Promise<string[]> {
  const g = new Graph();
  const drawn = steeringAnchors(g, generator, config, ANCHORS);
  const table = g.constant(walks.vectors, [walks.laws.length, walks.size], "f32", "walks");
  const { images, target, mask } = steeredImages(g, generator, form, drawn, table, config.steer.rule);
  g.output("walk", affine(g, images, 0.5, 0.5));
  const pixels = affine(g, target, 0.5, 0.5);
  g.output("target", mask ? where(g, positive(g, mask), pixels, g.scalar(UNKNOWN)) : pixels);
  const store = new StateStore(gpu);
  const session = await Session.create(gpu, plan(g, await tunedTarget(gpu, g)), store);
  try {
    session.write("rng", rngValues(config.seed, 0));
    const draw = async (law: CoefficientLaw, coefficient: number) => {
      const row = form.laws.map((other) => other === law ? coefficient : 0);
      const inputs = steeringInputs(form, new Array(ANCHORS).fill(row), config.steer.rule);
      for (const [name, values] of Object.entries(inputs)) session.write(name, values);
      const values = await session.run(["walk", "target"]);
      return (kind: "walk" | "target", i: number) => toImage(values[kind]!, images.shape, i, UNIT);
    };
    const names = [...new Set(form.laws.map(walkOf))];
    const paths: string[] = [];
    for (const name of names) paths.push(await writeSheet(name, form, folder, draw));
    return paths;
  } finally {
    session.close();
    store.close();
  }
}

type Draw = (
  law: CoefficientLaw,
  coefficient: number,
) => Promise<(kind: "walk" | "target", i: number) => Image>;

async function writeSheet(name: WalkName, form: SteeringForm, folder: string, draw: Draw): Promise<string> {
  const laws = form.laws.filter((law) => walkOf(law) === name);
  const coefficients = Array.from({ length: COLUMNS }, (_, i) => endOf(laws[0]!) * (2 * i / (COLUMNS - 1) - 1));
  const rows: SheetRow[] = [];
  for (const [channel, law] of laws.entries()) {
    const columns = [];
    for (const coefficient of coefficients) columns.push(await draw(law, coefficient));
    // A color walk of three channels has a band for each, of fewer anchors.
    for (let i = 0; i < (laws.length > 1 ? 2 : ANCHORS); i++) {
      const label = laws.length > 1 ? ["red", "green", "blue"][channel]! : "walk";
      rows.push({ label, images: columns.map((at) => at("walk", i)), apart: i > 0 || channel > 0 });
      rows.push({ label: "target", images: columns.map((at) => at("target", i)), apart: false });
    }
  }
  const path = `${folder}/walk_${name}.png`;
  await gridSheet(path, coefficients.map((c) => labelOf(laws[0]!, c, form)), rows, {
    caption: `walk ${name}: images moved along it, over what they should be (gray: not known)`,
  });
  return path;
}

/** The coefficient at the end of a walk. */
function endOf(law: CoefficientLaw): number {
  return walkOf(law) === "color" ? 0.5 : law === "zoom" ? Math.log(4) : 1;
}

/** A coefficient in the unit of its change. */
function labelOf(law: CoefficientLaw, coefficient: number, form: SteeringForm): string {
  const amount = amountOf(law, coefficient, form);
  const signed = (digits: number) => `${amount > 0 ? "+" : ""}${Number(amount.toFixed(digits))}`;
  switch (walkOf(law)) {
    case "rot3d":
    case "rot2d":
      return `${signed(1)}°`;
    case "zoom":
      return `${Number((1 / amount).toPrecision(2))}x`; // the factor is the part of the image that is left
    case "shiftx":
    case "shifty":
      return `${signed(1)} px`;
    case "color":
      return signed(3);
  }
}
