/**
 * WGSL files: `#import NAME` of shaders/shared/NAME.wgsl, new values for top-level `const` declarations, and
 * the layout of `struct Params`, all read from the text itself so that nothing can drift apart.
 */

import { createHash } from "node:crypto";

const SHADERS = new URL("../../shaders/", import.meta.url);
const texts = new Map<string, string>();

/** How a shader's binding is declared. */
export type BindingKind = "read" | "write" | "uniform" | "texture" | "half texture";

/** A field of `struct Params`: byte offset, and how many 4-byte words of which type. */
export interface ParamField {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
  readonly offset: number;
  readonly words: number;
}

let digest: string | null = null;

/** 12 hexadecimal digits that change with any shader. */
export function shadersDigest(): string {
  if (digest !== null) return digest;
  const hash = createHash("sha256");
  for (const folder of ["", "shared/"]) {
    const names = [...Deno.readDirSync(new URL(folder, SHADERS))].map((entry) => entry.name).sort();
    for (const name of names.filter((n) => n.endsWith(".wgsl"))) {
      hash.update(name).update(Deno.readFileSync(new URL(folder + name, SHADERS)));
    }
  }
  return digest = hash.digest("hex").slice(0, 12);
}

/** The text of shaders/STEM.wgsl with its imports in place. Throws when a file is not there. */
export function shaderText(stem: string): string {
  const known = texts.get(stem);
  if (known !== undefined) return known;
  const seen = new Set<string>();
  const expand = (file: string): string =>
    Deno.readTextFileSync(new URL(`${file}.wgsl`, SHADERS)).replace(
      /^#import\s+(\w+)[ \t]*$/gm,
      (_, name: string) => {
        if (seen.has(name)) return "";
        seen.add(name);
        return expand(`shared/${name}`);
      },
    );
  const text = expand(stem);
  texts.set(stem, text);
  return text;
}

/**
 * The text with other values for its top-level constants. Throws RangeError for a name that the shader does
 * not declare. Numbers are written in the declared type.
 */
export function specialize(stem: string, constants: Readonly<Record<string, number>>): string {
  let text = shaderText(stem);
  for (const [name, value] of Object.entries(constants)) {
    const declaration = new RegExp(`^const ${name}(: *(\\w+))? *= *([^;]+);`, "m");
    const match = declaration.exec(text);
    if (!match) throw new RangeError(`shaders/${stem}.wgsl has no constant ${name}`);
    const type = match[2] ?? (/^-?\d+u$/.test(match[3]!.trim()) ? "u32" : /[.ef]/.test(match[3]!) ? "f32" : "i32");
    text = text.replace(declaration, `const ${name}${match[1] ?? ""} = ${literal(value, type)};`);
  }
  return text;
}

function literal(value: number, type: string): string {
  if (type === "bool") return value ? "true" : "false";
  if (type === "f32") {
    if (!Number.isFinite(value)) throw new RangeError(`Constant ${value} is not finite`);
    return `f32(${Math.fround(value).toExponential(9)})`;
  }
  return type === "u32" ? `${value >>> 0}u` : `${value}`;
}

/** Element types in declarations of bindings, and what they become for values of f16. */
const NARROW: Readonly<Record<string, string>> = {
  rgba32float: "rgba16float",
  vec4f: "vec4h",
  f32: "f16",
  Halves: "Halves", // as half.wgsl packs them
};

/**
 * The text of shaders/STEM.wgsl for values of f16 at some bindings, whose declared element types change (NARROW). A shader
 * that may meet them converts what it loads from a buffer, `vec4f(x[i])`, which changes nothing where it is f32; in one
 * that does not the types disagree, and no pipeline is made. Throws TypeError for a binding of another type.
 */
