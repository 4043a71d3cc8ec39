/** A confusion matrix as a picture: rows are classes, columns predictions, dark is often. */

import { Buffer } from "node:buffer";
import sharp from "sharp";
import { writeAtomic } from "../data/atomic.ts";
import { encodePng } from "../data/png.ts";
import { INK, MUTED } from "./vega.ts";

/** Side of the matrix in pixels, where it has fewer classes than that. */
const SIDE = 640;
/** More classes than this have no names at the edges. */
const NAMED = 60;
const FONT = 12;
const GAP = 8;
const HEADING = 64;

/** Writes a PNG. Each row is shown as shares of its class's images, so that classes of any size compare. */
export async function writeConfusionPlot(path: string, classes: readonly string[], counts: Int32Array): Promise<void> {
  const svg = await confusionSvg(classes, counts);
  await writeAtomic(path, await sharp(Buffer.from(svg), { density: 144 }).png().toBuffer());
}

/** The picture as SVG; the matrix in it is a PNG of whole pixels a cell. */
export async function confusionSvg(classes: readonly string[], counts: Int32Array): Promise<string> {
  const n = classes.length;
  const cell = Math.max(1, Math.floor(SIDE / n));
  const side = cell * n;
  const named = n <= NAMED;
  const label = (text: string) => escape(text.length > 24 ? `${text.slice(0, 23)}…` : text);
  const longest = named ? Math.max(...classes.map((name) => Math.min(24, name.length))) : 0;
  const left = GAP + FONT * 2 + longest * FONT * 0.6;
  const bottom = GAP + FONT * 2 + (named ? longest * FONT * 0.5 : 0);
  const font = Math.min(FONT, Math.max(6, cell));
  const middle = (i: number) => (i + 0.5) * cell;
  const names = !named ? [] : classes.flatMap((name, i) => [
    `<text x="${left - GAP / 2}" y="${HEADING + middle(i)}" text-anchor="end" dominant-baseline="central">${
      label(name)
    }</text>`,
    `<text transform="translate(${left + middle(i)} ${HEADING + side + GAP}) rotate(-45)" text-anchor="end">${
      label(name)
    }</text>`,
  ]);
  const png = Buffer.from(await matrixPng(counts, n, cell)).toString("base64");
  const width = left + side + GAP * 2;
  const height = HEADING + side + bottom + GAP;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" ` +
    `height="${height}" font-family="sans-serif" font-size="${font}" fill="#222">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    `<text x="${left}" y="${GAP + 16}" font-size="14">rows: class, columns: prediction</text>`,
    ...scale(left, HEADING - 26),
    `<image x="${left}" y="${HEADING}" width="${side}" height="${side}" xlink:href="data:image/png;base64,${png}"/>`,
    `<rect x="${left}" y="${HEADING}" width="${side}" height="${side}" fill="none" stroke="${MUTED}"/>`,
    ...names,
    `</svg>`,
  ].join("\n");
}

/** What dark means: shares from 0 to 100 %. */
function scale(x: number, y: number): string[] {
  const boxes = Array.from({ length: 11 }, (_, i) => {
    const [r, g, b] = shade(i / 10);
    return `<rect x="${x + 12 * i}" y="${y}" width="12" height="12" fill="rgb(${r},${g},${b})"/>`;
  });
  return [...boxes, `<text x="${x + 140}" y="${y + 10}" font-size="${FONT}">0 to 100 % of the class's images</text>`];
}

async function matrixPng(counts: Int32Array, n: number, cell: number): Promise<Uint8Array> {
  const side = n * cell;
  const data = new Uint8Array(3 * side * side);
  for (let i = 0; i < n; i++) {
    const total = Math.max(1, counts.subarray(i * n, (i + 1) * n).reduce((a, b) => a + b, 0));
    for (let j = 0; j < n; j++) {
      const color = shade(counts[i * n + j]! / total);
      for (let y = i * cell; y < (i + 1) * cell; y++) {
        for (let x = j * cell; x < (j + 1) * cell; x++) data.set(color, 3 * (y * side + x));
      }
    }
  }
  return await encodePng({ data, width: side, height: side, channels: 3 });
}

/** White to the plots' ink; the root lets rare mistakes be seen. */
function shade(share: number): [number, number, number] {
  const ink = [1, 3, 5].map((at) => parseInt(INK.slice(at, at + 2), 16));
  return ink.map((v) => Math.round(255 + (v - 255) * Math.sqrt(share))) as [number, number, number];
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
