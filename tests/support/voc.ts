// Small VOC folders, for tests.
import sharp from "sharp";

/** The XML of an object. */
export function object(
  name: string,
  [xmin, ymin, xmax, ymax]: readonly number[],
  { difficult = 0, truncated = 0 } = {},
): string {
  return `<object><name>${name}</name><truncated>${truncated}</truncated><difficult>${difficult}</difficult>` +
    `<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
}

/** Where a class's square stands, and its colour: a pattern that any network can tell. */
const LOOKS: Readonly<Record<string, [at: number, color: string]>> = {
  dog: [2, "#e02020"],
  cat: [18, "#20c020"],
  cow: [10, "#2040e0"],
};

/**
 * Writes a year's folder: gray images of 40 x 30 with a square for each of their objects, "name!" a difficult one, and
 * lists of lines by their names.
 */
export async function writeVoc(
  root: string,
  images: Readonly<Record<string, readonly string[]>>,
  lists: Readonly<Record<string, readonly string[]>> = {},
): Promise<void> {
  for (const name of ["JPEGImages", "Annotations"]) await Deno.mkdir(`${root}/${name}`, { recursive: true });
  let shade = 90;
  for (const [id, names] of Object.entries(images)) {
    shade = 60 + (shade * 7) % 120;
    const canvas = sharp({
      create: { width: 40, height: 30, channels: 3, background: { r: shade, g: shade, b: shade } },
    });
    const squares = names.map((name) => {
      const [left, background] = LOOKS[name.replace("!", "")]!;
      return { input: { create: { width: 12, height: 12, channels: 3 as const, background } }, left, top: left % 9 };
    });
    await Deno.writeFile(`${root}/JPEGImages/${id}.jpg`, await canvas.composite(squares).jpeg().toBuffer());
    const objects = names.map((name) => {
      const left = LOOKS[name.replace("!", "")]![0] + 1;
      const top = (left - 1) % 9 + 1;
      const difficult = Number(name.endsWith("!"));
      return object(name.replace("!", ""), [left, top, left + 11, top + 11], { difficult });
    });
    await Deno.writeTextFile(`${root}/Annotations/${id}.xml`, `<annotation>${objects.join("")}</annotation>`);
  }
  for (const [name, lines] of Object.entries(lists)) {
    await Deno.mkdir(`${root}/ImageSets/Main`, { recursive: true });
    await Deno.writeTextFile(`${root}/ImageSets/Main/${name}.txt`, lines.join("\n") + "\n");
  }
}
