/**
 * Python's pickles as plain values, without running anything: globals become names that only the reader's own table
 * gives a meaning. Protocols 2 to 4 as torch writes them.
 *
 * None is null, bools, numbers (whole ones beyond 2^53 as bigint) and strings are themselves, bytes Uint8Array, lists
 * and tuples arrays, dicts Map.
 */

import { UserError } from "../errors.ts";

/** What the globals of a pickle mean. */
export interface PickleMeaning {
  /** A class or function by its name, such as "collections.OrderedDict", called with its arguments; undefined: unknown. */
  readonly globals: (name: string) => PickleGlobal | undefined;
  /** What a persistent id stands for. */
  readonly persistent: (id: unknown) => unknown;
}

/** A known global: what a call of it gives. */
export interface PickleGlobal {
  readonly name: string;
  readonly call: (args: readonly unknown[]) => unknown;
}

const MARK = Symbol("mark");
/** Values that one pickle may make: far above any state dict's. */
const MOST_VALUES = 10_000_000;

/** Reads pickles one after another from bytes. `name` stands for them in messages. */
export class PickleReader {
  readonly #view: DataView;
  #at: number;
  #stack: unknown[] = [];
  #memo = new Map<number, unknown>();

  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
    readonly meaning: PickleMeaning,
    begin = 0,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = begin;
  }

  /** Where the next pickle, or what follows the last one, begins. */
  get position(): number {
    return this.#at;
  }

  /** The next pickle's value. UserError for damage, unknown globals and instructions that are not supported. */
  next(): unknown {
    this.#stack = [];
    this.#memo = new Map();
    for (let count = 0; count < MOST_VALUES; count++) {
      const code = this.#u8();
      if (code === 0x2e) return this.#pop(); // STOP
      const step = steps[code];
      if (!step) this.fail(`instruction 0x${code.toString(16)} is not supported`);
      step(this);
    }
    this.fail("it makes too many values");
  }

  /** Throws the UserError for a file that cannot be read. */
  fail(why: string): never {
    throw new UserError(`${this.name} cannot be read: ${why}`);
  }

  /** Puts a value on the stack; this and what follows is for the instructions. */
  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    return this.#pop();
  }

  /** Values above the last mark, which goes with them. */
  popMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) this.fail("it is damaged (no mark)");
    const values = this.#stack.splice(at);
    return values.slice(1);
  }

  top(): unknown {
    if (this.#stack.length === 0) this.fail("it is damaged (empty stack)");
    return this.#stack.at(-1);
  }

  put(index: number): void {
    this.#memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.#memo.size);
  }

  get(index: number): unknown {
    if (!this.#memo.has(index)) this.fail("it is damaged (unknown reference)");
    return this.#memo.get(index);
  }

  unsigned(size: 1 | 2 | 4 | 8): number {
    const at = this.#take(size);
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, true);
    return size === 4 ? this.#view.getUint32(at, true) : Number(this.#view.getBigUint64(at, true));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Big-endian, alone among the numbers. */
  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A little-endian two's complement number of `size` bytes. */
  long(size: number): number | bigint {
    const at = this.#take(size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(this.bytes[at + i]!);
    if (size > 0 && this.bytes[at + size - 1]! & 0x80) value -= 1n << BigInt(8 * size);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  raw(size: number): Uint8Array {
    const at = this.#take(size);
    return this.bytes.subarray(at, at + size);
  }

  text(size: number): string {
    return new TextDecoder().decode(this.raw(size));
  }

  /** Text up to a line's end. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0) this.fail("it is cut off");
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  global(name: string): PickleGlobal {
    const known = this.meaning.globals(name);
    if (!known) this.fail(`it holds ${name}, and only tensors and plain values are read: save a state_dict`);
    return known;
  }

  call(): void {
    const args = this.#pop();
    const callee = this.#pop() as Partial<PickleGlobal> | null;
    if (typeof callee?.call !== "function" || !Array.isArray(args)) this.fail("it is damaged (a call of no function)");
    this.push(callee.call(args));
  }

  #u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  #pop(): unknown {
    if (this.#stack.length === 0) this.fail("it is damaged (empty stack)");
    return this.#stack.pop();
  }

  #take(size: number): number {
    const at = this.#at;
    if (!(at + size <= this.bytes.length)) this.fail("it is cut off");
    this.#at += size;
    return at;
  }
}

type Step = (r: PickleReader) => void;

function setItems(r: PickleReader, items: readonly unknown[]): void {
  const target = r.top();
  if (!(target instanceof Map)) r.fail("it is damaged (items of no dict)");
  for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i], items[i + 1]);
}

function append(r: PickleReader, items: readonly unknown[]): void {
  const target = r.top();
  if (!Array.isArray(target)) r.fail("it is damaged (items of no list)");
  for (const item of items) target.push(item);
}

function tuple(r: PickleReader, size: number): void {
  const items = Array.from({ length: size }, () => r.pop());
  r.push(items.reverse());
}

/** The instructions by their code. */
const steps: Readonly<Record<number, Step>> = {
  0x80: (r) => { // PROTO
    const version = r.unsigned(1);
    if (version < 2 || version > 4) r.fail(`pickle protocol ${version} is not supported (2 to 4)`);
  },
  0x95: (r) => void r.unsigned(8), // FRAME
  0x4e: (r) => r.push(null),
  0x88: (r) => r.push(true),
  0x89: (r) => r.push(false),
  0x4a: (r) => r.push(r.int32()), // BININT
  0x4b: (r) => r.push(r.unsigned(1)), // BININT1
  0x4d: (r) => r.push(r.unsigned(2)), // BININT2
  0x8a: (r) => r.push(r.long(r.unsigned(1))), // LONG1
  0x47: (r) => r.push(r.float64()), // BINFLOAT
  0x58: (r) => r.push(r.text(r.unsigned(4))), // BINUNICODE
  0x8c: (r) => r.push(r.text(r.unsigned(1))), // SHORT_BINUNICODE
  0x54: (r) => r.push(r.text(r.unsigned(4))), // BINSTRING
  0x55: (r) => r.push(r.text(r.unsigned(1))), // SHORT_BINSTRING
  0x42: (r) => r.push(r.raw(r.unsigned(4))), // BINBYTES
  0x43: (r) => r.push(r.raw(r.unsigned(1))), // SHORT_BINBYTES
  0x7d: (r) => r.push(new Map()),
  0x5d: (r) => r.push([]),
  0x29: (r) => r.push([]), // EMPTY_TUPLE
  0x28: (r) => r.push(MARK),
  0x74: (r) => r.push(r.popMark()), // TUPLE
  0x85: (r) => tuple(r, 1),
  0x86: (r) => tuple(r, 2),
  0x87: (r) => tuple(r, 3),
  0x73: (r) => { // SETITEM
    const value = r.pop();
    setItems(r, [r.pop(), value]);
  },
  0x75: (r) => setItems(r, r.popMark()),
  0x61: (r) => append(r, [r.pop()]), // APPEND
  0x65: (r) => append(r, r.popMark()),
  0x71: (r) => r.put(r.unsigned(1)), // BINPUT
  0x72: (r) => r.put(r.unsigned(4)), // LONG_BINPUT
  0x94: (r) => r.memoize(),
  0x68: (r) => r.push(r.get(r.unsigned(1))), // BINGET
  0x6a: (r) => r.push(r.get(r.unsigned(4))), // LONG_BINGET
  0x63: (r) => { // GLOBAL
    const module = r.line();
    r.push(r.global(`${module}.${r.line()}`));
  },
  0x93: (r) => { // STACK_GLOBAL
    const name = r.pop();
    r.push(r.global(`${r.pop()}.${name}`));
  },
  0x52: (r) => r.call(), // REDUCE
  0x81: (r) => r.call(), // NEWOBJ
  0x62: (r) => void r.pop(), // BUILD: attributes of an object, such as a state dict's _metadata
  0x51: (r) => r.push(r.meaning.persistent(r.pop())), // BINPERSID
  0x30: (r) => void r.pop(),
  0x32: (r) => r.push(r.top()), // DUP
};
