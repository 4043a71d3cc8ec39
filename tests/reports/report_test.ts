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
  assert.match(html, /<td>a\|b<\/td><td>1\.50<\/td>/);
  assert.match(html, /<img src="data:image\/png;base64,AQID" alt="a &quot;picture&quot;">/);
});
