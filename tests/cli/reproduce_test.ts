/** `deno task reproduce`: what it runs and writes, and that it goes on where it stopped. */

import assert from "node:assert/strict";
import { loadConfig } from "../../src/config.ts";
import { readSafetensors } from "../../src/data/safetensors.ts";
import { exists } from "../../src/paths.ts";
import { protocolsOf, readTables, rowSettings, runName, runsOf } from "../../src/studies/paper_tables.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, writeIdxSet } from "../support/training.ts";

const NUMBERS = ["1", "2", "3", "4", "5", "6"];
const OPTIONS = { seed: 3, real: null, walks: "walks.safetensors", sets: [] };

gpuTest("two rows are run, reported with the paper's numbers, and not run again", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const own = ["steps=1", "watch={every: 1, images: 8}"];
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe, ...own].flatMap((set) => ["--set", set]);
    const out = `${folder}/out`;
    const options = ["--table", "1,4", "--row", "tx,real-tx", "--seeds", "3,4", "--out", out];
    const trained = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("a step is")).length;

    const first = await runCli("reproduce", [...options, ...sets]);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(trained(first.stderr), 4); // table 4's rows are table 1's runs
    const markdown = await Deno.readTextFile(`${out}/report/report.md`);
    assert.match(markdown, /## Table 1: Unconditional/);
    assert.match(
      markdown,
      /\| method \| the paper: ImageNet linear \| the paper: VOC07 AP \| the paper: to T_x only \| here/,
    );
    const spread = "-?\\d+\\.\\d\\d ± \\d+\\.\\d\\d";
    assert.match(
      markdown,
      new RegExp(`\\| T_x only \\| 35\\.69 \\| 0\\.57 \\|  \\| ${spread} \\|  \\| ${spread} \\| 2 \\|`),
    );
    assert.match(
      markdown,
      new RegExp(`real images T_x \\| 43\\.90 \\| 0\\.67 \\| \\+8\\.21 \\| ${spread} \\| \\+?${spread}`),
    );
    assert.match(markdown, /\| T_x only \| 57\.10 \| 51\.04 \| 44\.12 \| 72\.23 \| 46\.11 \| {2}\| \d+\.\d\d ±/);
    assert.match(markdown, /\| untrained network \| {2}\| {2}\| {2}\| \d/);
    assert.match(markdown, /!\[T_x only: tables 1, 4, seed 3\]\(views-quick-tx\.png\)/);
    const html = await Deno.readTextFile(`${out}/report/report.html`);
    assert.equal(html.match(/<img src="data:image\/svg\+xml;base64,/g)!.length, 4);
    assert.equal(html.match(/<img src="data:image\/png;base64,/g)!.length, 2);
    assert.doesNotMatch(html, /(src|href)="(?!data:|#)/);
    const files = Array.from(Deno.readDirSync(`${out}/report`), ({ name }) => name).sort();
    assert.deepEqual(files, [
      ...["report.html", "report.md", "results.json"],
      ...["table-1-curves.svg", "table-1.svg", "table-4-curves.svg", "table-4.svg"],
      ...["views-quick-real-tx.png", "views-quick-tx.png"],
    ]);
    const { runs, failures } = JSON.parse(await Deno.readTextFile(`${out}/report/results.json`));
    assert.deepEqual([runs.length, failures.length], [4, 0]);

    const again = await runCli("reproduce", [...options, ...sets]);
    assert.equal(trained(again.stderr), 0, again.stderr);
    assert.equal(await Deno.readTextFile(`${out}/report/report.md`), markdown);

    // A further protocol judges the checkpoints that are there.
    const judged = await runCli("reproduce", [...options, ...sets, "--row", "tx", "--protocol", "linear"]);
    assert.equal(trained(judged.stderr), 0, judged.stderr);
    assert.match(await Deno.readTextFile(`${out}/report/report.md`), /\| here: ImageNet linear \| here: linear \|/);

    const other = await runCli("reproduce", [...options, ...sets, "--set", "encoder.width=8"]);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /error: \S+quick-real-tx-seed-3 was begun with other settings: give another --out/);
  }));

gpuTest(
  "a run that fails is reported, the others go on, and the task fails at the end",
  () =>
    inFolder(async (folder) => {
      await writeIdxSet(`${folder}/data`);
      const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
      const own = ["steps=1", "watch.images=8"];
      const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe, ...own].flatMap((set) => ["--set", set]);
      await Deno.mkdir(`${folder}/real`);
      await Deno.writeTextFile(`${folder}/real/a.png`, "no image");
      const options = ["--table", "1", "--row", "real-tx,tx", "--seeds", "0", "--out", `${folder}/out`];
      const sick = [...options, ...sets, "--real", `${folder}/real`];
      const done = await runCli("reproduce", sick);
      assert.equal(done.code, 1, done.stderr);
      assert.match(done.stderr, /error: quick-real-tx, seed 0 failed: .*; the same command tries again\n$/);
      const markdown = await Deno.readTextFile(`${folder}/out/report/report.md`);
      assert.match(markdown, /\| real images T_x \| 43\.90 \| 0\.67 \| \+8\.21 \| failed \|/);
      assert.match(markdown, /\| T_x only \| 35\.69 \| 0\.57 \| {2}\| \d+\.\d\d \|/);
      assert.match(markdown, /## Failures\n\n\| run \| seed \| why \|/);
    }),
);

gpuTest("steered rows learn the walks they need once, and go on with them", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const own = [
      "steps=1",
      "generator.model=models/fashion-mnist/generator.onnx",
      "steer={steps: 2, batch: 2}",
      "watch.images=8",
    ];
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe, ...own].flatMap((set) => ["--set", set]);
    const out = `${folder}/out`;
    const options = ["--table", "1", "--row", "steer", "--seeds", "1,2", "--out", out, ...sets];
    const learned = (stderr: string) => stderr.match(/are not there yet: learning them into/g)?.length ?? 0;
    const first = await runCli("reproduce", options);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(learned(first.stderr), 1);
    const walks = `${out}/walks/generator.safetensors`;
    const { metadata } = await readSafetensors(walks);
    assert.deepEqual([metadata.generator, metadata.step], ["models/fashion-mnist/generator.onnx", "2"]);
    assert(exists(`${out}/walks/generator/walk_zoom.png`));
    assert.equal(loadConfig(`${out}/runs/quick-steer-seed-2/config.yaml`).views.latent.walks, walks);

    // As if the learning had been cut off, and then with other settings.
    await Deno.remove(walks);
    await Deno.remove(`${out}/runs/quick-steer-seed-1/result.json`);
    const again = await runCli("reproduce", options);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual([learned(again.stderr), (await readSafetensors(walks)).metadata], [1, metadata]);
    await Deno.remove(walks);
    await Deno.remove(`${out}/runs`, { recursive: true });
    const other = await runCli("reproduce", [...options, "--set", "steer.lr=1"]);
    assert.equal(other.code, 2, other.stderr);
    assert.match(other.stderr, /error: .*walks\/generator was begun with other settings/);
  }));

