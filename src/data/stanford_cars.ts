/**
 * Stanford Cars (Krause et al. 2013) as it was published: photographs in one folder a split, classes in MATLAB files.
 * Two editions: cars_train/ and cars_test/ with devkit/, and car_ims/ with cars_annos.mat.
 */

import { basename, join } from "node:path";
import { UserError } from "../errors.ts";
import { exists } from "../paths.ts";
import type { ImageList } from "./image_folder.ts";
import { type MatStruct, type MatValue, readMatFile } from "./mat_file.ts";

/** Where files may lie, the devkit's own place first. */
const META = ["devkit/cars_meta.mat", "cars_meta.mat"];
const ANNOTATIONS = {
  train: ["devkit/cars_train_annos.mat", "cars_train_annos.mat"],
  test: ["cars_test_annos_withlabels.mat", "devkit/cars_test_annos_withlabels.mat"],
};
const SINGLE = "cars_annos.mat";

/** The folder that holds one of the editions: the given one, or stanford_cars/ in it; null where there is none. */
export function findCars(path: string): string | null {
  const marks = [SINGLE, ...META];
  return [path, join(path, "stanford_cars")].find((root) => marks.some((mark) => exists(join(root, mark)))) ?? null;
}

/** The photographs of a split with their classes. What is missing or does not fit is a UserError. */
export async function listCars(path: string, split: "train" | "test"): Promise<ImageList> {
  const root = findCars(path);
  if (root === null) {
    throw new UserError(`${path} holds no Stanford Cars: looked for ${join(path, META[0]!)} and ${join(path, SINGLE)}`);
  }
  return exists(join(root, SINGLE)) ? await listSingle(root, split) : await listDevkit(root, split);
}

async function listDevkit(root: string, split: "train" | "test"): Promise<ImageList> {
  const classes = namesIn(await readMatFile(findFile(root, META)), META[0]!);
  const file = findFile(root, ANNOTATIONS[split]);
  const cars = carsIn(await readMatFile(file), file);
  return listImages(cars, { file, folder: join(root, `cars_${split}`), field: "fname", classes });
}

async function listSingle(root: string, split: "train" | "test"): Promise<ImageList> {
  const file = join(root, SINGLE);
  const variables = await readMatFile(file);
  const wanted = split === "test" ? 1 : 0;
  const cars = carsIn(variables, file).filter((car) => numberOf(car, "test", file) === wanted);
  return listImages(cars, {
    file,
    folder: join(root, "car_ims"),
    field: "relative_im_path",
    classes: namesIn(variables, file),
  });
}

/** Where the photographs of some annotations are. */
interface Listing {
  readonly file: string;
  readonly folder: string;
  readonly field: string;
  readonly classes: readonly string[];
}

function listImages(cars: readonly MatStruct[], { file, folder, field, classes }: Listing): ImageList {
  if (cars.length === 0) throw new UserError(`${file} has no annotations of this split: fetch it again`);
  const files: string[] = [];
  const labels = new Int32Array(cars.length);
  for (const [i, car] of cars.entries()) {
    const name = car.get(field);
    if (name?.kind !== "text") throw new UserError(`${file}: annotation ${i + 1} has no ${field}: fetch it again`);
    const label = numberOf(car, "class", file);
    if (!Number.isInteger(label) || label < 1 || label > classes.length) {
      throw new UserError(`${file}: annotation ${i + 1} has class ${label}, the names are ${classes.length}`);
    }
    files.push(join(folder, basename(name.text)));
    labels[i] = label - 1;
  }
  const missing = files.filter((path) => !exists(path));
  if (missing.length > 0) {
    throw new UserError(
      `${missing.length} of the ${files.length} photographs of ${file} are missing: looked for ${missing[0]}`,
    );
  }
  return { files, labels, classes, others: [] };
}

function findFile(root: string, names: readonly string[]): string {
  const found = names.map((name) => join(root, name)).find(exists);
  if (found !== undefined) return found;
  throw new UserError(
    `${root} lacks a part of Stanford Cars: looked for ${names.map((n) => join(root, n)).join(" and ")}`,
  );
}

function carsIn(variables: ReadonlyMap<string, MatValue>, file: string): readonly MatStruct[] {
  const annotations = variables.get("annotations");
  if (annotations?.kind === "structs") return annotations.items;
  throw new UserError(`${file} has no struct array "annotations": it is no annotation file of Stanford Cars`);
}

function namesIn(variables: ReadonlyMap<string, MatValue>, file: string): readonly string[] {
  const names = variables.get("class_names");
  if (names?.kind === "cells" && names.items.length > 0 && names.items.every((item) => item.kind === "text")) {
    return names.items.map((item) => (item as { text: string }).text);
  }
  throw new UserError(`${file} has no cell array of text "class_names": it is no part of Stanford Cars`);
}

function numberOf(car: MatStruct, field: string, file: string): number {
  const value = car.get(field);
  if (value?.kind === "numbers" && value.data.length === 1) return value.data[0]!;
  throw new UserError(`${file} has annotations without the number "${field}": it is not the file with labels`);
}
