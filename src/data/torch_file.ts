/**
 * Files of torch.save: a zip archive with one pickle and an entry for each storage, or the older row of pickles with
 * the storages behind them. Tensors in dicts and lists are read by the path to them; nothing of the file is run.
 */

import { UserError } from "../errors.ts";
import { type PickleGlobal, type PickleMeaning, PickleReader } from "./pickle.ts";
import type { StoredTensor } from "./safetensors.ts";
import { isZip, readZip } from "./zip.ts";

/** Bytes of a storage's element, and its elements as a tensor of ours. */
interface ElementType {
  readonly bytes: number;
  /** `buffer` holds nothing but the elements. */
  readonly read: (buffer: ArrayBuffer) => StoredTensor["data"];
}

const TYPES: Readonly<Record<string, ElementType>> = {
  "torch.FloatStorage": { bytes: 4, read: (b) => new Float32Array(b) },
  "torch.DoubleStorage": { bytes: 8, read: (b) => Float32Array.from(new Float64Array(b)) },
  "torch.HalfStorage": { bytes: 2, read: (b) => Float32Array.from(new Float16Array(b)) },
  "torch.BFloat16Storage": {
    bytes: 2,
    read: (b) => new Float32Array(Uint32Array.from(new Uint16Array(b), (half) => half << 16).buffer),
  },
  "torch.IntStorage": { bytes: 4, read: (b) => new Int32Array(b) },
  "torch.LongStorage": { bytes: 8, read: (b) => new BigInt64Array(b) },
  "torch.ByteStorage": { bytes: 1, read: (b) => new Uint8Array(b) },
  "torch.BoolStorage": { bytes: 1, read: (b) => new Uint8Array(b) },
};

/** A storage by its key in the file. */
class Storage {
  constructor(readonly type: ElementType, readonly key: string, readonly length: number) {}
}

/** A tensor as the pickle describes it: a window of a storage. */
class TensorView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** The first pickle of the older form. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
/** Where a file's dicts and lists end, and how many values they hold at most. */
const DEEPEST = 16;
const MOST_VALUES = 1_000_000;

/** Tensors by the path of keys to them, joined with dots. UserError for a file that is missing, foreign or damaged. */
export async function readTorchFile(path: string): Promise<ReadonlyMap<string, StoredTensor>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "does not exist" : "cannot be read";
    throw new UserError(`weights file ${path} ${why}: check the path`, { cause: error });
  }
  return decodeTorchFile(bytes, path);
}

/** The tensors of a file's bytes; `name` stands for the file in messages. */
export function decodeTorchFile(bytes: Uint8Array<ArrayBuffer>, name: string): Map<string, StoredTensor> {
  const { value, storage } = isZip(bytes) ? openZip(bytes, name) : openPickles(bytes, name);
  const tensors = new Map<string, StoredTensor>();
  let count = 0;
  const visit = (value: unknown, path: readonly string[]): void => {
    if (++count > MOST_VALUES || path.length > DEEPEST) {
      throw new UserError(`${name} cannot be read: it holds more than ${MOST_VALUES} values or nests too deep`);
    }
    if (value instanceof TensorView) tensors.set(path.join("."), copyOf(value, storage, `${name}: ${path.join(".")}`));
    else if (value instanceof Map) { for (const [key, item] of value) visit(item, [...path, String(key)]); }
    else if (Array.isArray(value)) value.forEach((item, i) => visit(item, [...path, String(i)]));
  };
  visit(value, []);
  if (tensors.size === 0) throw new UserError(`${name} holds no tensors`);
  return tensors;
}

/** What a container gives: the pickled value, and the bytes of a storage. */
interface Opened {
  readonly value: unknown;
  readonly storage: (s: Storage) => Uint8Array<ArrayBuffer>;
}

function openZip(bytes: Uint8Array<ArrayBuffer>, name: string): Opened {
  const entries = readZip(bytes, name);
  const main = [...entries.keys()].find((key) => key.endsWith("/data.pkl"));
  if (!main) throw new UserError(`${name} is a zip archive but no file of torch.save: it holds no data.pkl`);
  const folder = main.slice(0, -"data.pkl".length);
  const order = entries.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order) !== "little") {
    throw new UserError(`${name} was written on a big-endian machine, which is not supported`);
  }
  return {
    value: new PickleReader(entries.get(main)!, name, meaningFor(name)).next(),
    storage: ({ key }) => {
      const data = entries.get(`${folder}data/${key}`);
      if (!data) throw new UserError(`${name} cannot be read: the storage ${key} is missing`);
      return data;
    },
  };
}

