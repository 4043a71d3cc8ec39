/** Reading of WGSL text: constants, bindings and parameter layouts. */

import assert from "node:assert/strict";
import { bindingKinds, narrowed, packParams, paramFields, shaderText, specialize } from "../../src/gpu/shader.ts";

Deno.test("a constant takes a new value in its own type, an unknown one is an error", () => {
  assert.match(specialize("unary", { FUNCTION: 3 }), /^const FUNCTION: u32 = 3u;/m);
  assert.throws(() => specialize("unary", { NOTHING: 1 }), /shaders\/unary\.wgsl has no constant NOTHING/);
});

Deno.test("imports are put in place once", () => {
  const text = shaderText("unary");
  assert.equal(text.match(/fn flat_index/g)!.length, 1);
  assert.doesNotMatch(text, /^#import/m);
});

Deno.test("bindings are read from the text", () => {
  assert.deepEqual(bindingKinds(shaderText("unary")), ["read", "write", "uniform"]);
  const text = "@group(0) @binding(0) var w: texture_storage_2d<rgba32float, read>;";
  assert.deepEqual(bindingKinds(text), ["texture"]);
});

Deno.test("declarations of bindings change for values of f16, and no others do", () => {
  const text = shaderText("conv_igemm");
  const half = narrowed("conv_igemm", text, [1]);
  assert.deepEqual(bindingKinds(half).slice(0, 3), ["texture", "half texture", "write"]);
  assert.doesNotMatch(half, /^enable/); // a texture takes no feature
  const buffers = narrowed("conv_tile", shaderText("conv_tile"), [0, 1]);
  assert.match(buffers, /^enable f16; \/\//);
  assert.equal(buffers.match(/array<vec4h>/g)!.length, 2);
  assert.match(buffers, /@binding\(2\) var<storage, read_write> y: array<vec4f>;/);
  assert.match(narrowed("conv", shaderText("conv"), [0]), /@binding\(0\) var<storage, read> x: array<f16>;/);
  assert.equal(narrowed("conv", shaderText("conv"), []), shaderText("conv"));
  assert.throws(() => narrowed("binary", shaderText("binary"), [1]), /binary\.wgsl takes no f16 at binding 1/);
});

Deno.test("parameters are laid out as the uniform address space does", () => {
  const text =
    "struct Params {\n  n: u32, // count\n  alpha: f32,\n  dims: array<vec4u, 2>,\n  bias: vec4f,\n  last: i32,\n}";
  const fields = paramFields(text);
  assert.deepEqual(fields.map((f) => [f.name, f.offset, f.words]), [
    ["n", 0, 1],
    ["alpha", 4, 1],
    ["dims", 16, 8],
    ["bias", 48, 4],
    ["last", 64, 1],
  ]);
  const bytes = packParams("x", fields, { n: 7, alpha: 0.5, dims: [1, 2, 3, 4, 5], bias: [1, 2, 3, 4], last: -1 });
  const view = new DataView(bytes);
  assert.equal(bytes.byteLength, 80);
  assert.deepEqual([
    view.getUint32(0, true),
    view.getFloat32(4, true),
    view.getUint32(32, true),
    view.getInt32(64, true),
  ], [
    7,
    0.5,
    5,
    -1,
  ]);
  assert.throws(() => packParams("x", fields, { n: 1 }), /needs parameter alpha/);
  assert.throws(() => packParams("x", fields, { count: 1 }), /has no parameter count/);
});
