/**
 * MATLAB's files of level 5 (versions 5 to 7), compressed or not: numbers, text, cells and structs. Source: MathWorks,
 * MAT-File Format. Not read: sparse and complex arrays, objects, and version 7.3, which is HDF5.
 */

import { inflateSync } from "node:zlib";
import { messageOf, UserError } from "../errors.ts";

/** A value; items of arrays are in MATLAB's order, the first dimension fastest. */
export type MatValue =
  | { readonly kind: "numbers"; readonly shape: readonly number[]; readonly data: readonly number[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "cells"; readonly shape: readonly number[]; readonly items: readonly MatValue[] }
  | { readonly kind: "structs"; readonly shape: readonly number[]; readonly items: readonly MatStruct[] };

/** One struct of an array: its values by field. */
export type MatStruct = ReadonlyMap<string, MatValue>;

/** What an element of data holds (miINT8 and so on). */
const TYPES: Readonly<Record<number, { bytes: number; read: (view: DataView, at: number, le: boolean) => number }>> = {
  1: { bytes: 1, read: (v, at) => v.getInt8(at) },
  2: { bytes: 1, read: (v, at) => v.getUint8(at) },
  3: { bytes: 2, read: (v, at, le) => v.getInt16(at, le) },
  4: { bytes: 2, read: (v, at, le) => v.getUint16(at, le) },
  5: { bytes: 4, read: (v, at, le) => v.getInt32(at, le) },
  6: { bytes: 4, read: (v, at, le) => v.getUint32(at, le) },
  7: { bytes: 4, read: (v, at, le) => v.getFloat32(at, le) },
  9: { bytes: 8, read: (v, at, le) => v.getFloat64(at, le) },
  12: { bytes: 8, read: (v, at, le) => Number(v.getBigInt64(at, le)) },
  13: { bytes: 8, read: (v, at, le) => Number(v.getBigUint64(at, le)) },
  16: { bytes: 1, read: (v, at) => v.getUint8(at) },
  17: { bytes: 2, read: (v, at, le) => v.getUint16(at, le) },
};
const MATRIX = 14;
const COMPRESSED = 15;
const UTF8 = 16;
/** Classes of arrays (mxCELL_CLASS and so on). */
const CLASSES = { cell: 1, struct: 2, char: 4, firstNumber: 6, lastNumber: 15 } as const;
const COMPLEX = 0x0800;
/** No data set's annotations are larger than this when unpacked. */
const MOST_BYTES = 2 ** 30;
/** How deep cells and structs may lie in each other. */
const DEEPEST = 32;

/** The variables of a file by name. A file that is missing, foreign or damaged is a UserError. */
export async function readMatFile(path: string): Promise<ReadonlyMap<string, MatValue>> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`MATLAB file ${path} ${why}: check the path`, { cause: error });
  }
  try {
    return decodeMatFile(bytes);
  } catch (error) {
    throw new UserError(`MATLAB file ${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The variables in a file's bytes. What cannot be read is an Error. */
export function decodeMatFile(bytes: Uint8Array): Map<string, MatValue> {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 128));
  if (head.startsWith("MATLAB 7.3")) throw new Error("it is of version 7.3 (HDF5): save it with -v7");
  const mark = head.slice(126, 128);
  if (bytes.length < 128 || (mark !== "IM" && mark !== "MI")) throw new Error("it is no MATLAB file of version 5 to 7");
  const variables = new Map<string, MatValue>();
  const elements = new ElementReader(bytes.subarray(128), mark === "IM");
  while (!elements.atEnd) {
    const element = elements.next();
    const matrix = element.type === COMPRESSED
      ? new ElementReader(inflate(element.bytes), mark === "IM").next()
      : element;
    if (matrix.type !== MATRIX) throw new Error(`it holds an element of type ${matrix.type} where a variable must be`);
    const { name, value } = readMatrix(matrix, 0);
    if (value) variables.set(name, value);
  }
  return variables;
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return new Uint8Array(inflateSync(bytes, { maxOutputLength: MOST_BYTES }));
  } catch (error) {
    throw new Error(`a compressed variable is damaged (${messageOf(error)})`, { cause: error });
  }
}

interface Element {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
}

/** Goes through elements one after another. */
class ElementReader {
  #at = 0;
  readonly #view: DataView;

  constructor(readonly bytes: Uint8Array, readonly littleEndian: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.bytes.length - this.#at < 8;
  }

  next(): Element {
    if (this.atEnd) throw new Error("it is cut off");
    const word = this.#view.getUint32(this.#at, this.littleEndian);
    // Up to four bytes stand in the tag itself, with their number in its upper half.
    const small = word >>> 16;
    const type = word & 0xffff;
    const length = small > 0 ? small : this.#view.getUint32(this.#at + 4, this.littleEndian);
    const start = this.#at + (small > 0 ? 4 : 8);
    if (start + length > this.bytes.length || small > 4) throw new Error("it is cut off or damaged");
    const padded = type === COMPRESSED ? length : 8 * Math.ceil(length / 8);
    this.#at = small > 0 ? this.#at + 8 : start + padded;
    return { type, bytes: this.bytes.subarray(start, start + length), littleEndian: this.littleEndian };
  }
}

/** The name and value of an array; null for one of a kind that is not read. */
function readMatrix({ bytes, littleEndian }: Element, depth: number): { name: string; value: MatValue | null } {
  if (depth > DEEPEST) throw new Error("its cells and structs nest too deep");
  if (bytes.length === 0) return { name: "", value: { kind: "numbers", shape: [0, 0], data: [] } };
  const parts = new ElementReader(bytes, littleEndian);
  const flags = numbersOf(parts.next())[0]!;
  const shape = numbersOf(parts.next());
  const name = textOf(parts.next());
  const count = shape.reduce((a, b) => a * b, 1);
  const of = flags & 0xff;
  if (!(count <= bytes.length) && of !== CLASSES.struct) throw new Error(`${name || "an array"} is cut off`);
  if (of === CLASSES.cell) {
    const items = Array.from({ length: count }, () => readItem(parts, depth));
    return { name, value: { kind: "cells", shape, items } };
  }
  if (of === CLASSES.struct) {
    return { name, value: { kind: "structs", shape, items: readStructs(parts, count, depth) } };
  }
  if (of === CLASSES.char) return { name, value: { kind: "text", text: textOf(parts.next(), shape) } };
  if (of < CLASSES.firstNumber || of > CLASSES.lastNumber || flags & COMPLEX) return { name, value: null };
  const data = numbersOf(parts.next());
  if (data.length !== count) {
    throw new Error(`${name || "an array"} has ${data.length} values where [${shape}] needs ${count}`);
  }
  return { name, value: { kind: "numbers", shape, data } };
}

function readItem(parts: ElementReader, depth: number): MatValue {
  const element = parts.next();
  if (element.type !== MATRIX) throw new Error(`it holds an element of type ${element.type} where an array must be`);
  return readMatrix(element, depth + 1).value ?? { kind: "numbers", shape: [0, 0], data: [] };
}

/** Fields' names, each of the same length, then all fields of the first struct, of the second and so on. */
function readStructs(parts: ElementReader, count: number, depth: number): MatStruct[] {
  const length = numbersOf(parts.next())[0]!;
  const joined = parts.next().bytes;
  if (!(length > 0)) throw new Error("its structs are damaged");
  const fields = Array.from(
    { length: Math.floor(joined.length / length) },
    (_, i) => new TextDecoder().decode(joined.subarray(i * length, (i + 1) * length)).replace(/\0.*$/s, ""),
  );
  if (fields.length === 0) return [];
  return Array.from({ length: count }, () => new Map(fields.map((field) => [field, readItem(parts, depth)])));
}

function numbersOf({ type, bytes, littleEndian }: Element): number[] {
  const element = TYPES[type];
  if (!element) throw new Error(`it holds numbers of type ${type}, which is not known`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from(
    { length: Math.floor(bytes.length / element.bytes) },
    (_, i) => element.read(view, i * element.bytes, littleEndian),
  );
}

/** Text of one row; rows of a char array [rows, columns] become lines. */
function textOf(element: Element, shape: readonly number[] = [1]): string {
  const codes = element.type === UTF8
    ? Array.from(new TextDecoder().decode(element.bytes), (c) => c.codePointAt(0)!)
    : numbersOf(element);
  const rows = Math.max(1, shape.length > 1 ? shape[0]! : 1);
  const lines = Array.from({ length: rows }, (_, row) => codes.filter((_, i) => i % rows === row));
  return lines.map((line) => String.fromCodePoint(...line)).join("\n");
}
