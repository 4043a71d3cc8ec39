/** `deno task reproduce`: what it runs and writes, and that it goes on where it stopped. */

import assert from "node:assert/strict";
import { readTables, rowSettings, runsOf } from "../../src/studies/paper_tables.ts";
import { runCli } from "../support/cli.ts";
import { gpuTest } from "../support/gpu.ts";
import { inFolder, TINY, writeIdxSet } from "../support/training.ts";

const NUMBERS = ["1", "2", "3", "4", "5", "6"];
const OPTIONS = { seed: 3, real: null, walks: "walks.safetensors", sets: [] };

gpuTest("two rows are run, reported with the paper's numbers, and not run again", () =>
  inFolder(async (folder) => {
    await writeIdxSet(`${folder}/data`);
    const probe = `probe={data: {kind: idx, path: ${folder}/data}, epochs: 1, batch: 8, lr: 0.01}`;
    const sets = [...TINY.filter((set) => !set.startsWith("probe")), probe, "steps=2"].flatMap((set) => ["--set", set]);
    const out = `${folder}/out`;
    const options = ["--table", "1,4", "--row", "tx,gauss", "--seeds", "3", "--out", out];
    const trained = (stderr: string) => stderr.split("\n").filter((line) => line.startsWith("a step is")).length;

    const first = await runCli("reproduce", [...options, ...sets]);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(trained(first.stderr), 2); // table 4's row is table 1's run
    const markdown = await Deno.readTextFile(`${out}/report/report.md`);
    assert.match(markdown, /## Table 1: Unconditional/);
    assert.match(markdown, /\| T_x only \| 35\.69 \| 0\.57 \| \d+\.\d\d \| \d+\.\d\d \| 1 \|/);
    assert.match(markdown, /\| T_x only \| 57\.10 \| 51\.04 \| 44\.12 \| 72\.23 \| 46\.11 \| \d+\.\d\d/);
    assert.match(markdown, /\| untrained network \| {2}\| {2}\| \d/);
    const html = await Deno.readTextFile(`${out}/report/report.html`);
    assert.equal(html.match(/<img src="data:image\/svg\+xml;base64,/g)!.length, 2);
    assert.equal(html.match(/<img src="data:image\/png;base64,/g)!.length, 2);
    assert.doesNotMatch(html, /(src|href)="(?!data:)/);
    const files = Array.from(Deno.readDirSync(`${out}/report`), ({ name }) => name).sort();
    assert.deepEqual(files, [
      ...["report.html", "report.md", "results.json", "table-1.svg", "table-4.svg"],
      ...["views-quick-gauss.png", "views-quick-tx.png"],
    ]);

    const again = await runCli("reproduce", [...options, ...sets]);
    assert.equal(trained(again.stderr), 0, again.stderr);
    assert.equal(await Deno.readTextFile(`${out}/report/report.md`), markdown);
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
        assert.equal(row.paper.length, table.columns.length, `table ${table.number}, ${row.method}`);
        assert.equal(settings.data.kind === "generator", !row.real);
        assert.equal(settings.views.latent.walks !== null, row.steered);
      }
    }
    assert.equal(runsOf(tables).length, scale === "quick" ? 18 : 33);
  }
});
