/** The boxes that a region proposal network starts from (detectron2's DefaultAnchorGenerator, offset 0). */

/** Anchors of one place. */
export interface AnchorShapes {
  /** Square roots of areas, in pixels of the network's input. */
  readonly sizes: readonly number[];
  /** Heights over widths. */
  readonly ratios: readonly number[];
}

/** Anchors around the origin, [x1, y1, x2, y2], in order of size and then ratio. */
export function cellAnchors({ sizes, ratios }: AnchorShapes): [number, number, number, number][] {
  return sizes.flatMap((size) =>
    ratios.map((ratio): [number, number, number, number] => {
      const w = Math.sqrt(size * size / ratio);
      const h = ratio * w;
      return [-w / 2, -h / 2, w / 2, h / 2];
    })
  );
}

/** Those of every place of a feature map: [rows * columns * cells, 4], by rows, columns and cells. */
export function gridAnchors(
  cells: readonly (readonly number[])[],
  stride: number,
  [rows, columns]: readonly [number, number],
): Float32Array {
  const anchors = new Float32Array(rows * columns * cells.length * 4);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (const cell of cells) {
        cell.forEach((side, i) => anchors[at++] = side + stride * (i % 2 === 0 ? column : row));
      }
    }
  }
  return anchors;
}
