/**
 * TensorBoard's event files: Event messages (tensorflow/core/util/event.proto and framework/summary.proto, the fields
 * that are used here) in TFRecord frames. A frame is the length as u64, the masked CRC-32C of these 8 bytes, the
 * message, and its masked CRC-32C, all little-endian (tensorflow/core/lib/io/record_writer.h).
 */

import protobuf from "protobufjs/light";
import type { Picture } from "./png.ts";

/** What is known at a step. */
export interface TensorBoardEvent {
  /** Unix time in seconds. */
  readonly time: number;
  readonly step: number;
  /** By tag: `group/name` puts a chart into a group. */
  readonly scalars?: Readonly<Record<string, number>>;
  readonly images?: Readonly<Record<string, Picture>>;
}

const field = (type: string, id: number) => ({ type, id });

const messages = protobuf.Root.fromJSON({
  nested: {
    Event: {
      fields: {
        wallTime: field("double", 1),
        step: field("int64", 2),
        fileVersion: field("string", 3),
        summary: field("Summary", 5),
      },
    },
    Summary: { fields: { value: { rule: "repeated", ...field("Value", 1) } } },
    Value: { fields: { tag: field("string", 1), simpleValue: field("float", 2), image: field("Image", 4) } },
    Image: {
      fields: {
        height: field("int32", 1),
        width: field("int32", 2),
        colorspace: field("int32", 3),
        encodedImageString: field("bytes", 4),
      },
    },
  },
});
const eventType = messages.lookupType("Event");

/** Colour space of an Image: RGB. */
const RGB = 3;

/** The frame that an event file begins with. */
export function encodeFileVersion(time: number): Uint8Array {
  return frame({ wallTime: time, fileVersion: "brain.Event:2" });
}

/** An event as a frame. */
export function encodeEvent({ time, step, scalars = {}, images = {} }: TensorBoardEvent): Uint8Array {
  const value = [
    ...Object.entries(scalars).map(([tag, simpleValue]) => ({ tag, simpleValue })),
    ...Object.entries(images).map(([tag, { png, width, height }]) => ({
      tag,
      image: { width, height, colorspace: RGB, encodedImageString: png },
    })),
  ];
  return frame({ wallTime: time, step, summary: { value } });
}

function frame(message: Record<string, unknown>): Uint8Array {
  const data = eventType.encode(message).finish();
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length, true); // the upper half of the length stays 0
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

/** The checksum turned by 15 bits plus a constant, so that a checksum of bytes that hold checksums is as good as any. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return ((crc >>> 15 | crc << 17) + 0xa282ead8) >>> 0;
}

/** One entry a byte, for Castagnoli's polynomial with its bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? byte >>> 1 ^ 0x82f63b78 : byte >>> 1;
  return byte;
});

/** CRC-32C (RFC 3720, section 12.1); node:zlib's crc32 has another polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ crc >>> 8;
  return (crc ^ 0xffffffff) >>> 0;
}