Deno.test("wrong tables and rows are refused, rows are listed without a device", async () => {
  const table = await runCli("reproduce", ["--table", "9"]);
  assert.deepEqual([table.code, /error: --table 9 is not known/.test(table.stderr)], [2, true], table.stderr);
  const row = await runCli("reproduce", ["--table", "6", "--row", "gauss"]);
  assert.equal(row.code, 2);
  assert.match(row.stderr, /error: --row gauss is in none of these tables: they have real-classifier, classifier/);
  const list = await runCli("reproduce", ["--table", "1-6", "--list"]);
  assert.equal(list.code, 0, list.stderr);
  assert.equal(list.stdout.match(/^ {2}\S/gm)!.length, 33);
});

Deno.test("every row of every table has settings at both scales", () => {
  for (const scale of ["quick", "paper"] as const) {
    const { tables } = readTables(NUMBERS, scale);
    for (const table of tables) {
      for (const row of table.rows) {
        const settings = rowSettings(table, row, OPTIONS);
        assert.equal(settings.seed, 3);
        assert(table.rows.some(({ method }) => method === table.baseline), table.number);
        const rate = scale === "quick" ? 0.05 : row.real && table.number !== "2" ? 0.3 : 2;
        const voc = rowSettings(table, row, { ...OPTIONS, sets: ["probe.voc07.path=voc"] });
        const own = table.number === "2" && scale === "paper" ? ["linear", "cars"] : ["linear"];
        assert.deepEqual(protocolsOf(table, settings), own);
        assert.deepEqual(protocolsOf(table, voc), table.number === "2" ? own : ["linear", "voc07"]);
        assert.equal(settings.probe.lr, rate, `table ${table.number}, ${row.method}`);
        assert.equal(row.paper.length, table.columns.length, `table ${table.number}, ${row.method}`);
        assert.equal(settings.data.kind === "generator", !row.real);
        assert.equal(settings.views.latent.walks, row.steered ? OPTIONS.walks : null);
      }
    }
    // Rows that share a run have the same settings.
    const byRun = new Map<string, Set<string>>();
    for (const table of tables) {
      for (const row of table.rows) {
        const run = runName(table, row);
        const text = JSON.stringify(rowSettings(table, row, OPTIONS));
        byRun.set(run, (byRun.get(run) ?? new Set()).add(text));
      }
    }
    assert([...byRun.values()].every(({ size }) => size === 1));
    assert.equal(runsOf(tables).length, scale === "quick" ? 18 : 33);
  }
});
