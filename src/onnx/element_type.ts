/**
 * ONNX's element types. The device computes in f32, i32 and bool: float16, bfloat16 and double become f32, all whole
 * numbers i32; a Cast rounds to what its type can hold.
 */

import { UserError } from "../errors.ts";
import type { DType } from "../graph/tensor.ts";
import type { NodeReader } from "./reader.ts";

/** A model that uses what is not supported: an operator, an attribute, a type. */
export class UnsupportedError extends UserError {
  override name = "UnsupportedError";
}

/** How an element type is read, and what its values are rounded to where another type is cast to it. */
export interface ElementType {
  readonly name: string;
  readonly dtype: DType;
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
  /** Whole numbers of fewer than 32 bits, which wrap around; the least of them. */
  readonly narrow?: { readonly bits: number; readonly least: number };
  /** Floats that are narrower than f32: the function of ops/unary.ts that rounds to them, and the same on the host. */
  readonly rounding?: { readonly name: "Float16" | "BFloat16"; readonly round: (v: number) => number };
}

const TYPES: Readonly<Record<number, ElementType>> = {
  1: { name: "float32", dtype: "f32", bytes: 4, read: (v, i) => v.getFloat32(i, true) },
  2: { name: "uint8", dtype: "i32", bytes: 1, read: (v, i) => v.getUint8(i), narrow: { bits: 8, least: 0 } },
  3: { name: "int8", dtype: "i32", bytes: 1, read: (v, i) => v.getInt8(i), narrow: { bits: 8, least: -128 } },
  4: { name: "uint16", dtype: "i32", bytes: 2, read: (v, i) => v.getUint16(i, true), narrow: { bits: 16, least: 0 } },
  5: {
    name: "int16",
    dtype: "i32",
    bytes: 2,
    read: (v, i) => v.getInt16(i, true),
    narrow: { bits: 16, least: -32768 },
  },
  6: { name: "int32", dtype: "i32", bytes: 4, read: (v, i) => v.getInt32(i, true) },
  7: { name: "int64", dtype: "i32", bytes: 8, read: (v, i) => Number(v.getBigInt64(i, true)) },
  9: { name: "bool", dtype: "bool", bytes: 1, read: (v, i) => v.getUint8(i) ? 1 : 0 },
  10: {
    name: "float16",
    dtype: "f32",
    bytes: 2,
    read: (v, i) => halfToNumber(v.getUint16(i, true)),
    rounding: { name: "Float16", round: (v) => rounded(v, 10, -14, 65504) },
  },
  11: { name: "double", dtype: "f32", bytes: 8, read: (v, i) => v.getFloat64(i, true) },
  12: { name: "uint32", dtype: "i32", bytes: 4, read: (v, i) => v.getUint32(i, true) },
  13: { name: "uint64", dtype: "i32", bytes: 8, read: (v, i) => Number(v.getBigUint64(i, true)) },
  16: {
    name: "bfloat16",
    dtype: "f32",
    bytes: 2,
    read: (v, i) => bfloatToNumber(v.getUint16(i, true)),
    rounding: { name: "BFloat16", round: (v) => rounded(v, 7, -126, (2 - 2 ** -7) * 2 ** 127) },
  },
};

/** Names of the types that nothing here computes with. */
const OTHERS: Readonly<Record<number, string>> = {
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
  24: "float8e8m0",
};

/** The type of ONNX's number; UnsupportedError, which begins with `what`, for those that have none here. */
export function elementType(code: number, what: string): ElementType {
  const type = TYPES[code];
  if (type) return type;
  const name = OTHERS[code] ?? `number ${code}`;
  throw new UnsupportedError(`${what} has the ONNX element type ${name}: floats, whole numbers and bool are supported`);
}

/** The type of a name in capitals, as opsets before 6 wrote it: FLOAT, INT64. */
function typeByName(name: string, what: string): ElementType {
  const wanted = name === "FLOAT" ? "float32" : name.toLowerCase();
  const type = Object.values(TYPES).find((t) => t.name === wanted);
  if (type) return type;
  throw new UnsupportedError(`${what} is ${name}: floats, whole numbers and bool are supported`);
}

/** Our type of an ONNX element type. */
export function dtypeOf(code: number, what: string): DType {
  return elementType(code, what).dtype;
}

/** The type that a Cast node names. */
export function castTarget(node: NodeReader): ElementType {
  node.ignore("saturate", "round_mode"); // these speak of float8 alone
  const what = `${node.label}: attribute to`;
  return node.opset < 6 ? typeByName(node.neededText("to"), what) : elementType(node.neededInt("to"), what);
}

/** A value as the type holds it. */
export function fitted({ narrow, rounding }: ElementType, v: number): number {
  if (rounding) return rounding.round(v);
  if (!narrow) return v;
  const range = 2 ** narrow.bits;
  return ((v - narrow.least) % range + range) % range + narrow.least;
}

/** bfloat16: the upper half of an f32. */
export function bfloatToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;
}

/** IEEE half precision. */
export function halfToNumber(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest value with so many bits after the leading one; exponents below `least` are subnormal. */
function rounded(v: number, bits: number, least: number, most: number): number {
  if (v === 0 || !Number.isFinite(v)) return v;
  const step = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(v))), least) - bits);
  const low = Math.floor(v / step);
  const rest = v / step - low;
  const whole = (rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low) * step;
  return Math.abs(whole) > most ? Math.sign(v) * Infinity : whole;
}
