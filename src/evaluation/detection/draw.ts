/** Detections drawn on their images: a frame and a label in the class's colour; the true objects dashed in white. */

import { Buffer } from "node:buffer";
import sharp from "sharp";
import { decodeStretched, type Image } from "../../data/image.ts";
import { escapeXml } from "../../data/png.ts";
import type { Size } from "./canvas.ts";
import type { DetectedImage, Detection } from "./detect.ts";

/** Detections from this score on are drawn. */
const DRAWN_FROM = 0.5;
const FONT = 13;
/** Width of a letter and height of a label, in units of the font's size. */
const LETTER = 0.6;
const LABEL = 1.35;

/** An image scaled so that its longer side is `side`, with what was found in it. */
export async function drawDetections(
  { image, found }: DetectedImage,
  classes: readonly string[],
  side: number,
): Promise<Image> {
  const scale = side / Math.max(image.width, image.height);
  const size = { width: Math.round(image.width * scale), height: Math.round(image.height * scale) };
  const pixels = await decodeStretched(image.file, { ...size, flip: false });
  const truth = image.objects.map(({ box }) => frame(box, scale, "stroke='#fff' stroke-dasharray='5 4'"));
  const drawn = found.filter(({ score }) => score >= DRAWN_FROM).reverse(); // the best on top
  const frames = drawn.map(({ box, label }) => frame(box, scale, `stroke="${colorOf(label, classes)}"`));
  const marks = [...truth, ...frames, ...drawn.map((detection) => tag(detection, classes, scale, size))];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" ` +
    `font-family="sans-serif" font-size="${FONT}" fill="none">${marks.join("")}</svg>`;
  const { data } = await sharp(pixels, { raw: { ...size, channels: 3 } })
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }])
    .removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), ...size, channels: 3 };
}

/** A hue of its own for each class, those of neighbours in the list far apart. */
function colorOf(label: number, { length: n }: readonly string[]): string {
  return `hsl(${Math.round(360 * (label * 7 % n) / n)} 85% ${label % 2 === 0 ? 42 : 32}%)`;
}

/** A rectangle with a dark rim, so that it is seen on any ground. */
function frame([xmin, ymin, xmax, ymax]: Detection["box"], scale: number, style: string): string {
  const [x, y] = [(xmin - 1) * scale, (ymin - 1) * scale];
  const rect = `x="${x}" y="${y}" width="${Math.max(1, xmax * scale - x)}" height="${Math.max(1, ymax * scale - y)}"`;
  return `<rect ${rect} stroke="#000" stroke-opacity="0.45" stroke-width="4"/><rect ${rect} stroke-width="2" ${style}/>`;
}

/** The label of a frame: above it where there is room, else inside. */
function tag(detection: Detection, classes: readonly string[], scale: number, size: Size): string {
  const { box, label, score } = detection;
  const text = `${classes[label]} ${score.toFixed(2)}`;
  const [width, height] = [FONT * LETTER * text.length + 4, FONT * LABEL];
  const top = (box[1] - 1) * scale;
  const x = Math.max(0, Math.min((box[0] - 1) * scale - 1, size.width - width));
  const y = top >= height ? top - height : Math.min(top, size.height - height);
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="${colorOf(label, classes)}"/>` +
    `<text x="${x + 3}" y="${y + FONT}" fill="#fff">${escapeXml(text)}</text>`;
}
