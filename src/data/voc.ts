/**
 * PASCAL VOC as its devkit lays it out: JPEGImages/ID.jpg, Annotations/ID.xml and ImageSets/Main/SPLIT.txt below a
 * folder of each year. Also folders of the first two alone. Source: the VOC2007 and VOC2012 development kits' documents.
 */

import { basename, join } from "node:path";
import { messageOf, UserError } from "../errors.ts";
import { exists } from "../paths.ts";
import { isImageName } from "./image_folder.ts";
import type { Rejects } from "./rejects.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** The classes of VOC, in its own order. */
// deno-fmt-ignore
export const VOC_CLASSES = [
  "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
  "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
] as const;

/** An object in an image. */
export interface VocObject {
  /** Place in VOC_CLASSES. */
  readonly label: number;
  /** xmin, ymin, xmax, ymax in pixels as the file has them: the first pixel is 1, both ends belong to the box. */
  readonly box: readonly [number, number, number, number];
  /** Hard to recognise: neither a positive nor a negative in VOC's own scores. */
  readonly difficult: boolean;
  /** Reaches past the image or the box. */
  readonly truncated: boolean;
}

/** What an annotation says. */
export interface VocAnnotation {
  readonly objects: readonly VocObject[];
  /** Of the image in which the boxes were drawn; null where the file does not say. */
  readonly size: { readonly width: number; readonly height: number } | null;
}

/** An image with what is in it. */
export interface VocImage extends VocAnnotation {
  readonly id: string;
  readonly file: string;
}

/** The images of a split, sorted as its list is. */
export interface VocSplit {
  /** What messages call it. */
  readonly name: string;
  readonly images: readonly VocImage[];
}

/** The folder of a year: `path` itself where it holds annotations, else VOC2007 or VOC2012 below it or its VOCdevkit. */
export function findVocYear(path: string, year: 2007 | 2012): string {
  const candidates = [path, join(path, `VOC${year}`), join(path, "VOCdevkit", `VOC${year}`)];
  const root = candidates.find((folder) => exists(join(folder, "Annotations")));
  if (root !== undefined) return root;
  throw new UserError(
    `${path} is no VOC folder: looked for ${candidates.map((folder) => join(folder, "Annotations")).join(", ")}`,
  );
}

/** Whether a year's folder has lists of its splits. */
export function hasVocLists(root: string): boolean {
  return exists(join(root, "ImageSets", "Main"));
}

/**
 * Reads a split of a year's folder; null takes all annotated images, sorted by name. A missing list, an image without
 * annotation or the other way round, and a class that is none of VOC's are a UserError; annotations that cannot be read
 * go to `rejects` and their images are left out.
 */
export async function readVocSplit(root: string, split: string | null, rejects: Rejects): Promise<VocSplit> {
  const images = filesByStem(join(root, "JPEGImages"), isImageName);
  const annotations = filesByStem(join(root, "Annotations"), (name) => name.endsWith(".xml"));
  const list = split === null ? null : join(root, "ImageSets", "Main", `${split}.txt`);
  const ids = list === null ? allIds(root, images, annotations) : readIds(list);
  const wanted = [[images, `JPEGImages/ID.jpg`], [annotations, `Annotations/ID.xml`]] as const;
  for (const [there, pattern] of wanted) {
    const missing = ids.filter((id) => !there.has(id));
    if (missing.length === 0) continue;
    throw new UserError(
      `${missing.length} of the ${ids.length} images of ${list ?? root} are incomplete: ` +
        `looked for ${join(root, pattern.replace("ID", missing[0]!))}`,
    );
  }
  const read: VocImage[] = [];
  for (const id of ids) {
    const annotation = await readAnnotation(annotations.get(id)!, rejects);
    if (annotation) read.push({ id, file: images.get(id)!, ...annotation });
  }
  return { name: list ?? root, images: read };
}

