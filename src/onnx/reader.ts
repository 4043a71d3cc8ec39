/** Typed access to a node's attributes; what an importer does not ask for is refused at the end by name. */

import { UserError } from "../errors.ts";
import type { Attribute, HostTensor, ModelNode, Subgraph } from "./decode.ts";

/** A node under import. */
export class NodeReader {
  readonly #asked = new Set<string>();

  constructor(readonly node: ModelNode, readonly opset: number) {}

  /** "Conv conv1", for messages. */
  get label(): string {
    return `${this.node.op} ${this.node.name}`;
  }

  /** Whether an attribute is given. */
  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  /** A whole number, or `preset` where it is left out. */
  int(name: string, preset: number): number {
    const value = this.#get(name, isWhole, "a whole number");
    return value ?? preset;
  }

  /** A whole number; UserError where it is left out. */
  neededInt(name: string): number {
    return this.#needed(name, this.#get(name, isWhole, "a whole number"));
  }

  /** A whole number that is a switch; UserError for one that is neither 0 nor 1. */
  flag(name: string, preset: boolean): boolean {
    const value = this.int(name, Number(preset));
    if (value === 0 || value === 1) return value === 1;
    throw new UserError(`${this.label}: attribute ${name} is ${value}, neither 0 nor 1`);
  }

  float(name: string, preset: number): number {
    return this.#get(name, isNumber, "a number") ?? preset;
  }

  /** A number; UserError where it is left out. */
  neededFloat(name: string): number {
    return this.#needed(name, this.#get(name, isNumber, "a number"));
  }

  text(name: string, preset: string): string {
    return this.#get(name, isText, "a text") ?? preset;
  }

  /** A text; UserError where it is left out. */
  neededText(name: string): string {
    return this.#needed(name, this.#get(name, isText, "a text"));
  }

  /** A list of numbers, or null where it is left out. */
  ints(name: string): readonly number[] | null {
    return this.#get(name, isNumbers, "a list of numbers") ?? null;
  }

  /** A list of numbers; UserError where it is left out. */
  neededInts(name: string): readonly number[] {
    return this.#needed(name, this.ints(name));
  }

  tensor(name: string): HostTensor | null {
    return this.#get(name, isTensor, "a tensor") ?? null;
  }

  /** A graph; UserError where it is left out. */
  graph(name: string): Subgraph {
    return this.#needed(name, this.#get(name, isGraph, "a graph"));
  }

  /** Attributes that change nothing here. */
  ignore(...names: string[]): void {
    names.forEach((name) => this.#asked.add(name));
  }

  /** Throws UserError for attributes that nobody asked for: none is dropped in silence. */
  finish(): void {
    if (this.opset < 7) this.ignore("consumed_inputs"); // advice about memory
    const left = [...this.node.attributes.keys()].filter((name) => !this.#asked.has(name));
    if (left.length) throw new UserError(`${this.label}: attribute ${left.join(", ")} is not supported`);
  }

  #get<T extends Attribute>(name: string, is: (value: Attribute) => value is T, kind: string): T | undefined {
    this.#asked.add(name);
    const value = this.node.attributes.get(name);
    if (value === undefined || is(value)) return value;
    throw new UserError(`${this.label}: attribute ${name} is of the wrong type, not ${kind}`);
  }

  #needed<T>(name: string, value: T | null | undefined): T {
    if (value === null || value === undefined) throw new UserError(`${this.label}: the attribute ${name} is missing`);
    return value;
  }
}

const isNumber = (v: Attribute): v is number => typeof v === "number";
const isWhole = (v: Attribute): v is number => isNumber(v) && Number.isInteger(v);
const isText = (v: Attribute): v is string => typeof v === "string";
const isNumbers = (v: Attribute): v is readonly number[] =>
  v instanceof Array && v.every((value) => typeof value === "number");
const isTensor = (v: Attribute): v is HostTensor => typeof v === "object" && "data" in v;
const isGraph = (v: Attribute): v is Subgraph => typeof v === "object" && "nodes" in v;
