/** A program on what is allocated, from one on what its planner took. */

import type { Layout } from "./memory.ts";
import type { Binding, BufferRange, Program, Step, TensorPlace } from "./program.ts";

/** Moves ranges and textures to where a layout has them, which becomes part of the program. */
export function relocate(
  { prologue, steps, inputs, states, outputs, fullest }: Omit<Program, "buffers" | "textures">,
  { buffers, textures, bufferAt, textureAt }: Layout,
): Program {
  const range = <T extends BufferRange>(r: T): T => {
    const { index, offset } = bufferAt[r.buffer]!;
    return { ...r, buffer: index, offset: offset + r.offset };
  };
  const binding = (b: Binding): Binding =>
    b.kind === "texture" ? { ...b, texture: textureAt[b.texture]!.index } : b.kind === "buffer" ? range(b) : b;
  const step = (s: Step): Step =>
    s.kind === "texture" ? { ...s, from: range(s.from), texture: textureAt[s.texture]!.index } : {
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
    fullest,
  };
}
