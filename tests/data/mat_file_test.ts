/** MATLAB files as SciPy writes them (tests/fixtures/cars/make.py). */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeMatFile, readMatFile } from "../../src/data/mat_file.ts";

const fixture = (name: string) => new URL(`../fixtures/cars/${name}.mat`, import.meta.url).pathname;
const numbers = (shape: number[], ...data: number[]) => ({ kind: "numbers", shape, data });
const text = (value: string) => ({ kind: "text", text: value });

Deno.test("every kind of value is read, the first dimension fastest", async () => {
  const values = await readMatFile(fixture("values"));
  assert.deepEqual(values.get("bytes"), numbers([2, 3], -3, 0, -2, 1, -1, 2));
  assert.deepEqual(values.get("halves"), numbers([1, 2], 0.5, -2.25));
  assert.deepEqual(values.get("singles"), numbers([1, 1], 1.5));
  assert.deepEqual(values.get("wide"), numbers([1, 2], 2 ** 40, -5));
  assert.deepEqual(values.get("text"), text("Škoda"));
  assert.deepEqual(values.get("lines"), text("ab\ncd"));
  assert.deepEqual(values.get("none"), numbers([0, 0]));
  assert.deepEqual(values.get("cells"), {
    kind: "cells",
    shape: [2, 2],
    items: [text("a"), { kind: "cells", shape: [1, 1], items: [text("deep")] }, numbers([1, 1], 7), text("")],
  });
  const inner = { kind: "structs", shape: [1, 1], items: [new Map([["n", numbers([1, 1], 4)]])] };
  const record = new Map<string, unknown>([["name", text("x")], ["inner", inner]]);
  assert.deepEqual(values.get("record"), { kind: "structs", shape: [1, 1], items: [record] });
  assert.equal(values.has("imaginary"), false);
});

Deno.test("compressed and plain files hold the same", async () => {
  const fname = async (name: string) => {
    const annotations = (await readMatFile(fixture(name))).get("annotations")!;
    assert.equal(annotations.kind, "structs");
    return annotations.kind === "structs" ? annotations.items.map((item) => item.get("fname")) : [];
  };
  assert.deepEqual((await fname("cars_train_annos")).slice(0, 2), await fname("cars_test_annos"));
});

Deno.test("files of other kinds are refused by name", async () => {
  await assert.rejects(readMatFile("/nowhere/a.mat"), /MATLAB file \/nowhere\/a.mat does not exist/);
  const bytes = await Deno.readFile(fixture("cars_meta"));
  const hdf = Uint8Array.from([...new TextEncoder().encode("MATLAB 7.3 MAT-file"), ...bytes.subarray(19)]);
  assert.throws(() => decodeMatFile(hdf), /version 7.3 \(HDF5\): save it with -v7/);
  assert.throws(() => decodeMatFile(new Uint8Array(200)), /no MATLAB file of version 5 to 7/);
  assert.throws(() => decodeMatFile(bytes.subarray(0, bytes.length - 20)), /cut off/);
});

Deno.test("damaged files are Errors, and soon", async () => {
  const originals = await Promise.all(
    ["values", "cars_annos", "cars_test_annos"].map((f) => Deno.readFile(fixture(f))),
  );
  const changes = fc.array(fc.tuple(fc.nat(4096), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...originals), changes, fc.nat(1200), (original, edits, cut) => {
      const damaged = original.slice(0, Math.max(130, original.length - (cut % 3 === 0 ? cut : 0)));
      for (const [at, value] of edits) damaged[128 + at % (damaged.length - 128)] = value;
      const begin = performance.now();
      try {
        decodeMatFile(damaged);
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, String((error as Error).stack));
      }
      assert.ok(performance.now() - begin < 2000);
    }),
    { numRuns: 300, seed: 3 },
  );
});
