/** A program in the numbers of what is allocated, from one in those of what its planner took. */

import type { Layout } from "./memory.ts";
import type { Binding, BufferRange, Program, Step, TensorPlace } from "./program.ts";

/** Renames buffers and textures as a layout says, which becomes part of the program. */
export function relocate(
  { prologue, steps, inputs, states, outputs }: Omit<Program, "buffers" | "textures">,
  { buffers, textures, bufferAt, textureAt }: Layout,
): Program {
  const range = <T extends BufferRange>(r: T): T => ({ ...r, buffer: bufferAt[r.buffer]! });
  const binding = (b: Binding): Binding =>
    b.kind === "texture" ? { ...b, texture: textureAt[b.texture]! } : b.kind === "buffer" ? range(b) : b;
  const step = (s: Step): Step =>
    s.kind === "texture" ? { ...s, from: range(s.from), texture: textureAt[s.texture]! } : {
      ...s,
      bindings: s.bindings.map(binding),
      writes: s.writes.map((write) => ({ ...write, range: range(write.range) })),
    };
  const places = (named: ReadonlyMap<string, TensorPlace>) =>
    new Map([...named].map(([name, place]) => [name, { ...place, range: range(place.range) }]));
  return {
    buffers,
    textures,
    prologue: prologue.map(step),
    steps: steps.map(step),
    inputs: places(inputs),
    states: places(states),
    outputs: places(outputs),
  };
}
