/**
 * The sizes of canvases. Graphs have static shapes, so an image is brought to its size and laid into the upper left of a
 * canvas; how long canvases are is one of a few factors of the shorter side, wide or high. detectron2 pads a batch to its
 * largest image instead. Images longer than the longest canvas are made smaller, as detectron2 does at 1333 pixels.
 */

/** Height and width in pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** Which canvases an image lies on: one of the aspects, wide or high. Images of a batch have the same. */
export interface Shape {
  readonly aspect: number;
  readonly high: boolean;
}

/** Slack of an aspect, so that 500 x 375 is 4/3 however that is written. */
const SLACK = 1.004;

/** The shape of an image's canvases: the first of the aspects (longer over shorter side, rising) that holds it. */
export function shapeOf({ height, width }: Size, aspects: readonly number[]): Shape {
  const ratio = Math.max(height, width) / Math.min(height, width);
  const aspect = aspects.find((a) => ratio <= a * SLACK) ?? aspects.at(-1)!;
  return { aspect, high: height > width };
}

/** The canvas of a shape whose shorter side is `side`; the longer one is the next multiple of 16. */
export function canvasOf({ aspect, high }: Shape, side: number): Size {
  const long = 16 * Math.ceil(side * aspect / 16);
  return high ? { height: long, width: side } : { height: side, width: long };
}

/** The size of an image on a canvas: its shorter side is the canvas's, or its longer one where it would not fit. */
export function fitted({ height, width }: Size, canvas: Size): Size {
  const short = Math.min(canvas.height, canvas.width) / Math.min(height, width);
  const scale = Math.min(short, canvas.height / height, canvas.width / width);
  const side = (length: number, most: number) => Math.min(most, Math.max(1, Math.floor(length * scale + 0.5)));
  return { height: side(height, canvas.height), width: side(width, canvas.width) };
}

/** A canvas as a key. */
export function canvasKey({ height, width }: Size): string {
  return `${width}x${height}`;
}
