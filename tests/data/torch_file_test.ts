/** Files of torch.save, against what PyTorch wrote into tests/fixtures/generators (make.py there). */

import assert from "node:assert/strict";
import { decodeTorchFile, readTorchFile } from "../../src/data/torch_file.ts";
import { UserError } from "../../src/errors.ts";

const fixture = (name: string) => new URL(`../fixtures/generators/${name}`, import.meta.url).pathname;
const range = (n: number, begin = 0) => Array.from({ length: n }, (_, i) => begin + i);

for (const file of ["values.pt", "values_old.pt"]) {
  Deno.test(`${file}: types, windows and strides of tensors`, async () => {
    const tensors = await readTorchFile(fixture(file));
    const get = (name: string) => {
      const { dtype, shape, data } = tensors.get(name)!;
      return [dtype, [...shape], Array.from(data as ArrayLike<number | bigint>)];
    };
    assert.deepEqual(get("whole"), ["F32", [2, 3, 4], range(24)]);
    const turned = range(24).map((i) => (i % 4) * 6 + Math.floor(i / 4));
    assert.deepEqual(get("turned"), ["F32", [6, 4], turned]);
    assert.deepEqual(get("part"), ["F32", [4], range(4, 5)]);
    assert.deepEqual(get("half"), ["F32", [3], [0, 0.25, 0.5]]);
    assert.deepEqual(get("wide"), ["F32", [2], [1.5, -2.5]]);
    assert.deepEqual(get("brain"), ["F32", [2], [1.5, -2.5]]);
    assert.deepEqual(get("long"), ["I64", [], [-7n]]);
    assert.deepEqual(get("parameter"), ["F32", [1], [3]]);
    assert.deepEqual(get("nested.0.inner"), ["U8", [2], [1, 0]]);
    assert.equal(tensors.size, 9);
  });

  Deno.test(`${file}: every cut is refused in one line`, async () => {
    const whole = await Deno.readFile(fixture(file));
    for (let length = 0; length < whole.length; length += 7) {
      const cut = () => decodeTorchFile(whole.slice(0, length), "cut.pt");
      assert.throws(cut, (error) => error instanceof UserError && /^cut\.pt [^\n]+$/.test(error.message), `${length}`);
    }
  });

  Deno.test(`${file}: flipped bytes never raise anything but a UserError`, async () => {
    const whole = await Deno.readFile(fixture(file));
    for (let i = 0; i < whole.length; i++) {
      const bent = whole.slice();
      bent[i]! ^= 0x15;
      try {
        decodeTorchFile(bent, "bent.pt");
      } catch (error) {
        assert.ok(error instanceof UserError, `byte ${i}: ${error}`);
      }
    }
  });
}

Deno.test("a global that is no tensor's is refused by name, and a foreign file as one", async () => {
  await assert.rejects(
    readTorchFile(fixture("foreign.pt")),
    /foreign\.pt cannot be read: it holds fractions\.Fraction,/,
  );
  await assert.rejects(readTorchFile(fixture("make.py")), /make\.py is no file of torch\.save/);
  await assert.rejects(readTorchFile(fixture("none.pt")), /none\.pt does not exist/);
});
