// Labelled image files: one folder a class below train/ and val/ or test/, or a list of names and classes.
import { basename, join } from "node:path";
import { UserError } from "../errors.ts";
import { exists, locate, PROJECT_ROOT } from "../paths.ts";

/** Image files with the index of their class. */
export interface ImageList {
  readonly files: readonly string[];
  readonly labels: Int32Array;
  readonly classes: readonly string[];
  /** Files beside them that are no images by their names. */
  readonly others: readonly string[];
}

/** Which classes a split is to have. */
export interface ClassRule {
  /** Class folders that are used, and `source`, which names them; others are left aside. */
  readonly only?: { readonly names: readonly string[]; readonly source: string };
  /** Classes of the training split at `source`: the split must have the same. */
  readonly same?: { readonly names: readonly string[]; readonly source: string };
}

const EXTENSIONS = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

/** Whether a file is an image by its name. */
export function isImageName(name: string): boolean {
  return EXTENSIONS.test(name);
}

/** Lists of names and classes that a split without class folders may have: Tiny ImageNet's, and a plain one. */
const LABEL_FILES = ["val_annotations.txt", "labels.txt"];

/** 128 for 112 as in the paper; small images are not resized before the crop, which then is the whole. */
export function shorterSide(size: number): number {
  return size > 64 ? Math.round(size * 8 / 7) : size;
}

/** The folder of a split: train/, or val/ or test/. */
export function findSplit(root: string, split: "train" | "test"): string {
  const names = split === "train" ? ["train"] : ["val", "test"];
  const there = new Set(subfolders(root));
  const name = names.find((candidate) => there.has(candidate));
  if (name === undefined) {
    throw new UserError(
      `data folder ${root} has no ${names.join("/ or ")}/ folder: looked for ` +
        `${names.map((candidate) => join(root, candidate)).join(" and ")}, put the ${split} images there`,
    );
  }
  return join(root, name);
}

/**
 * Images below the class folders of `root`, however deep; classes are the folders' names in code point order. A split
 * may instead have its images in one folder and a label file, each line of which begins with a file's name and its
 * class. Classes and labels that do not fit are a UserError that says what was looked for.
 */
export function listClasses(root: string, rule: ClassRule = {}): ImageList {
  const labelFile = LABEL_FILES.find((name) => entriesOf(root).some((entry) => entry.name === name));
  if (labelFile !== undefined) return listLabelled(root, join(root, labelFile), rule);
  const classes = pickClasses(root, subfolders(root), rule);
  const files: string[] = [];
  const labels: number[] = [];
  const others: string[] = [];
  const empty: string[] = [];
  for (const [label, name] of classes.entries()) {
    const found = filesBelow(join(root, name));
    others.push(...found.others);
    if (found.images.length === 0) empty.push(name);
    for (const file of found.images) {
      files.push(file);
      labels.push(label);
    }
  }
  if (files.length === 0) {
    throw new UserError(
      `data folder ${root} has no images in class folders: put them at ${root}/CLASS/IMAGE.jpg`,
    );
  }
  if (empty.length > 0) {
    throw new UserError(
      `${empty.length} of the ${classes.length} class folders in ${root} have no images, first ${empty[0]}: ` +
        `put .jpg, .png or other image files there, or remove them`,
    );
  }
  return { files, labels: Int32Array.from(labels), classes, others };
}

/** The class folders that are used, sorted. */
function pickClasses(root: string, there: readonly string[], { only, same }: ClassRule): readonly string[] {
  if (only) {
    requireAll(only, there, root);
    return [...only.names].sort();
  }
  if (same && there.length > 0) {
    requireAll(same, there, root);
    const extra = there.filter((name) => !same.names.includes(name));
    if (extra.length > 0) {
      throw new UserError(
        `${root} has ${there.length} classes, the training split ${same.source} ${same.names.length}: ` +
          `looked for ${same.source}/${extra[0]}, which is not there`,
      );
    }
  }
  return there;
}

function requireAll(wanted: { names: readonly string[]; source: string }, there: readonly string[], root: string) {
  const known = new Set(there);
  const missing = wanted.names.filter((name) => !known.has(name));
  if (missing.length === 0) return;
  throw new UserError(
    `${root} lacks ${missing.length} of the ${wanted.names.length} classes of ${wanted.source}: ` +
      `looked for ${root}/${missing[0]}${missing.length > 1 ? " and others" : ""}`,
  );
}

