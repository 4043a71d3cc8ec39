/** Event files by a reader of our own, and the checksum by RFC 3720's examples. */

import assert from "node:assert/strict";
import { crc32c, encodeEvent, encodeFileVersion } from "../../src/data/tfevents.ts";
import { readEvents } from "../support/tfevents.ts";

Deno.test("CRC-32C of RFC 3720's examples", () => {
  const bytes = (at: (i: number) => number) => Uint8Array.from({ length: 32 }, (_, i) => at(i));
  assert.equal(crc32c(bytes(() => 0)), 0x8a9136aa);
  assert.equal(crc32c(bytes(() => 0xff)), 0x62a8ab43);
  assert.equal(crc32c(bytes((i) => i)), 0x46dd794e);
  assert.equal(crc32c(bytes((i) => 31 - i)), 0x113fdb5c);
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
  assert.equal(crc32c(new Uint8Array()), 0);
});

Deno.test("events read back as they were written", () => {
  const png = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const file = [
    encodeFileVersion(1.5e9),
    encodeEvent({ time: 1.5e9 + 0.25, step: 0, images: { views: { png, width: 640, height: 48 } } }),
    encodeEvent({ time: 1.5e9 + 1, step: 2 ** 33, scalars: { "train/loss": 0.5, "watch/uniformity": -3.25 } }),
    encodeEvent({ time: 1.5e9 + 2, step: 7, scalars: { loss: NaN } }),
  ];
  const [version, image, numbers, bad] = readEvents(Uint8Array.from(file.flatMap((part) => [...part])));
  assert.deepEqual(version, { time: 1.5e9, step: 0, version: "brain.Event:2", values: [] });
  assert.deepEqual(image!.values, [{ tag: "views", image: { width: 640, height: 48, png } }]);
  assert.deepEqual(numbers, {
    time: 1.5e9 + 1,
    step: 2 ** 33,
    version: null,
    values: [{ tag: "train/loss", scalar: 0.5 }, { tag: "watch/uniformity", scalar: -3.25 }],
  });
  assert.deepEqual(bad!.values, [{ tag: "loss", scalar: NaN }]);
});

Deno.test("a bit that changes is seen by the checksum", () => {
  const frame = encodeEvent({ time: 1, step: 1, scalars: { a: 1 } });
  frame[20]! ^= 4;
  assert.throws(() => readEvents(frame), /checksum of an event/);
});