/** What is in the file of an annotation; null for one that cannot be read. */
async function readAnnotation(path: string, rejects: Rejects): Promise<VocAnnotation | null> {
  try {
    return parseAnnotation(await Deno.readTextFile(path), path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    rejects.add(path, error);
    return null;
  }
}

/**
 * What the text of an annotation says; `name` stands for the file in messages. SyntaxError for what is damaged,
 * UserError for a class that VOC has not.
 */
export function parseAnnotation(text: string, name: string): VocAnnotation {
  let root: XmlElement;
  try {
    root = parseXml(text);
  } catch (error) {
    throw new SyntaxError(`not valid XML: ${messageOf(error)}`, { cause: error });
  }
  if (root.name !== "annotation") throw new SyntaxError(`<${root.name}> where <annotation> is expected`);
  const objects = root.children.filter((child) => child.name === "object").map((object) => {
    const label = VOC_CLASSES.findIndex((known) => known === textOf(object, "name"));
    if (label < 0) {
      throw new UserError(`${name} has an object of class "${textOf(object, "name")}", which is none of VOC's 20`);
    }
    return {
      label,
      box: readBox(object),
      // Both are left out where nobody judged them, as in the parts of VOC2012 that have no test.
      difficult: textOf(object, "difficult") === "1",
      truncated: textOf(object, "truncated") === "1",
    };
  });
  return { objects, size: readSize(root) };
}

function readSize(root: XmlElement): VocAnnotation["size"] {
  const size = root.children.find((child) => child.name === "size");
  const [width, height] = ["width", "height"].map((side) => Number(size && textOf(size, side))) as [number, number];
  return width > 0 && height > 0 ? { width, height } : null;
}

/** VOC2012 has fractions of pixels in a few boxes. */
function readBox(object: XmlElement): VocObject["box"] {
  const box = object.children.find((child) => child.name === "bndbox");
  if (!box) throw new SyntaxError(`an object without <bndbox>`);
  const [xmin, ymin, xmax, ymax] = ["xmin", "ymin", "xmax", "ymax"].map((side) => {
    const text = textOf(box, side) ?? "";
    return text === "" ? NaN : Number(text);
  }) as [number, number, number, number];
  if (!(xmin <= xmax && ymin <= ymax && [xmin, ymin, xmax, ymax].every(Number.isFinite))) {
    throw new SyntaxError(`a box of [${[xmin, ymin, xmax, ymax]}], which needs xmin <= xmax and ymin <= ymax`);
  }
  return [xmin, ymin, xmax, ymax];
}

function textOf(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text.trim();
}

/** The first word of each line: the lists of a class have a second one. */
function readIds(list: string): string[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(list);
  } catch (error) {
    throw new UserError(`VOC split list ${list} cannot be read: looked for ${list}`, { cause: error });
  }
  const ids = text.split(/\r?\n/).map((line) => line.trim().split(/\s+/)[0]!).filter(Boolean);
  const twice = [...new Set(ids)].length === ids.length ? undefined : ids.find((id, i) => ids.indexOf(id) !== i);
  if (ids.length === 0) throw new UserError(`VOC split list ${list} is empty: write one image's name a line`);
  if (twice !== undefined) throw new UserError(`VOC split list ${list} names ${twice} twice: remove one`);
  return ids;
}

/** Names of all images and annotations, which must be of each other. */
function allIds(root: string, images: ReadonlyMap<string, string>, annotations: ReadonlyMap<string, string>): string[] {
  const ids = [...new Set([...images.keys(), ...annotations.keys()])].sort();
  if (ids.length > 0) return ids;
  throw new UserError(`${root} has no images: looked for ${join(root, "JPEGImages", "*.jpg")}`);
}

/** Files of a folder by their names without ending. */
function filesByStem(folder: string, wanted: (name: string) => boolean): Map<string, string> {
  let names: string[];
  try {
    names = Array.from(Deno.readDirSync(folder), (entry) => entry.name);
  } catch (error) {
    throw new UserError(`VOC folder ${folder} cannot be read: looked for ${folder}`, { cause: error });
  }
  return new Map(
    names.filter((name) => !name.startsWith(".") && wanted(name)).sort()
      .map((name) => [basename(name).replace(/\.[^.]*$/, ""), join(folder, name)]),
  );
}