/** Images of one folder, or of its images/ folder, with the classes that a file names. */
function listLabelled(root: string, labelFile: string, rule: ClassRule): ImageList {
  const folder = subfolders(root).includes("images") ? join(root, "images") : root;
  const entries = Deno.readTextFileSync(labelFile).split(/\r?\n/).map((line) => line.trim()).filter(Boolean)
    .map((line) => line.split(/[\t ,]+/));
  const bad = entries.findIndex((entry) => entry.length < 2);
  if (bad >= 0) {
    throw new UserError(`${labelFile}: "${entries[bad]![0]}" names no class: each line is a file's name and its class`);
  }
  const classOf = new Map(entries.map(([name, label]) => [name!, label!]));
  const files = imagesIn(folder);
  const there = new Set(files.map((file) => basename(file)));
  const unlabelled = files.find((file) => !classOf.has(basename(file)));
  const missing = [...classOf.keys()].filter((name) => !there.has(name));
  if (unlabelled !== undefined || missing.length > 0) {
    throw new UserError(
      `${labelFile} has ${classOf.size} labels and ${folder} ${files.length} images: ` +
        (missing.length > 0
          ? `looked for ${join(folder, missing[0]!)}, which is not there`
          : `looked for a label of ${basename(unlabelled!)}, which is not in the list`),
    );
  }
  const classes = pickClasses(root, [...new Set(classOf.values())].sort(), rule);
  const index = new Map(classes.map((name, i) => [name, i]));
  const kept = files.filter((file) => index.has(classOf.get(basename(file))!));
  return {
    files: kept,
    labels: Int32Array.from(kept, (file) => index.get(classOf.get(basename(file))!)!),
    classes,
    others: [],
  };
}

/** Lists of classes that come with the project, by name: `imagenet100` is CMC's (Tian, Krishnan, Isola 2020). */
const OWN_LISTS = `${PROJECT_ROOT}/src/data/class_lists`;

/** Names of class folders, one a line: a list of the project's own by its name, or a file. */
export function readClassList(name: string): readonly string[] {
  const own = `${OWN_LISTS}/${name}.txt`;
  const path = /^\w+$/.test(name) && exists(own) ? own : locate(name);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new UserError(
      `class list ${name} is neither imagenet100 nor a file that can be read: check probe.data.classes`,
      { cause: error },
    );
  }
  const names = text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (names.length === 0) throw new UserError(`class list ${path} is empty: write one class folder's name a line`);
  if (twice !== undefined) throw new UserError(`class list ${path} names ${twice} twice: remove one`);
  return names;
}

/** Image files directly in a folder, sorted. */
export function imagesIn(folder: string): string[] {
  return entriesOf(folder).filter((entry) => !entry.isDirectory && isImageName(entry.name))
    .map((entry) => join(folder, entry.name)).sort();
}

/** Image files in a folder and below, and the files that are none by their names; hidden ones do not count. */
function filesBelow(folder: string): { images: string[]; others: string[] } {
  const images: string[] = [];
  const others: string[] = [];
  for (const name of subfolders(folder)) {
    const below = filesBelow(join(folder, name));
    images.push(...below.images);
    others.push(...below.others);
  }
  for (const entry of entriesOf(folder)) {
    if (entry.isDirectory || entry.name.startsWith(".") || isFolderLink(folder, entry)) continue;
    (isImageName(entry.name) ? images : others).push(join(folder, entry.name));
  }
  return { images: images.sort(), others: others.sort() };
}

/** Names of the folders in a folder, links to folders among them, sorted. */
export function subfolders(root: string): string[] {
  return entriesOf(root).filter((entry) => entry.isDirectory || isFolderLink(root, entry))
    .map((entry) => entry.name).filter((name) => !name.startsWith(".")).sort();
}

function isFolderLink(root: string, entry: Deno.DirEntry): boolean {
  if (!entry.isSymlink) return false;
  try {
    return Deno.statSync(join(root, entry.name)).isDirectory;
  } catch {
    return false; // a link to nowhere
  }
}

function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "is no folder that can be read";
    throw new UserError(`data folder ${folder} ${why}: check the path`, { cause: error });
  }
}
