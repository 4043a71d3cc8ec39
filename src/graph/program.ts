/** A compiled graph as plain data: buffers, textures and a printable list of steps. No WebGPU in here. */

import type { DType, HostArray } from "./tensor.ts";
import type { Moment } from "./timeline.ts";

/** Texels a row of a texture twin; a power of two, so that shaders split an index by shift and mask. */
export const TEXTURE_WIDTH = 4096;

/**
 * A buffer: lasting states are shared between programs by name; work buffers are reused within a run, kept ones hold what
 * the prologue leaves.
 */
export interface BufferInfo {
  readonly role: "input" | "state" | "constant" | "work" | "kept";
  readonly name: string;
  bytes: number;
  readonly data?: HostArray;
}

/** Part of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: number;
  readonly offset: number;
  readonly bytes: number;
}

/** A texture for twins, TEXTURE_WIDTH texels wide; a kept one holds what the prologue leaves. */
export interface TextureInfo {
  rows: number;
  readonly kept: boolean;
  /** Whether its texels are f16. */
  readonly half: boolean;
}

/** Bytes of a row of a texture twin. */
export function textureRowBytes(half: boolean): number {
  return TEXTURE_WIDTH * (half ? 8 : 16);
}

/**
 * What a shader binds, in the order of its @binding numbers; nothing: any buffer, since it is not read. `half`: values of
 * f16.
 */
export type Binding =
  | ({ readonly kind: "buffer"; readonly half: boolean } & BufferRange)
  | { readonly kind: "texture"; readonly half: boolean; readonly texture: number }
  | { readonly kind: "nothing" };

/** One dispatch. */
export interface DispatchStep {
  readonly kind: "dispatch";
  readonly node: string;
  readonly op: string;
  readonly shader: string;
  readonly entry: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, number | readonly number[]>> | null;
  readonly bindings: readonly Binding[];
  readonly workgroups: readonly [number, number, number];
  /** Floating-point operations, where the operator tells. */
  readonly flops: number;
  /** Ranges that the step writes: for checks of single nodes. */
  readonly writes: readonly { readonly range: BufferRange; readonly dtype: DType }[];
}

/** Fills a texture twin from a buffer. */
export interface TextureStep {
  readonly kind: "texture";
  readonly node: string;
  readonly from: BufferRange;
  readonly texture: number;
}

export type Step = DispatchStep | TextureStep;

/** Where a named tensor lies. */
export interface TensorPlace {
  readonly range: BufferRange;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** A program: everything a session needs to run the graph. */
export interface Program {
  readonly buffers: readonly BufferInfo[];
  readonly textures: readonly TextureInfo[];
  /** What depends on constants alone: run once, before the first run. */
  readonly prologue: readonly Step[];
  readonly steps: readonly Step[];
  readonly inputs: ReadonlyMap<string, TensorPlace>;
  readonly states: ReadonlyMap<string, TensorPlace>;
  readonly outputs: ReadonlyMap<string, TensorPlace>;
  /** When most is in work buffers. */
  readonly fullest: Moment | null;
}

/** Bytes of a program by role, textures under "texture". */
export function memoryOf(program: Program): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const b of program.buffers) sums[b.role] = (sums[b.role] ?? 0) + b.bytes;
  if (program.textures.length) {
    sums.texture = program.textures.reduce((sum, t) => sum + t.rows * textureRowBytes(t.half), 0);
  }
  return sums;
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

/** The memory of a program in MiB, by what it is for. */
export function printMemory(program: Program): string {
  const sums = memoryOf(program);
  const names = {
    work: "activations and gradients",
    texture: "texture twins",
    state: "parameters, momenta, statistics",
    constant: "constants",
    kept: "prepared once",
    input: "inputs",
  };
  const parts = Object.entries(names).filter(([role]) => sums[role]).map(([role, name]) =>
    `${name} ${mib(sums[role]!)}`
  );
  const total = Object.values(sums).reduce((a, b) => a + b, 0);
  return `memory, MiB: ${mib(total)} = ${parts.join(" + ")}`;
}

/** Operators that printFullest names. */
const HOLDERS = 5;

/** What is in the work buffers when they are fullest, in MiB by the operators that made it. */
export function printFullest({ fullest }: Program): string {
  if (!fullest) return "no work memory";
  const named = [...fullest.holders].slice(0, HOLDERS);
  const rest = fullest.bytes - named.reduce((sum, [, bytes]) => sum + bytes, 0);
  const all = [...named, ...(rest > 0 ? [["others", rest] as const] : [])];
  return `fullest at ${fullest.node}: ${mib(fullest.bytes)} = ${all.map(([op, b]) => `${op} ${mib(b)}`).join(" + ")}`;
}

/** One line a buffer and a step; stable, so that snapshots show a change of plan. */
export function printProgram(program: Program): string {
  const lines: string[] = [];
  program.buffers.forEach((b, i) =>
    lines.push(`b${i} ${b.role} ${b.bytes} ${b.role === "work" ? "" : b.name}`.trimEnd())
  );
  program.textures.forEach((t, i) =>
    lines.push(`t${i} ${t.kept ? "kept " : ""}${t.half ? "f16 " : ""}texture ${t.rows} rows`)
  );
  const range = (r: BufferRange) => `b${r.buffer}[${r.offset}+${r.bytes}]`;
  const steps = [
    ...program.prologue.map((step) => [step, "once "] as const),
    ...program.steps.map((s) => [s, ""] as const),
  ];
  for (const [step, when] of steps) {
    if (step.kind === "texture") {
      lines.push(`${when}copy ${range(step.from)} -> t${step.texture}  # ${step.node}`);
      continue;
    }
    const consts = Object.entries(step.constants).map(([k, v]) => `${k}=${v}`).join(" ");
    const params = step.params ? " " + Object.entries(step.params).map(([k, v]) => `${k}=${v}`).join(" ") : "";
    const bindings = step.bindings.filter(({ kind }) => kind !== "nothing")
      .map((b) => b.kind === "texture" ? `t${b.texture}` : range(b as BufferRange)).join(", ");
    const entry = step.entry === "main" ? "" : `/${step.entry}`;
    lines.push(
      `${when}${step.shader}${entry}<${consts}>(${bindings})${params} @${step.workgroups.join("x")}  # ${step.node}`,
    );
  }
  for (const [name, place] of program.outputs) {
    lines.push(`output ${name} = ${range(place.range)} ${place.dtype}[${place.shape}]`);
  }
  return lines.join("\n");
}
