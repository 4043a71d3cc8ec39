// safetensors files: u64 header length, JSON header, then the tensors' bytes with no hole between them.
import { UserError } from "../errors.ts";
import { writeAtomic } from "./atomic.ts";

/** A tensor of a file. F16, BF16 and F64 arrive as F32. */
export type StoredTensor =
  | { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "I32"; readonly shape: readonly number[]; readonly data: Int32Array }
  | { readonly dtype: "I64"; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: "U8"; readonly shape: readonly number[]; readonly data: Uint8Array };

/** What a safetensors file holds, tensors in the order of their bytes. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const BYTES = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, BF16: 2, U8: 1 } as const;
type Dtype = keyof typeof BYTES;
const MAX_HEADER = 100_000_000; // the bound of the reference implementation

/** What the header of a file says: where each tensor's bytes begin in the file. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<
    string,
    { readonly dtype: Dtype; readonly shape: readonly number[]; readonly begin: number }
  >;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Reads a file; one that is missing, foreign or cut off is a UserError. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return decodeSafetensors(bytes, path);
}

/** Reads the header of a file alone; one that is missing, foreign or cut off is a UserError. */
export async function readSafetensorsHeader(path: string): Promise<SafetensorsHeader> {
  let head: Uint8Array<ArrayBuffer>;
  let size: number;
  try {
    using file = await Deno.open(path);
    size = (await file.stat()).size;
    head = await readExactly(file, Math.min(8, size));
    const length = head.length < 8 ? 0 : Number(new DataView(head.buffer).getBigUint64(0, true));
    const rest = await readExactly(file, Math.min(length, size - head.length, MAX_HEADER));
    const both = new Uint8Array(head.length + rest.length);
    both.set(head);
    both.set(rest, head.length);
    head = both;
  } catch (error) {
    throw unreadable(path, error);
  }
  const { entries, metadata, body } = parseHeader(head, size, path);
  const tensors = entries.map(({ key, dtype, shape, begin }) => [key, { dtype, shape, begin: body + begin }] as const);
  return { tensors: new Map(tensors), metadata };
}

async function readExactly(file: Deno.FsFile, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) return bytes.slice(0, done);
    done += count;
  }
  return bytes;
}

function unreadable(path: string, error: unknown): UserError {
  const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
  return new UserError(`safetensors file ${path} ${why}: check the path`, { cause: error });
}

/** Writes a file so that a kill at any moment leaves the old one or the new one. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeAtomic(path, encodeSafetensors(tensors, metadata));
}

/** The tensors of a file's bytes; `name` stands for the file in messages. */
export function decodeSafetensors(bytes: Uint8Array<ArrayBuffer>, name: string): SafetensorsFile {
  const { entries, metadata, body } = parseHeader(bytes, bytes.length, name);
  const tensors = new Map(
    entries.map(({ key, dtype, shape, begin, end }) => [
      key,
      toTensor(dtype, shape, bytes.slice(body + begin, body + end)),
    ]),
  );
  return { tensors, metadata };
}

/** The entries of a file of `size` bytes in the order of their bytes, counted from `body`; `bytes` hold its header. */
function parseHeader(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  name: string,
): { entries: Entry[]; metadata: Record<string, string>; body: number } {
  const fail = (why: string): never => {
    throw new UserError(`${name} is not a valid safetensors file: ${why}`);
  };
  if (bytes.length < 8) fail(`${bytes.length} bytes are too few for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > MAX_HEADER) fail("it does not begin with a header's length");
  if (8 + headerLength > bytes.length) {
    fail(`the header needs ${headerLength} bytes and ${bytes.length - 8} are there, the file is cut off`);
  }
  let header: unknown;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + headerLength)),
    );
  } catch {
    fail("its header is not JSON");
  }
  if (!isRecord(header)) return fail("its header is not a JSON object");
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === "string")) {
    fail("__metadata__ must map names to strings");
  }
  const body = 8 + headerLength;
  const checked = Object.entries(entries).map(([key, entry]) => checkEntry(key, entry, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of checked) {
    if (entry.begin !== end) fail(`tensor ${entry.key} begins at ${entry.begin}, not at ${end}`);
    end = entry.end;
  }
  if (end > size - body) {
    fail(`its tensors need ${end} bytes and ${size - body} are there, the file is cut off`);
  }
  if (end < size - body) fail(`${size - body - end} bytes follow the last tensor`);
  return { entries: checked, metadata: metadata as Record<string, string>, body };
}

/** The bytes of a file: wide elements first, so that every tensor is aligned. */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...tensors].sort(([, a], [, b]) => BYTES[b.dtype] - BYTES[a.dtype]);
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header.__metadata__ = metadata;
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (Object.hasOwn(header, name) || name === "__metadata__") {
      throw new RangeError(`Tensor name ${name} is taken in this safetensors file`);
    }
    if (product(shape) !== data.length) {
      throw new RangeError(`Tensor ${name} has shape [${shape}] but ${data.length} elements`);
    }
    header[name] = { dtype, shape, data_offsets: [offset, offset += data.byteLength] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength).set(json, 8);
  let at = 8 + headerLength;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

interface Entry {
  key: string;
  dtype: Dtype;
  shape: number[];
  begin: number;
  end: number;
}

function checkEntry(key: string, entry: unknown, fail: (why: string) => never): Entry {
  if (!isRecord(entry)) return fail(`the entry of tensor ${key} is not an object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(BYTES, dtype)) {
    return fail(`tensor ${key} has type ${dtype}, supported are ${Object.keys(BYTES).join(", ")}`);
  }
  if (!isCounts(shape)) return fail(`tensor ${key} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2) return fail(`tensor ${key} has no valid data_offsets`);
  const [begin, end] = offsets;
  const needed = product(shape) * BYTES[dtype as Dtype];
  if (end - begin !== needed) {
    return fail(`tensor ${key} of ${dtype} [${shape}] needs ${needed} bytes but has ${end - begin}`);
  }
  return { key, dtype: dtype as Dtype, shape, begin, end };
}

/** bytes: a copy of the tensor's own, so that it is aligned. */
function toTensor(dtype: Dtype, shape: readonly number[], { buffer }: Uint8Array<ArrayBuffer>): StoredTensor {
  switch (dtype) {
    case "F32":
      return { dtype, shape, data: new Float32Array(buffer) };
    case "I32":
      return { dtype, shape, data: new Int32Array(buffer) };
    case "I64":
      return { dtype, shape, data: new BigInt64Array(buffer) };
    case "U8":
      return { dtype, shape, data: new Uint8Array(buffer) };
    case "F64":
      return { dtype: "F32", shape, data: Float32Array.from(new Float64Array(buffer)) };
    case "F16":
      return { dtype: "F32", shape, data: Float32Array.from(new Float16Array(buffer)) };
    case "BF16": {
      const wide = Uint32Array.from(new Uint16Array(buffer), (half) => half << 16);
      return { dtype: "F32", shape, data: new Float32Array(wide.buffer) };
    }
    default:
      return dtype satisfies never;
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
