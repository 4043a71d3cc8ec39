import assert from "node:assert/strict";
import { nearest, suggest } from "../src/errors.ts";

Deno.test("nearest finds a typing slip and leaves the far alone", () => {
  const names = ["train", "sample", "evaluate"];
  assert.equal(nearest("trian", names), "train");
  assert.equal(nearest("SAMPEL", names), "sample");
  assert.equal(nearest("zzz", names), undefined);
});

Deno.test("suggest lists the choices where none is near", () => {
  assert.equal(suggest("trian", ["train", "sample"]), 'did you mean "train"?');
  assert.equal(suggest("q", ["train", "sample"]), "use one of train, sample");
});