/** Magic number, version, machine, value, keys of the storages; then each storage, its length in front. */
function openPickles(bytes: Uint8Array<ArrayBuffer>, name: string): Opened {
  const lengths = new Map<string, Storage>();
  const reader = new PickleReader(bytes, name, meaningFor(name, lengths));
  if (bytes[0] !== 0x80 || reader.next() !== MAGIC) {
    throw new UserError(`${name} is no file of torch.save: give a .pt, .pth or .bin file, or .safetensors`);
  }
  reader.next(); // the protocol's version, 1001 since it exists
  const machine = reader.next();
  if (machine instanceof Map && machine.get("little_endian") === false) {
    throw new UserError(`${name} was written on a big-endian machine, which is not supported`);
  }
  const value = reader.next();
  const keys = reader.next();
  if (!Array.isArray(keys)) return reader.fail("its list of storages is damaged");
  const places = new Map<string, Uint8Array<ArrayBuffer>>();
  let at = reader.position;
  for (const key of keys.map(String)) {
    const stored = lengths.get(key);
    if (!stored) return reader.fail(`its storage ${key} belongs to no tensor`);
    const size = stored.length * stored.type.bytes;
    if (at + 8 + size > bytes.length) reader.fail("it is cut off");
    places.set(key, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return { value, storage: ({ key }) => places.get(key) ?? reader.fail(`the storage ${key} is missing`) };
}

/** What torch's globals mean; storages that are met are kept in `met`. */
function meaningFor(name: string, met?: Map<string, Storage>): PickleMeaning {
  const fail = (why: string): never => {
    throw new UserError(`${name} cannot be read: ${why}`);
  };
  const tensor = ([storage, offset, shape, strides]: readonly unknown[]): TensorView => {
    if (!(storage instanceof Storage) || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) {
      return fail("a tensor in it is damaged");
    }
    return new TensorView(storage, offset, shape, strides);
  };
  const calls: Readonly<Record<string, PickleGlobal["call"]>> = {
    "collections.OrderedDict": ([pairs = []]) =>
      Array.isArray(pairs) && pairs.every(Array.isArray)
        ? new Map(pairs as [unknown, unknown][])
        : fail("a dict in it is damaged"),
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_parameter": ([data]) => data,
    // Options that training scripts save beside the weights; their attributes are left aside.
    "argparse.Namespace": () => new Map(),
  };
  return {
    globals: (global) => {
      if (Object.hasOwn(calls, global)) return { name: global, call: calls[global]! };
      if (Object.hasOwn(TYPES, global)) {
        return {
          name: global,
          call: () => fail("it is damaged (a call of a storage)"),
        };
      }
    },
    persistent: (id) => {
      const [kind, type, key, , length, view] = Array.isArray(id) ? id : [];
      const element = TYPES[(type as PickleGlobal | undefined)?.name ?? ""];
      if (kind !== "storage" || !element || !isCount(length)) return fail("a storage in it is damaged");
      if (view != null) {
        return fail("it holds views of storages of torch before 0.4: load and save it again with torch");
      }
      const storage = new Storage(element, String(key), length);
      met?.set(storage.key, storage);
      return storage;
    },
  };
}

/** A tensor's values in row-major order, in memory of their own. */
function copyOf(view: TensorView, storageOf: Opened["storage"], what: string): StoredTensor {
  const { storage, offset, shape, strides } = view;
  const { bytes: width, read } = storage.type;
  const bytes = storageOf(storage);
  const count = shape.reduce((a, b) => a * b, 1);
  const last = offset + shape.reduce((sum, d, i) => sum + (d - 1) * strides[i]!, 0);
  const stored = Math.min(storage.length, Math.floor(bytes.length / width));
  if (shape.length !== strides.length || (count > 0 && (last >= stored || count > stored))) {
    throw new UserError(`${what} of shape [${shape}] reaches past its ${stored} stored values: the file is damaged`);
  }
  if (isContiguous(shape, strides) || count === 0) {
    const begin = offset * width;
    return toStored(shape, read(bytes.slice(begin, begin + count * width).buffer));
  }
  const whole = read(bytes.slice(0, stored * width).buffer);
  const data = whole.slice(0, count);
  const at = shape.map(() => 0);
  for (let i = 0; i < count; i++) {
    data[i] = whole[at.reduce((sum, p, d) => sum + p * strides[d]!, offset)]!;
    for (let d = shape.length - 1; d >= 0 && ++at[d]! === shape[d]; d--) at[d] = 0;
  }
  return toStored(shape, data);
}

function toStored(shape: readonly number[], data: StoredTensor["data"]): StoredTensor {
  if (data instanceof Float32Array) return { dtype: "F32", shape, data };
  if (data instanceof Int32Array) return { dtype: "I32", shape, data };
  return data instanceof BigInt64Array ? { dtype: "I64", shape, data } : { dtype: "U8", shape, data };
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== stride) return false;
    stride *= shape[d]!;
  }
  return true;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}
