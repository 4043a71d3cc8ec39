// PNG files, and sheets of images that a person can look through.
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { writeAtomic } from "./atomic.ts";
import { type Image, repeatGray } from "./image.ts";

/** An anchor and the view that the encoder is to find alike. */
export interface ImagePair {
  readonly anchor: Image;
  readonly view: Image;
}

/** A PNG file in memory. */
export interface Picture {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** How a sheet is laid out. */
export interface SheetOptions {
  /** Images side by side; chosen for a sheet a little wider than high where it is left out. */
  readonly columns?: number;
  /** Least side of a tile: smaller images are enlarged by a whole factor, pixel by pixel. */
  readonly tile?: number;
  /** A line above the sheet. */
  readonly caption?: string;
}

const GAP = 2; // between tiles
const BAND_GAP = 10; // between rows that do not belong together
const MARGIN = 8;
const CAPTION = 24;
const LETTER = 7.4; // of a caption, on average
const LABEL = 58; // room for the rows' names at the left

interface Placed {
  image: Image;
  x: number;
  y: number;
}

interface Text {
  text: string;
  x: number;
  y: number;
  /** Whether x is the text's middle, not its beginning. */
  centered?: boolean;
}

/** Writes one image as a PNG file. */
export async function writePng(path: string, image: Image): Promise<void> {
  await writeAtomic(path, await encodePng(image));
}

/** The bytes of an image's PNG file. */
export async function encodePng({ data, width, height, channels }: Image): Promise<Uint8Array> {
  return await sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}

/** Writes rows of anchors, each over the row of their views, and gives back the file's bytes. */
export async function viewSheet(
  path: string,
  pairs: readonly ImagePair[],
  options: SheetOptions = {},
): Promise<Picture> {
  if (pairs.length === 0) throw new RangeError("Expected at least one pair of images for a sheet");
  const columns = Math.min(
    pairs.length,
    options.columns ?? Math.max(8, Math.ceil(Math.sqrt(2.5 * pairs.length))),
  );
  const { scale, wide, high } = tileOf(pairs.flatMap(({ anchor, view }) => [anchor, view]), options.tile ?? 64);
  const top = MARGIN + (options.caption === undefined ? 0 : CAPTION);
  const band = 2 * high + GAP + BAND_GAP;
  const placed: Placed[] = [];
  const texts: Text[] = [];
  for (const [i, { anchor, view }] of pairs.entries()) {
    const x = MARGIN + LABEL + (i % columns) * (wide + GAP);
    const y = top + Math.floor(i / columns) * band;
    placed.push({ image: anchor, x, y }, { image: view, x, y: y + high + GAP });
    if (i % columns > 0) continue;
    texts.push({ text: "anchor", x: MARGIN, y: y + high / 2 + 4 });
    texts.push({ text: "view", x: MARGIN, y: y + high + GAP + high / 2 + 4 });
  }
  const width = wideEnough(2 * MARGIN + LABEL + columns * (wide + GAP) - GAP, options.caption);
  const height = top + Math.ceil(pairs.length / columns) * band - BAND_GAP + MARGIN;
  const png = await writeSheet(path, { width, height, scale, placed, texts }, options.caption);
  return { png, width, height };
}

/** Writes rows of images that belong together, such as an anchor and its neighbours, under the columns' names. */
export async function rowSheet(
  path: string,
  rows: readonly (readonly Image[])[],
  { columns: names, ...options }: Omit<SheetOptions, "columns"> & { readonly columns: readonly string[] },
): Promise<void> {
  if (rows.length === 0) throw new RangeError("Expected at least one row of images for a sheet");
  const { scale, wide, high } = tileOf(rows.flat(), options.tile ?? 64);
  const heads = MARGIN + (options.caption === undefined ? 0 : CAPTION);
  const top = heads + CAPTION;
  const left = (column: number) => MARGIN + column * (wide + GAP) + (column > 0 ? BAND_GAP : 0);
  const placed = rows.flatMap((row, r) => row.map((image, c) => ({ image, x: left(c), y: top + r * (high + GAP) })));
  const texts = names.map((text, c) => ({ text, x: left(c), y: heads + 13 }));
  const width = wideEnough(left(names.length) - GAP + MARGIN, options.caption);
  const height = top + rows.length * (high + GAP) - GAP + MARGIN;
  await writeSheet(path, { width, height, scale, placed, texts }, options.caption);
}

/** Writes images row by row, each row as high as its highest image. */
export async function contactSheet(
  path: string,
  images: readonly Image[],
  options: SheetOptions = {},
): Promise<void> {
  if (images.length === 0) throw new RangeError("Expected at least one image for a sheet");
  const columns = Math.min(images.length, options.columns ?? Math.ceil(Math.sqrt(1.5 * images.length)));
  const { scale, wide } = tileOf(images, options.tile ?? 64);
  const top = MARGIN + (options.caption === undefined ? 0 : CAPTION);
  const placed: Placed[] = [];
  let y = top;
  for (let start = 0; start < images.length; start += columns) {
    const row = images.slice(start, start + columns);
    row.forEach((image, i) => placed.push({ image, x: MARGIN + i * (wide + GAP), y }));
    y += Math.max(...row.map((image) => image.height * scale)) + GAP;
  }
  const width = wideEnough(2 * MARGIN + columns * (wide + GAP) - GAP, options.caption);
  const height = y - GAP + MARGIN;
  await writeSheet(path, { width, height, scale, placed, texts: [] }, options.caption);
}

/** A row of images with its name at the left. */
export interface SheetRow {
  readonly label: string;
  readonly images: readonly Image[];
  /** Whether there is a gap between it and the row above. */
  readonly apart: boolean;
}

/** Writes rows of images under the names of their columns. */
export async function gridSheet(
  path: string,
  columns: readonly string[],
  rows: readonly SheetRow[],
  options: Omit<SheetOptions, "columns"> = {},
): Promise<void> {
  if (rows.length === 0) throw new RangeError("Expected at least one row of images for a sheet");
  const { scale, wide, high } = tileOf(rows.flatMap(({ images }) => images), options.tile ?? 64);
  const top = MARGIN + (options.caption === undefined ? 0 : CAPTION);
  const left = (column: number) => MARGIN + LABEL + column * (wide + GAP);
  const texts: Text[] = columns.map((text, i) => ({ text, x: left(i) + wide / 2, y: top + 13, centered: true }));
  const placed: Placed[] = [];
  let y = top + CAPTION - 4;
  for (const [i, { label, images, apart }] of rows.entries()) {
    if (i > 0) y += high + (apart ? BAND_GAP : GAP);
    texts.push({ text: label, x: MARGIN, y: y + high / 2 + 4 });
    for (const [column, image] of images.entries()) placed.push({ image, x: left(column), y });
  }
  const width = wideEnough(left(columns.length) - GAP + MARGIN, options.caption);
  await writeSheet(path, { width, height: y + high + MARGIN, scale, placed, texts }, options.caption);
}

/** Whole factor of enlargement, and the sides of a tile that holds every image. */
function tileOf(images: readonly Image[], least: number): { scale: number; wide: number; high: number } {
  const [width, height] = [Math.max(...images.map((i) => i.width)), Math.max(...images.map((i) => i.height))];
  const scale = Math.max(1, Math.ceil(least / Math.max(width, height)));
  return { scale, wide: width * scale, high: height * scale };
}

/** The width of a sheet that shows its caption whole, for letters of common width. */
function wideEnough(width: number, caption = ""): number {
  return Math.max(width, 2 * MARGIN + Math.ceil(LETTER * caption.length));
}

interface Sheet {
  width: number;
  height: number;
  scale: number;
  placed: Placed[];
  texts: Text[];
}

async function writeSheet(path: string, sheet: Sheet, caption?: string): Promise<Uint8Array> {
  const { width, height, scale, placed } = sheet;
  const data = new Uint8Array(3 * width * height).fill(255);
  for (const { image, x, y } of placed) paste(data, width, image, x, y, scale);
  const texts = caption === undefined ? sheet.texts : [...sheet.texts, { text: caption, x: MARGIN, y: MARGIN + 13 }];
  const lines = texts.map(({ text, x, y, centered }) =>
    `<text x="${x}" y="${y}"${centered ? ' text-anchor="middle"' : ""}>${escapeXml(text)}</text>`
  ).join("");
  const overlay =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" ` +
    `font-size="13" fill="#333">${lines}</svg>`;
  const png = await sharp(data, { raw: { width, height, channels: 3 } })
    .composite(texts.length === 0 ? [] : [{ input: Buffer.from(overlay), left: 0, top: 0 }])
    .removeAlpha().png().toBuffer();
  await writeAtomic(path, png);
  return png;
}

/** Copies an image, every pixel as a square of `scale`, into `sheet`. */
function paste(
  sheet: Uint8Array,
  sheetWidth: number,
  image: Image,
  x: number,
  y: number,
  scale: number,
): void {
  const rgb = image.channels === 3 ? image.data : repeatGray(image.data);
  for (let row = 0; row < image.height * scale; row++) {
    const from = Math.floor(row / scale) * image.width;
    const to = (y + row) * sheetWidth + x;
    for (let column = 0; column < image.width * scale; column++) {
      const at = 3 * (from + Math.floor(column / scale));
      sheet.set(rgb.subarray(at, at + 3), 3 * (to + column));
    }
  }
}

/** Text as XML has it. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
