import assert from "node:assert/strict";
import { type Report, toHtml, toMarkdown } from "../../src/reports/report.ts";

const REPORT: Report = {
  title: "A <report>",
  intro: ["First & last."],
  sections: [{
    title: "Numbers",
    blocks: [
      { kind: "table", head: ["name", "value"], rows: [["a|b", "1.50"]] },
      { kind: "picture", file: "p.png", bytes: Uint8Array.of(1, 2, 3), caption: 'a "picture"' },
    ],
  }],
};

Deno.test("Markdown escapes bars and links its pictures", () => {
  assert.equal(
    toMarkdown(REPORT),
    "# A <report>\n\nFirst & last.\n\n## Numbers\n\n| name | value |\n| --- | ---: |\n| a\\|b | 1.50 |\n\n" +
      '![a "picture"](p.png)\n\n*a "picture"*\n',
  );
});

Deno.test("HTML escapes text and holds its pictures", () => {
  const html = toHtml(REPORT);
  assert.match(html, /<title>A &lt;report&gt;<\/title>/);
  assert.match(html, /<td>a\|b<\/td><td class="number">1\.50<\/td>/);
  assert.match(html, /<img src="data:image\/png;base64,AQID" alt="a &quot;picture&quot;">/);
});

Deno.test("columns of a group stand below its name in HTML, and carry it in Markdown", () => {
  const head = [{ title: "method" }, { group: "paper", title: "top-1" }, { group: "paper", title: "AP" }, "note"];
  const table = { kind: "table", head, rows: [["a", "1", "+2.00 ± 0.10", "words 3"], ["b", "", "-1", ""]] } as const;
  const report: Report = { title: "t", intro: [], sections: [{ title: "Table 1: x", blocks: [table] }] };
  assert.match(
    toMarkdown(report),
    /\| method \| paper: top-1 \| paper: AP \| note \|\n\| --- \| ---: \| ---: \| --- \|/,
  );
  const html = toHtml(report);
  assert.match(
    html,
    /<tr><td colspan="1"><\/td><th class="group" colspan="2">paper<\/th><td colspan="1"><\/td><\/tr>\n<tr><th>method/,
  );
  assert.match(html, /<nav><a href="#s0">Table 1<\/a><\/nav>/);
  assert.match(html, /<td class="number">\+2\.00 ± 0\.10<\/td><td>words 3<\/td>/);
});
