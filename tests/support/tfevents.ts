/** A reader of TensorBoard's event files that shares nothing with the writer: checksums bit by bit, fields by hand. */

import assert from "node:assert/strict";

/** A value of a summary: a number, or the bytes of an image. */
export interface ReadValue {
  readonly tag: string;
  readonly scalar?: number;
  readonly image?: { readonly width: number; readonly height: number; readonly png: Uint8Array };
}

/** An event. */
export interface ReadEvent {
  readonly time: number;
  readonly step: number;
  readonly version: string | null;
  readonly values: readonly ReadValue[];
}

/** All events of a file; fails where a frame is cut off or a checksum is wrong. */
export function readEvents(bytes: Uint8Array): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = Number(view.getBigUint64(0, true));
    assert.equal(view.getUint32(8, true), masked(bytes.subarray(at, at + 8)), "checksum of a length");
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(view.getUint32(12 + length, true), masked(data), "checksum of an event");
    events.push(eventOf(data));
    at += length + 16;
  }
  return events;
}

function eventOf(data: Uint8Array): ReadEvent {
  const fields = fieldsOf(data);
  const summary = fields.get(5)?.[0];
  return {
    time: double(fields.get(1)![0] as Uint8Array),
    step: Number(fields.get(2)?.[0] ?? 0),
    version: fields.has(3) ? text(fields.get(3)![0] as Uint8Array) : null,
    values: summary ? (fieldsOf(summary as Uint8Array).get(1) ?? []).map((value) => valueOf(value as Uint8Array)) : [],
  };
}

function valueOf(data: Uint8Array): ReadValue {
  const fields = fieldsOf(data);
  const tag = text(fields.get(1)![0] as Uint8Array);
  const number = fields.get(2)?.[0] as Uint8Array | undefined;
  if (number) return { tag, scalar: new DataView(number.slice().buffer).getFloat32(0, true) };
  const image = fieldsOf(fields.get(4)![0] as Uint8Array);
  const [height, width, space] = [1, 2, 3].map((field) => Number(image.get(field)![0]));
  assert.equal(space, 3, "RGB");
  return { tag, image: { width: width!, height: height!, png: image.get(4)![0] as Uint8Array } };
}

/** Protocol buffers' wire format: values by field number, fixed and delimited ones as their bytes. */
function fieldsOf(data: Uint8Array): Map<number, (bigint | Uint8Array)[]> {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = data[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (count: number) => data.subarray(at, at += count);
  while (at < data.length) {
    const key = Number(varint());
    const value = [varint, () => take(8), () => take(Number(varint())), null, null, () => take(4)][key & 7]!();
    fields.set(key >> 3, [...fields.get(key >> 3) ?? [], value]);
  }
  assert.equal(at, data.length, "a field is cut off");
  return fields;
}

function masked(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  crc = ~crc >>> 0;
  return Number(BigInt.asUintN(32, (BigInt(crc) >> 15n | BigInt(crc) << 17n & 0xffffffffn) + 0xa282ead8n));
}

const double = (bytes: Uint8Array) => new DataView(bytes.slice().buffer).getFloat64(0, true);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
