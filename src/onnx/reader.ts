/** Typed access to a node's attributes; what an importer does not ask for is refused at the end by name. */

import { UserError } from "../errors.ts";
import type { HostTensor, ModelNode, Subgraph } from "./decode.ts";

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
    return this.#get(name, "number") as number ?? preset;
  }

  float(name: string, preset: number): number {
    return this.#get(name, "number") as number ?? preset;
  }

  text(name: string, preset: string): string {
    return this.#get(name, "string") as string ?? preset;
  }

  /** A list of numbers, or null where it is left out. */
  ints(name: string): number[] | null {
    return this.#get(name, "object") as number[] ?? null;
  }

  /** A list of numbers; UserError where it is left out. */
  neededInts(name: string): number[] {
    const values = this.ints(name);
    if (!values) throw new UserError(`${this.label}: the attribute ${name} is missing`);
    return values;
  }

  tensor(name: string): HostTensor | null {
    return this.#get(name, "object") as HostTensor ?? null;
  }

  /** A graph; UserError where it is left out. */
  graph(name: string): Subgraph {
    const graph = this.#get(name, "object") as Subgraph | undefined;
    if (!graph?.nodes) throw new UserError(`${this.label}: the graph ${name} is missing`);
    return graph;
  }

  /** Attributes that change nothing here. */
  ignore(...names: string[]): void {
    names.forEach((name) => this.#asked.add(name));
  }

  /** Throws UserError for attributes that nobody asked for: none is dropped in silence. */
  finish(): void {
    const left = [...this.node.attributes.keys()].filter((name) => !this.#asked.has(name));
    if (left.length) throw new UserError(`${this.label}: attribute ${left.join(", ")} is not supported`);
  }

  #get(name: string, kind: string): unknown {
    this.#asked.add(name);
    const value = this.node.attributes.get(name);
    if (value !== undefined && typeof value !== kind) {
      throw new UserError(`${this.label}: attribute ${name} is of the wrong type`);
    }
    return value;
  }
}
