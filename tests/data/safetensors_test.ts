import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeSafetensors, encodeSafetensors, readSafetensors, writeSafetensors } from "../../src/data/safetensors.ts";
import type { StoredTensor } from "../../src/data/safetensors.ts";

function file(header: unknown, body: number[] = []): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string" ? header : JSON.stringify(header);
  const bytes = new Uint8Array(8 + json.length + body.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(new TextEncoder().encode(json), 8);
  bytes.set(body, 8 + json.length);
  return bytes;
}

const refused = (bytes: Uint8Array<ArrayBuffer>, why: RegExp) =>
  assert.throws(() => decodeSafetensors(bytes, "x.safetensors"), (error: Error) => {
    assert.equal(error.name, "UserError");
    assert.match(error.message, /^x.safetensors is not a valid safetensors file: [^\n]*$/);
    assert.match(error.message, why);
    return true;
  });

Deno.test("a file comes back as it was written, aligned and leaving nothing beside it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/sub/a.safetensors`;
  const tensors: [string, StoredTensor][] = [
    ["byte", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) }],
    ["encoder.fc.weight", { dtype: "F32", shape: [2, 1], data: Float32Array.of(1.5, -0) }],
    ["scalar", { dtype: "I32", shape: [], data: Int32Array.of(-7) }],
    ["long", { dtype: "I64", shape: [1], data: BigInt64Array.of(-(2n ** 60n)) }],
    ["none", { dtype: "F32", shape: [0, 4], data: new Float32Array(0) }],
  ];
  await writeSafetensors(path, tensors, { step: "3", config: "a: ü\n" });
  await writeSafetensors(path, tensors, { step: "4", config: "a: ü\n" });
  const read = await readSafetensors(path);
  assert.deepEqual(read.metadata, { step: "4", config: "a: ü\n" });
  assert.deepEqual(new Map([...read.tensors].sort()), new Map(tensors.sort()));
  assert.deepEqual(Array.from(Deno.readDirSync(`${folder}/sub`), (e) => e.name), ["a.safetensors"]);
  const headerLength = new DataView((await Deno.readFile(path)).buffer).getBigUint64(0, true);
  assert.equal(headerLength % 8n, 0n);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("half, bfloat16 and double arrive as f32", () => {
  const header = {
    h: { dtype: "F16", shape: [2], data_offsets: [0, 4] },
    b: { dtype: "BF16", shape: [1], data_offsets: [4, 6] },
    d: { dtype: "F64", shape: [1], data_offsets: [6, 14] },
  };
  const half = [0x00, 0x3c, 0x00, 0xc0];
  const bfloat = [0x80, 0xbf];
  const double = [...new Uint8Array(Float64Array.of(0.1).buffer)];
  const { tensors } = decodeSafetensors(file(header, [...half, ...bfloat, ...double]), "x");
  assert.deepEqual([...tensors.get("h")!.data], [1, -2]);
  assert.deepEqual([...tensors.get("b")!.data], [-1]);
  assert.deepEqual([...tensors.get("d")!.data], [Math.fround(0.1)]);
});

Deno.test("foreign, damaged and cut off files are refused in one line", () => {
  const f32 = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  refused(new Uint8Array(3), /3 bytes are too few/);
  refused(new TextEncoder().encode("PK\x03\x04 some zip file"), /does not begin with a header's length/);
  refused(file({ a: f32 }).slice(0, 20), /header needs .* cut off/);
  refused(file({ a: f32 }, [0, 0]), /tensors need 4 bytes and 2 are there/);
  refused(file({ a: f32 }, [0, 0, 0, 0, 0]), /1 bytes follow/);
  refused(file("{a"), /not JSON/);
  refused(file([]), /not a JSON object/);
  refused(file({ a: 3 }), /entry of tensor a is not an object/);
  refused(file({ a: { ...f32, dtype: "C64" } }, [0, 0, 0, 0]), /tensor a has type C64, supported are/);
  refused(file({ a: { ...f32, shape: [-1] } }), /no valid shape/);
  refused(file({ a: { ...f32, shape: [2] } }, [0, 0, 0, 0]), /needs 8 bytes but has 4/);
  refused(file({ a: { ...f32, data_offsets: [4, 8] } }, Array(8).fill(0)), /begins at 4, not at 0/);
  refused(file({ a: f32, b: f32 }, Array(4).fill(0)), /begins at 0, not at 4/);
  refused(file({ __metadata__: { step: 3 } }), /must map names to strings/);
});

Deno.test("no cut of a file is taken for a file", () => {
  const whole = encodeSafetensors([["a", { dtype: "F32", shape: [2], data: Float32Array.of(1, 2) }]]);
  fc.assert(fc.property(fc.nat(whole.length - 1), (n) => refused(whole.slice(0, n), /./)));
});

Deno.test("a missing file and a wrong tensor are named", async () => {
  await assert.rejects(readSafetensors("/none.safetensors"), /\/none.safetensors does not exist/);
  const wrong: StoredTensor = { dtype: "F32", shape: [3], data: new Float32Array(2) };
  assert.throws(() => encodeSafetensors([["w", wrong]]), /w has shape \[3\] but 2 elements/);
});
