/** The entries of a zip archive whose files are stored, not compressed, as torch writes them. */

import { UserError } from "../errors.ts";

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
/** A comment of at most this length may follow the end record. */
const MOST_COMMENT = 65535;
const FULL = 0xffffffff;

/** Whether bytes begin as a zip archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;
}

/** Contents by name, views of the archive's bytes. UserError for damage and for compressed entries. */
export function readZip(bytes: Uint8Array<ArrayBuffer>, name: string): Map<string, Uint8Array<ArrayBuffer>> {
  const fail = (why: string): never => {
    throw new UserError(`${name} cannot be read: ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const big = (at: number) => Number(view.getBigUint64(at, true));
  try {
    const entries = new Map<string, Uint8Array<ArrayBuffer>>();
    let { at, count } = directory(view, big);
    for (; count > 0; count--) {
      if (view.getUint32(at, true) !== ENTRY) fail("its list of entries is damaged");
      const lengths = [28, 30, 32].map((i) => view.getUint16(at + i, true)) as [number, number, number];
      const entry = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + lengths[0]));
      if (view.getUint16(at + 10, true) !== 0) {
        fail(`its entry ${entry} is compressed, torch stores entries as they are`);
      }
      let [size, begin] = [view.getUint32(at + 24, true), view.getUint32(at + 42, true)];
      if (size === FULL || begin === FULL || view.getUint32(at + 20, true) === FULL) {
        const wide = wideFields(view, at + 46 + lengths[0], lengths[1]);
        if (size === FULL) size = wide.shift() ?? fail(`its entry ${entry} has no size`);
        if (view.getUint32(at + 20, true) === FULL) wide.shift();
        if (begin === FULL) begin = wide.shift() ?? fail(`its entry ${entry} has no place`);
      }
      if (view.getUint32(begin, true) !== LOCAL) fail(`its entry ${entry} is damaged`);
      const data = begin + 30 + view.getUint16(begin + 26, true) + view.getUint16(begin + 28, true);
      if (data + size > bytes.length) fail(`its entry ${entry} is cut off`);
      entries.set(entry, bytes.subarray(data, data + size));
      at += 46 + lengths[0] + lengths[1] + lengths[2];
    }
    return entries;
  } catch (error) {
    if (error instanceof RangeError) fail("its list of entries is damaged or cut off");
    throw error;
  }
}

/** Where the list of entries begins, and how many there are. Throws RangeError where there is none. */
function directory(view: DataView, big: (at: number) => number): { at: number; count: number } {
  let end = view.byteLength - END_BYTES;
  const least = Math.max(0, end - MOST_COMMENT);
  while (end >= least && view.getUint32(end, true) !== END) end--;
  if (end < least) throw new RangeError("no end record");
  if (end >= 20 && view.getUint32(end - 20, true) === LOCATOR64) {
    const wide = big(end - 20 + 8);
    if (view.getUint32(wide, true) === END64) return { at: big(wide + 48), count: big(wide + 32) };
  }
  return { at: view.getUint32(end + 16, true), count: view.getUint16(end + 10, true) };
}

/** The 64-bit numbers of an entry's extra field 1: size, stored size and place, those of them that are needed. */
function wideFields(view: DataView, at: number, length: number): number[] {
  for (let i = at; i + 4 <= at + length;) {
    const size = view.getUint16(i + 2, true);
    if (view.getUint16(i, true) === 1) {
      return Array.from({ length: Math.floor(size / 8) }, (_, k) => Number(view.getBigUint64(i + 4 + 8 * k, true)));
    }
    i += 4 + size;
  }
  return [];
}