export function narrowed(stem: string, text: string, bindings: readonly number[]): string {
  const changed = bindings.reduce((wide, binding) => {
    const declaration = new RegExp(`(@binding\\(${binding}\\)\\s*var[^:]*:\\s*\\w+<)(\\w+)`);
    const type = declaration.exec(wide)?.[2] ?? "";
    if (!(type in NARROW)) throw new TypeError(`shaders/${stem}.wgsl takes no f16 at binding ${binding}`);
    return wide.replace(declaration, `$1${NARROW[type]}`);
  }, text);
  return /<(vec4h|f16)>/.test(changed) ? `enable f16; ${changed}` : changed;
}

/** The bindings of a text, by binding number. */
export function bindingKinds(text: string): BindingKind[] {
  const kinds: BindingKind[] = [];
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var(?:<([^>]*)>)?\s*\w+\s*:\s*(\w+(?:<rgba16float)?)/g;
  for (const [, index, space, type] of text.matchAll(pattern)) {
    kinds[Number(index)] = type!.endsWith("<rgba16float")
      ? "half texture"
      : type!.startsWith("texture_storage")
      ? "texture"
      : space!.includes("uniform")
      ? "uniform"
      : space!.includes("read_write")
      ? "write"
      : "read";
  }
  return kinds;
}

/** Fields of `struct Params`, in the uniform address space's layout; empty when there is none. */
export function paramFields(text: string): ParamField[] {
  const body = /struct Params\s*\{([^}]*)\}/.exec(text)?.[1];
  if (body === undefined) return [];
  const fields: ParamField[] = [];
  let offset = 0;
  for (
    const [, name, type] of body.replace(/\/\/.*$/gm, "").matchAll(
      /(\w+)\s*:\s*([\w<>, ]+?)\s*(?:,\s*(?=\w+\s*:)|,?\s*$)/g,
    )
  ) {
    const field = fieldLayout(type!.replaceAll(" ", ""));
    offset = Math.ceil(offset / field.align) * field.align;
    fields.push({ name: name!, type: field.type, offset, words: field.words });
    offset += 4 * field.words;
  }
  return fields;
}

function fieldLayout(type: string): { type: "u32" | "i32" | "f32"; words: number; align: number } {
  const scalar = { u: "u32", i: "i32", f: "f32" } as const;
  if (type === "u32" || type === "i32" || type === "f32") return { type, words: 1, align: 4 };
  const vector = /^vec4([uif])$/.exec(type);
  if (vector) return { type: scalar[vector[1] as "u"], words: 4, align: 16 };
  const array = /^array<vec4([uif]),(\d+)>$/.exec(type);
  if (array) return { type: scalar[array[1] as "u"], words: 4 * Number(array[2]), align: 16 };
  throw new TypeError(`struct Params takes u32, i32, f32, vec4 and arrays of vec4, not ${type}`);
}

/** The bytes of a Params value, padded to 16. Throws RangeError for a missing, unknown or overlong field. */
export function packParams(
  stem: string,
  fields: readonly ParamField[],
  values: Readonly<Record<string, number | readonly number[]>>,
): ArrayBuffer {
  for (const name of Object.keys(values)) {
    if (!fields.some((f) => f.name === name)) throw new RangeError(`shaders/${stem}.wgsl has no parameter ${name}`);
  }
  const last = fields.at(-1);
  const bytes = last ? last.offset + 4 * last.words : 0;
  const view = new DataView(new ArrayBuffer(Math.max(16, Math.ceil(bytes / 16) * 16)));
  for (const field of fields) {
    const value = values[field.name];
    if (value === undefined) throw new RangeError(`shaders/${stem}.wgsl needs parameter ${field.name}`);
    const words = typeof value === "number" ? [value] : value;
    if (words.length > field.words) {
      throw new RangeError(`shaders/${stem}.wgsl: ${field.name} takes ${field.words} numbers`);
    }
    words.forEach((word, i) => {
      const at = field.offset + 4 * i;
      if (field.type === "f32") view.setFloat32(at, word, true);
      else if (field.type === "i32") view.setInt32(at, word, true);
      else view.setUint32(at, word, true);
    });
  }
  return view.buffer;
}
