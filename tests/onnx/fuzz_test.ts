/**
 * Changed models: whatever is done to a graph or to a file's bytes, running it gives values of the declared shape or one
 * line of error that a user can read, and soon.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import onnxProto from "onnx-proto";
import { messageOf, UserError } from "../../src/errors.ts";
import { sizeOf } from "../../src/graph/tensor.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { importers } from "../../src/onnx/operators.ts";
import { PROJECT_ROOT } from "../../src/paths.ts";
import { runModel } from "../../src/studies/run_onnx.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { gpuTest } from "../support/gpu.ts";

const { ModelProto } = onnxProto.onnx;
type Graph = onnxProto.onnx.IGraphProto;

const MODELS = [
  `${PROJECT_ROOT}/models/fashion-mnist/generator.onnx`,
  `${PROJECT_ROOT}/tests/fixtures/golden/generators/dcgan_fixed_op13.onnx`,
];

const RUNS = 150;
const LONGEST_MS = 20_000;
const MOST_VALUES = 2 ** 20;
const OPERATORS = Object.keys(importers).sort();

/** One change of a graph; numbers choose among what is there. */
interface Change {
  readonly kind: "operator" | "attribute" | "input" | "drop" | "dims" | "swap" | "forget" | "copy";
  readonly place: number;
  readonly value: number;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("operator", "attribute", "input", "drop", "dims", "swap", "forget", "copy"),
  place: fc.nat(),
  value: fc.integer({ min: -3, max: 40 }),
});

const pick = <T>(list: readonly T[], n: number): T | undefined => list[Math.abs(n) % Math.max(1, list.length)];

function apply(graph: Graph, { kind, place, value }: Change): void {
  const nodes = graph.node!;
  const node = pick(nodes, place)!;
  const weight = pick(graph.initializer ?? [], place);
  const attribute = pick(node.attribute ?? [], value);
  switch (kind) {
    case "operator":
      node.opType = pick(OPERATORS, place + value)!;
      break;
    case "attribute":
      if (attribute?.ints?.length) attribute.ints[Math.abs(value) % attribute.ints.length] = value;
      else if (attribute) Object.assign(attribute, { i: value, f: value });
      break;
    case "input":
      if (node.input?.length) node.input[Math.abs(value) % node.input.length] = pick(nodes, value)!.output![0]!;
      break;
    case "drop":
      nodes.splice(place % nodes.length, 1);
      break;
    case "dims":
      if (weight?.dims?.length) weight.dims[Math.abs(value) % weight.dims.length] = value;
      break;
    case "swap":
      if (node.input?.length) node.input = [...node.input].reverse();
      break;
    case "forget":
      if (node.attribute?.length) node.attribute = node.attribute.slice(1);
      break;
    case "copy":
      node.input = [...node.input ?? [], ...node.input ?? []];
      break;
    default:
      kind satisfies never;
  }
}

/** What a programmer, not a user, should see. */
const INTERNAL =
  /internal|undefined|is not a function|is not defined|is not iterable|Cannot read|Invalid array length|object Object/;

/** Runs the model of a file's bytes; what it throws but an error for a user, or what takes long, fails the test. */
async function runs(gpu: Gpu, bytes: Uint8Array): Promise<void> {
  const begin = performance.now();
  try {
    const model = decodeModel(bytes, "changed.onnx");
    const inputs = model.inputs.map(({ name, dtype, dims }) => {
      const shape = (dims ?? []).map((d, i) => i === 0 || typeof d === "string" ? 3 : d);
      if (!(sizeOf(shape) <= MOST_VALUES)) throw new UserError(`an input of [${shape}] is too large for a test`);
      const data = dtype === "f32"
        ? new Float32Array(sizeOf(shape)).fill(0.5)
        : new Float64Array(sizeOf(shape)).fill(1);
      return [name, { dtype, shape, data }] as const;
    });
    const outputs = await runModel(gpu, model, new Map(inputs));
    for (const { shape, data } of outputs.values()) assert.equal(data.length, sizeOf(shape));
  } catch (error) {
    assert.ok(error instanceof UserError || error instanceof RangeError, String((error as Error).stack));
    assert.doesNotMatch(messageOf(error), INTERNAL, String((error as Error).stack));
    assert.ok(!messageOf(error).includes("\n"), messageOf(error));
  }
  gpu.check();
  const took = performance.now() - begin;
  assert.ok(took < LONGEST_MS, `${took} ms`);
}

for (const path of MODELS) {
  const name = path.slice(PROJECT_ROOT.length + 1);

  gpuTest(`${name} under any change of its graph gives a result or an error`, async (gpu) => {
    const bytes = await Deno.readFile(path);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const message = ModelProto.decode(bytes);
        if (message.graph!.node!.length > 1) changes.forEach((c) => apply(message.graph!, c));
        await runs(gpu, ModelProto.encode(message).finish());
      }),
      { numRuns: RUNS, seed: 11 },
    );
  });

  gpuTest(`${name} under any change of its bytes gives a result or an error`, async (gpu) => {
    const bytes = await Deno.readFile(path);
    // Half of the changes fall on what is not weights, which is most of such a file.
    const place = fc.oneof(fc.nat(bytes.length - 1), fc.nat(Math.min(4000, bytes.length - 1)));
    const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 5 });
    const length = fc.oneof({ weight: 9, arbitrary: fc.constant(bytes.length) }, fc.nat(bytes.length));
    await fc.assert(
      fc.asyncProperty(changes, length, async (changed, cut) => {
        const copy = bytes.slice(0, cut);
        for (const [at, value] of changed) if (at < cut) copy[at] = value;
        await runs(gpu, copy);
      }),
      { numRuns: RUNS, seed: 12 },
    );
  });
}
