/** `evaluate` on Stanford Cars in both of its editions and as class folders, whole and broken. */

import assert from "node:assert/strict";
import sharp from "sharp";
import { type Finished, runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY } from "../support/training.ts";

const FIXTURES = new URL("../fixtures/cars/", import.meta.url);
const SETTINGS = [
  ...TINY,
  "probe.cars.epochs=2",
  "probe.crops=random",
  "probe.epochs=2",
  "probe.lr=0.05",
  "probe.batch=4",
]
  .flatMap((set) => ["--set", set]);

const evaluate = (data: string, protocol: string, ...args: string[]) =>
  runCli("evaluate", [...SETTINGS, "--checkpoint", "random", "--data", data, "--protocol", protocol, ...args]);

function refused({ code, stdout, stderr }: Finished, pattern: RegExp) {
  assert.match(stderr, /^(features[^\n]*\n)*error: [^\n]+\n$/);
  assert.match(stderr, pattern);
  assert.deepEqual([code, stdout], [2, ""]);
}

async function photographs(folder: string, names: readonly string[]): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [i, name] of names.entries()) {
    const background = { r: 60 * i, g: 200 - 30 * i, b: 90 };
    const image = sharp({ create: { width: 48, height: 32, channels: 3, background } });
    await Deno.writeFile(`${folder}/${name}`, await image.jpeg().toBuffer());
  }
}

const numbered = (count: number, digits: number) =>
  Array.from({ length: count }, (_, i) => `${String(i + 1).padStart(digits, "0")}.jpg`);

gpuTest("both editions and class folders are read", () =>
  inFolder(async (root) => {
    const copy = (name: string, to: string) => Deno.copyFile(new URL(name, FIXTURES), to);
    const first = `${root}/stanford_cars`;
    await photographs(`${first}/cars_train`, numbered(4, 5));
    await photographs(`${first}/cars_test`, numbered(2, 5));
    await Deno.mkdir(`${first}/devkit`);
    for (const name of ["cars_meta.mat", "cars_train_annos.mat"]) await copy(name, `${first}/devkit/${name}`);
    refused(await evaluate(root, "cars"), /lacks a part of Stanford Cars: looked for .*cars_test_annos_withlabels.mat/);
    await copy("cars_test_annos.mat", `${first}/cars_test_annos_withlabels.mat`);
    refused(await evaluate(root, "cars"), /without the number "class": it is not the file with labels/);
    await copy("cars_test_annos_withlabels.mat", `${first}/cars_test_annos_withlabels.mat`);
    const done = await evaluate(root, "cars", "--json", "--out", `${root}/out`);
    assert.equal(done.code, 0, done.stderr);
    const { cars } = JSON.parse(done.stdout);
    assert.deepEqual([cars.n_train, cars.n_test, cars.classes, cars.crops], [4, 2, 3, "random"]);
    const table = (await Deno.readTextFile(`${root}/out/cars-classes.csv`)).trim().split("\n");
    assert.deepEqual(table.map((line) => line.split(",").slice(0, 2).join()), [
      "class,images",
      "AM General Hummer SUV 2000,0",
      "Acura RL Sedan 2012,1",
      "smart fortwo Convertible 2012,1",
    ]);

    await Deno.remove(`${first}/cars_train/00003.jpg`);
    refused(await evaluate(root, "cars"), /1 of the 4 photographs of .* are missing: looked for .*00003.jpg/);
    await Deno.writeTextFile(`${first}/cars_train/00003.jpg`, "no picture");
    const broken = await evaluate(root, "knn", "--json"); // other protocols take the same folder
    assert.equal(JSON.parse(broken.stdout).n_train, 3, broken.stderr);
    assert.match(broken.stderr, /left out 1 of 4 files that cannot be used as images: .*00003.jpg/);
    refused(await evaluate(root, "cars", "--strict"), /00003.jpg cannot be used/);

    const second = `${root}/single`;
    await photographs(`${second}/car_ims`, numbered(4, 6));
    await copy("cars_annos.mat", `${second}/cars_annos.mat`);
    const single = await evaluate(second, "knn", "--json");
    const { n_train, n_test, classes } = JSON.parse(single.stdout);
    assert.deepEqual([n_train, n_test, classes], [2, 2, 3]);
    await Deno.writeTextFile(`${second}/cars_annos.mat`, "no MATLAB");
    refused(await evaluate(second, "cars"), /cars_annos.mat cannot be read: it is no MATLAB file/);

    for (const folder of ["train/a", "train/b", "test/a", "test/b"]) {
      await photographs(`${root}/folders/${folder}`, ["1.jpg"]);
    }
    const folders = JSON.parse((await evaluate(`${root}/folders`, "cars", "--json")).stdout).cars;
    assert.deepEqual([folders.n_train, folders.n_test, folders.classes], [2, 2, 2]);
    refused(await evaluate(`${root}/none`, "cars"), /data folder .*none does not exist/);
  }));
